"""`python -m bareflow`: the same program as the wheel's `bareflow` command."""

from bareflow.cli import main

main()
