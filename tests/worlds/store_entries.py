"""A store that is open, entries of random bytes to put into it, and whether two are equal."""

from pathlib import Path

import numpy as np

from telltale import config
from telltale.data.store import ClipStore, StoredClip
from telltale.decode.frames import Frames
from telltale.decode.sound import Wave

SPEC = {"frames": 2, "rate_hz": 16_000}


def opened(folder: Path, spec: dict | None = None, **settings: float) -> ClipStore:
    return ClipStore(folder, spec or SPEC, config.StoreSettings(**({"keep_free_gb": 0.0} | settings)))


def entry(seed: int = 0, frames: int = 2, size: int = 8) -> StoredClip:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (frames, size, size, 3), dtype=np.uint8)
    shown = Frames(pixels, 0.25 + np.arange(frames) / 3, partial=False)
    return StoredClip(
        0.3, shown, Wave(rng.uniform(-1, 1, 500).astype(np.float32), 16_000, 0.3, partial=False), "ok", 1.5
    )


def alike(one: StoredClip | None, other: StoredClip | None) -> bool:
    """Whether two entries are equal to the last bit, their arrays too."""
    assert one is not None and other is not None
    for name in ("frames", "wave"):
        ours, theirs = getattr(one, name), getattr(other, name)
        if (ours is None) != (theirs is None):
            return False
        for a, b in zip(vars(ours).values(), vars(theirs).values(), strict=True) if ours is not None else ():
            same = (a.dtype == b.dtype and np.array_equal(a, b)) if isinstance(a, np.ndarray) else a == b
            if not same:
                return False
    return (one.start_seconds, one.status, one.seconds) == (other.start_seconds, other.status, other.seconds)
