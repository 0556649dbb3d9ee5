"""Checkpoints: one dictionary of tensors and plain values, written whole or not at all, read without running
any code."""

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telltale.errors import InputError
from telltale.files import write_whole
from telltale.models import calibration

if TYPE_CHECKING:
    import torch

FORMAT = "telltale-checkpoint-1"
# torch.save writes a ZIP archive.
MAGIC = b"PK\x03\x04"


def save(path: Path, content: dict[str, Any]) -> None:
    """Write `content` beside `path` and rename it into place: a kill at any moment leaves the old file or the
    new one.

    Raises InputError if the disk is full or the folder cannot be written; the old file is still there then.
    """
    import torch

    with write_whole(path) as file:
        try:
            torch.save({"format": FORMAT, **content}, file)
        except RuntimeError as error:
            # torch's writer hides why the file did not take it.
            cause: BaseException | None = error
            while cause is not None and not isinstance(cause, OSError):
                cause = cause.__context__
            raise cause or error from None


def check(path: Path) -> None:
    """Look at the file's first bytes, without torch. Raises InputError if it is absent or cannot be a
    checkpoint."""
    try:
        with path.open("rb") as file:
            begins = file.read(len(MAGIC))
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); wanted a checkpoint such as RUN/best.pt"
        ) from None
    if begins != MAGIC:
        raise InputError(f"{path}: is no checkpoint; wanted a file that train.py wrote, such as RUN/best.pt")


def load(path: Path) -> dict[str, Any]:
    """Read what `save` wrote, on the CPU. Raises InputError for a file that is absent, damaged or something
    else."""
    check(path)
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # one flipped bit makes the unpickler stumble over anything
        raise _damaged(path, error) from None
    return _of_our_format(path, content)


def facts(path: Path) -> dict[str, Any]:
    """What `load` gives, but read without torch: every tensor is None. Raises InputError as `load` does."""
    check(path)
    try:
        with zipfile.ZipFile(path) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
            content = _WithoutTensors(io.BytesIO(archive.read(name))).load()
    except Exception as error:  # as above
        raise _damaged(path, error) from None
    return _of_our_format(path, content)


class _WithoutTensors(pickle.Unpickler):
    """Reads the pickle in torch's archive. It calls nothing that the file names but OrderedDict; all of
    torch's gives None."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module.partition(".")[0] == "torch":
            return _nothing
        raise pickle.UnpicklingError(f"{module}.{name} does not belong in a checkpoint")

    def persistent_load(self, _: Any) -> None:
        """A tensor's storage, which lies in the archive beside the pickle."""


def _nothing(*_: Any) -> None:
    """In place of the functions that make tensors."""


def _of_our_format(path: Path, content: Any) -> dict[str, Any]:
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(
            f"{path}: is not a {FORMAT} file; wanted a checkpoint that train.py wrote, such as RUN/best.pt"
        )
    return content


def _damaged(path: Path, error: Exception) -> InputError:
    text = str(error).strip()
    reason = next(iter(text.splitlines()), type(error).__name__)
    if "weights_only" in text:
        # torch goes on to advise loading the file without the check, which would run whatever code it names.
        reason = "it holds more than tensors and plain values"
    return InputError(f"{path}: is damaged or no checkpoint ({reason}); wanted a file that train.py wrote")


def load_weights(model: "torch.nn.Module", state: dict[str, Any], path: Path) -> None:
    """Put the weights in place, every name matched, and their calibration, if they have one. Raises
    InputError naming what does not fit."""
    calibration.prepare(model, state)
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: its weights do not fit the model that its own config describes ({reason})"
        ) from None
