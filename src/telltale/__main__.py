"""`python -m telltale VERB ...` is `telltale VERB ...`."""

import sys

from telltale.cli import main

if __name__ == "__main__":
    sys.exit(main())
