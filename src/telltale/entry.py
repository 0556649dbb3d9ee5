"""How a program of ours ends: its exit status, and one sentence instead of a traceback for what a person can put right."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

from telltale.errors import InputError
from telltale.signals import Stopped


def demand(*paths: Path) -> None:
    """Raise InputError for the first that is not there: what a person gave is looked at before anything slow is loaded."""
    for path in paths:
        try:
            path.stat()
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def guarded(program: Callable[[], int]) -> int:
    """Run `program`; return 0 or its own status, 2 for wrong input, 1 for a loss that broke, 128 + number after a signal."""
    try:
        return program()
    except (InputError, ArithmeticError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    except Stopped as stop:
        print(f"{stop}; {stop.remedy}" if stop.remedy else str(stop), file=sys.stderr)
        return 128 + stop.number
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody to tell.
        sys.stderr.close()
        return 128 + signal.SIGPIPE
