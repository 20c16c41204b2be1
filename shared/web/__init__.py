"""What every service's HTTP side shares: the application, its middleware, request bodies, health and the server."""
