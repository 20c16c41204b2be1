"""Who is calling and what they may do: tokens, the one access table, and the FastAPI dependencies that use both."""
