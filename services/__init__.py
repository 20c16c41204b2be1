"""The four services: intake, routing, tracking, notify. They never import each other."""
