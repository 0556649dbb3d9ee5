"""`python -m telltale COMMAND ...` is `telltale COMMAND ...`."""

import sys

from telltale.cli import main

if __name__ == "__main__":
    sys.exit(main())
