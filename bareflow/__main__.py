"""`python -m bareflow`: the same program as the wheel's `bareflow` command."""

import sys

try:
    from bareflow.cli import main
except KeyboardInterrupt:  # it takes a while
    sys.exit(130)

main()
