"""How the world reaches notify: HTTP and events."""
