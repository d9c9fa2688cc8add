"""What of a program and of its compiler is used, and what is dead weight."""
