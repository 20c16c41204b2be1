"""intake: receives issues, keeps the reporter's personal data, and is the reporter's way back in."""
