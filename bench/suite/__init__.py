"""`./inv bench`: every program of a suite, built by every configuration, measured side by side."""
