"""Where requests and events come in."""
