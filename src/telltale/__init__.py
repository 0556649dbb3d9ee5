"""Telltale: audio-visual deepfake detection, from label files to a submission that explains itself.

    import telltale
    telltale.load("RUN/best.pt").predict(["a.mp4", "b.mp4"])     # fake probability and status of each

Importing it loads nothing heavy and changes nothing of the process.
"""

import os
import time
from typing import TYPE_CHECKING

from telltale.errors import InputError

if TYPE_CHECKING:
    import torch

    from telltale.predict.api import Prediction, Predictor

__all__ = ["InputError", "Prediction", "Predictor", "load"]
__version__ = "0.1.0"

# When the program began, as good as: this is the first of its imports.
STARTED = time.perf_counter()


def load(
    checkpoint: str | os.PathLike[str],
    *,
    device: "str | torch.device | None" = None,
    spans: int | None = None,
    flip: bool | None = None,
    batch_size: int | None = None,
    workers: int = 0,
) -> "Predictor":
    """A trained model to score clips with; see `telltale.predict.api.Predictor`. It needs the packages of
    `telltale[model]`."""
    from telltale.predict.api import Predictor

    return Predictor(
        checkpoint, device=device, spans=spans, flip=flip, batch_size=batch_size, workers=workers
    )


def __getattr__(name: str) -> object:
    if name in ("Prediction", "Predictor"):
        from telltale.predict import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
