"""The shape of the code, and that each rule about it bites."""
