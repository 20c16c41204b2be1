"""tracking: shows what became of every issue: to staff, to the reporter, to the public, and in numbers."""
