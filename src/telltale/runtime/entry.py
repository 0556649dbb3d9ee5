"""How a program of ours begins and ends: its environment, its exit status, and one sentence instead of a
traceback for what a person can put right."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

from telltale.errors import InputError
from telltale.runtime import threads
from telltale.runtime.signals import Stopped

# What `pip install telltale` leaves out: the modules of the packages of its extra "model".
MODEL_STACK = frozenset(
    (
        *("torch", "torchvision", "timm", "librosa", "soxr", "av", "decord", "thop", "albumentations", "cv2"),
        *("tensorboard", "safetensors", "huggingface_hub"),
    )
)


def demand(*paths: Path, wanted: str = "") -> None:
    """Raise InputError for the first that is not there: what a person gave is looked at before anything slow
    is loaded."""
    for path in paths:
        try:
            path.stat()
        except OSError as error:
            remedy = f"; wanted {wanted}" if wanted else ""
            raise InputError(f"{path}: cannot be read ({error.strerror}){remedy}") from None


def guarded(program: Callable[[], int], name: str = "this program") -> int:
    """Run `program`; return 0 or its own status, 2 for wrong input or a missing package, 1 for a loss that
    broke, 128 + number after a signal. torch and numpy must not be loaded before, for they read their
    settings from the environment then."""
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
        _clear()
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    except Stopped as stop:
        _clear()
        print(f"{stop}; {stop.remedy}" if stop.remedy else str(stop), file=sys.stderr)
        return 128 + stop.number
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody to tell.
        sys.stderr.close()
        return 128 + signal.SIGPIPE


def _clear() -> None:
    """No bar may stand where the last sentence comes."""
    from telltale.runtime import progress

    progress.close()
