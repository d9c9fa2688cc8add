"""The comparisons: programs that anyone can run."""
