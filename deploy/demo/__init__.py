"""The demo: 42 matters that public reports of household-visit campaigns describe, played through the public APIs."""
