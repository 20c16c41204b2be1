"""Ways into routing: HTTP, its subscriber, its Temporal worker."""
