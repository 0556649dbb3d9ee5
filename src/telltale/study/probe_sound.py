"""What a clip's sound tells by simple measures: silence at its ends, loudness, band limit, mean spectrum.

numbers, spectrum = sound_facts(samples, rate_hz)
"""

import numpy as np
from numpy.typing import NDArray

from telltale.data.silence import silent_ends

BANDS = 40
SPECTRUM = 2 * BANDS
QUIET_DB = -120.0  # digital silence
_WINDOW = 2048
_DIGITAL = 2.0**-15  # a step of 16-bit sound
_BLOCK_COLUMNS = 256


def sound_facts(samples: NDArray[np.float32], rate_hz: int) -> tuple[dict[str, float], NDArray[np.float32]]:
    """Numbers, and the mean and the deviation of 40 log bands, float32 (80,) in dB.

    samples: float32 (N,) in [-1, 1] at the rate of the source, N >= 1.
    """
    before, after = silent_ends(samples, rate_hz)
    loud = np.flatnonzero(np.abs(samples) > _DIGITAL)
    first, last = (int(loud[0]), len(samples) - 1 - int(loud[-1])) if len(loud) else (len(samples), 0)
    frame = max(1, rate_hz // 50)
    whole = samples[: max(len(samples) // frame, 1) * frame].astype(np.float64)
    power = np.square(whole).reshape(-1, min(frame, len(whole))).mean(axis=1)
    numbers = {
        "leading.seconds": before / rate_hz,
        "leading.digital_seconds": first / rate_hz,
        "trailing.seconds": after / rate_hz,
        "trailing.digital_seconds": last / rate_hz,
        "loudness.rms_db": _decibels(power.mean()),
        "loudness.peak_db": _decibels(float(np.abs(samples).max()) ** 2),
        "loudness.floor_db": _decibels(float(np.percentile(power, 10))),
        "loudness.loud_db": _decibels(float(np.percentile(power, 90))),
        "loudness.clipped": float((np.abs(samples) > 0.999).mean()),
        "band.rate_hz": float(rate_hz),
    }
    columns = _spectrogram(samples)
    numbers |= _band_facts(columns.mean(axis=0), rate_hz)
    bands = 10 * np.log10(np.maximum(columns @ _filters(rate_hz), 10 ** (QUIET_DB / 10)))
    return numbers, np.concatenate([bands.mean(axis=0), bands.std(axis=0)]).astype(np.float32)


def _decibels(power: float) -> float:
    return float(max(QUIET_DB, 10 * np.log10(max(power, 1e-30))))


def _spectrogram(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Power, (columns, bins), of windows that overlap by half."""
    padded = np.zeros(max(len(samples), _WINDOW), np.float32)
    padded[: len(samples)] = samples
    view = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[:: _WINDOW // 2]
    window = np.hanning(_WINDOW + 1)[:-1]
    parts = [
        np.square(np.abs(np.fft.rfft(view[first : first + _BLOCK_COLUMNS] * window)))
        for first in range(0, len(view), _BLOCK_COLUMNS)
    ]
    return np.concatenate(parts) / np.square(window).sum()


def _band_facts(power: NDArray[np.float64], rate_hz: int) -> dict[str, float]:
    """Where the mean spectrum, (bins,), ends: by its share of power and by its level; 0 for silence."""
    bin_hz, total = rate_hz / _WINDOW, power.sum()
    if not total > 0:
        return dict.fromkeys(("band.half_hz", "band.most_hz", "band.all_hz", "band.edge_hz"), 0.0)
    share = np.cumsum(power) / total
    half, most, nearly = (float(np.searchsorted(share, part)) * bin_hz for part in (0.5, 0.99, 0.9999))
    smooth = np.convolve(power, np.ones(9) / 9, mode="same")
    edge = float(np.flatnonzero(smooth > smooth.max() * 1e-8)[-1]) * bin_hz
    return {"band.half_hz": half, "band.most_hz": most, "band.all_hz": nearly, "band.edge_hz": edge}


def _filters(rate_hz: int) -> NDArray[np.float64]:
    """(bins, BANDS): bins averaged in bands that are evenly spaced on the mel scale up to 8 kHz, so that they
    mean the same at every rate."""
    frequencies = np.fft.rfftfreq(_WINDOW, 1 / rate_hz)
    mel = 2595 * np.log10(1 + frequencies / 700)
    step = 2595 * np.log10(1 + 8000 / 700) / BANDS
    inside = np.floor(mel[:, None] / step) == np.arange(BANDS)
    return inside / np.maximum(inside.sum(axis=0), 1)
