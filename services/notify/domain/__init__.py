"""Which event tells whom what, and what becomes of a message. Pure: no I/O, no clock."""
