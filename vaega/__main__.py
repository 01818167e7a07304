"""``python -m vaega``: the command line."""

import sys

from vaega.cli import main

if __name__ == "__main__":
    sys.exit(main())
