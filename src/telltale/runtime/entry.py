"""How a program of ours starts and ends: its environment, its exit status, and one sentence instead of a
traceback for what a person can put right."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

from telltale.errors import InputError
from telltale.runtime import threads
from telltale.runtime.signals import Stopped

# The modules that `pip install telltale` does not install: those of the packages of its extra "model".
MODEL_STACK = frozenset(
    (
        *("torch", "torchvision", "timm", "librosa", "soxr", "av", "decord", "thop", "albumentations", "cv2"),
        *("tensorboard", "safetensors", "huggingface_hub"),
    )
)


def require_files(*paths: Path, wanted: str = "") -> None:
    """Raise InputError for the first path that does not exist, before anything slow is imported.

    wanted: what the sentence then asks for.
    """
    for path in paths:
        try:
            path.stat()
        except OSError as error:
            remedy = f"; wanted {wanted}" if wanted else ""
            raise InputError(f"{path}: cannot be read ({error.strerror}){remedy}") from None


def guarded(program: Callable[[], int], name: str = "this program") -> int:
    """Run `program` and return its exit status: its own; 2 for wrong input or a missing package; 1 for a loss
    that is not finite; 128 + number after a signal.

    torch and numpy must not be imported before: they read their settings from the environment then.
    """
    threads.set_environment()
    try:
        return program()
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in MODEL_STACK:
            raise
        print(
            f"error: {name} needs {module}, which is not installed: pip install 'telltale[model]'",
            file=sys.stderr,
        )
        return 2
    except (InputError, ArithmeticError) as error:
        _close_bars()
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    except Stopped as stop:
        _close_bars()
        print(f"{stop}; {stop.remedy}" if stop.remedy else str(stop), file=sys.stderr)
        return 128 + stop.number
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # The reader of our output is gone, `head` say. Python would complain about the pipe at exit.
        sys.stderr.close()
        return 128 + signal.SIGPIPE


def _close_bars() -> None:
    """Remove progress bars, so that the last sentence has a line of its own."""
    from telltale.runtime import progress

    progress.close()
