"""What the events tell: a ledger entry, a timeline, transitions that statistics count, and the words for them. Pure: no I/O, no clock."""
