"""Routing decides: who is responsible, until when, and what follows when a deadline lapses."""
