"""Ways into tracking: HTTP and its subscriber."""
