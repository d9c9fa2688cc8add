"""Training runs and trials in Linux processes: what a program does, and which code for it is fastest."""
