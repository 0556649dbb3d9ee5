"""Sound → log-mel image, by librosa's definition: `librosa.feature.melspectrogram`, then `librosa.power_to_db`.

image = log_mel(wave.samples, settings.mel, settings.clip.seconds)
"""

from functools import lru_cache

import numpy as np
from librosa import power_to_db, stft
from librosa.filters import mel as mel_filters

from telltale import config


def n_samples(settings: config.Mel, seconds: float) -> int:
    """Samples that `seconds` of sound make at the settings' rate."""
    return round(seconds * settings.rate_hz)


def n_columns(settings: config.Mel, seconds: float) -> int:
    """Columns of the image of `seconds` of sound: one for each hop, and one."""
    return 1 + n_samples(settings, seconds) // settings.hop_length


def log_mel(samples: np.ndarray, settings: config.Mel, seconds: float) -> np.ndarray:
    """Samples, float32 (N,) in [-1, 1] at `rate_hz` → float32 (n_mels, n_columns) in dB of power; silence is -100 dB.

    The samples are cut, or padded with silence, to `seconds`. Raises librosa.ParameterError where a sample is not finite.
    """
    wanted = n_samples(settings, seconds)
    span = np.zeros(wanted, np.float32)
    span[: len(samples)] = samples[:wanted]
    power = np.abs(stft(span, n_fft=settings.n_fft, hop_length=settings.hop_length)) ** 2.0
    # melspectrogram's own lines, bit for bit, but for building its filters anew for each clip: a third of the time.
    mel = np.einsum("...ft,mf->...mt", power, _filters(settings), optimize=True)
    return power_to_db(mel, ref=1.0, amin=1e-10, top_db=None)


@lru_cache
def _filters(settings: config.Mel) -> np.ndarray:
    return mel_filters(
        sr=settings.rate_hz, n_fft=settings.n_fft, n_mels=settings.n_mels, fmin=settings.fmin_hz, fmax=settings.fmax_hz
    )
