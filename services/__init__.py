"""The four services. They never import each other: what they share is in `shared`, what they tell each other are events."""
