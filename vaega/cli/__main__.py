"""``python -m vaega.cli``."""

import sys

from vaega.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
