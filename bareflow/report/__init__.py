"""The report: one self-contained HTML page from a profile and a growth's result."""
