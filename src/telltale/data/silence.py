"""Silence at the two ends of a sound: where it is, and the sound with it filled.

`study` measures with `silent_ends` what `augment.fill_silence_p` removes with `fill_silence`.
"""

import numpy as np
from numpy.typing import NDArray

FRAME_SECONDS = 0.01
# A frame this much softer than the loudest one is silent, in dB of RMS.
BELOW_LOUDEST_DB = 50.0


def silent_ends(samples: NDArray[np.float32], rate_hz: int) -> tuple[int, int]:
    """How many samples at the beginning and at the end are silent; (N, 0) if all are.

    samples: float32 (N,), finite. The resolution is a frame of 10 ms.
    """
    frame = max(1, round(FRAME_SECONDS * rate_hz))
    count = -(-len(samples) // frame)
    padded = np.zeros(count * frame)
    padded[: len(samples)] = samples
    power = np.square(padded).reshape(count, frame).mean(axis=1)
    if not len(samples) or not power.max() > 0:
        return len(samples), 0
    loud = np.flatnonzero(power >= power.max() * 10 ** (-BELOW_LOUDEST_DB / 10))
    return int(loud[0]) * frame, max(0, len(samples) - (int(loud[-1]) + 1) * frame)


def fill_silence(samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
    """Samples float32 (N,) → the same shape: silence at the two ends is filled with the mirrored sound beside
    it.

    The rest stays where it is, in step with the picture. Sound that is silent throughout is returned as it
    is.
    """
    before, after = silent_ends(samples, rate_hz)
    sound = samples[before : len(samples) - after]
    if not (before or after) or len(sound) < 2:
        return samples
    return np.pad(sound, (before, after), mode="reflect")
