"""Pure: commands, what refuses them, and the facts that follow. No I/O, no clock, no randomness."""
