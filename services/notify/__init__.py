"""notify: tells reporters and staff what became of an issue, and the log what became of the message."""
