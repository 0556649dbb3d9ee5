"""Another voice says the same at the same times: pitch, formants, or both statistics of another speaker.

Each public function is a `sound_scene.Change`: (rng, sound, scene) to as many samples.
"""

import numpy as np
from scipy import ndimage

from telltale.zoo import sound_source_filter as source_filter
from telltale.zoo import sound_spectra as spectra
from telltale.zoo.sound_scene import SoundScene
from telltale.zoo.sound_source_filter import WINDOW
from telltale.zoo.sound_vocoders import transposed

DETAIL = 40  # cepstral coefficients of an envelope


def pitch_and_formants(rng: np.random.Generator, sound: np.ndarray, scene: SoundScene) -> np.ndarray:
    """Both higher or lower by a factor of 1.08 to 1.35."""
    return transposed(sound, _factor(rng, 1.08, 1.35), int(rng.choice([512, 1024])))


def pitch_alone(rng: np.random.Generator, sound: np.ndarray, scene: SoundScene) -> np.ndarray:
    """Pitch higher or lower by a factor of 1.08 to 1.4, with the formants of the recording."""
    changed = spectra.analyse(
        transposed(sound, _factor(rng, 1.08, 1.4), int(rng.choice([512, 1024]))), WINDOW
    )
    recorded = _envelope(spectra.analyse(sound, WINDOW))
    return _filtered(changed, recorded - _envelope(changed), len(sound))


def formants_alone(rng: np.random.Generator, sound: np.ndarray, scene: SoundScene) -> np.ndarray:
    """Formants higher or lower by a factor of 1.08 to 1.3, with the pitch of the recording."""
    spectrum = spectra.analyse(sound, WINDOW)
    before = _envelope(spectrum)
    return _filtered(spectrum, _warped(before, _factor(rng, 1.08, 1.3)) - before, len(sound))


def voice_filtered(rng: np.random.Generator, sound: np.ndarray, scene: SoundScene) -> np.ndarray:
    """Mean and standard deviation of the other speaker's envelope, and mean of the pitch, without a vocoder.

    The recording is transposed and then filtered by the difference of the envelopes.
    """
    spectrum = spectra.analyse(sound, WINDOW)
    theirs = spectra.analyse(scene.other_as_loud, WINDOW)
    ratio = _mean_pitch(theirs) / _mean_pitch(spectrum)
    # Equal pitch would leave little of the forgery, and a far one much noise of the phase vocoder.
    ratio = np.exp(np.clip(np.log(ratio), -0.45, 0.45))
    changed = spectra.analyse(transposed(sound, float(ratio), 1024), WINDOW)
    wanted = _with_statistics(_envelope(spectrum), spectrum, _envelope(theirs), theirs)
    return _filtered(changed, wanted - _envelope(changed), len(sound))


def voice_vocoded(rng: np.random.Generator, sound: np.ndarray, scene: SoundScene) -> np.ndarray:
    """Mean and standard deviation of the other speaker's envelope and pitch, by the WORLD-type vocoder."""
    spectrum = spectra.analyse(sound, WINDOW)
    theirs = spectra.analyse(scene.other_as_loud, WINDOW)
    wanted = _with_statistics(_envelope(spectrum), spectrum, _envelope(theirs), theirs)
    mine, others = source_filter.track(spectrum), source_filter.track(theirs)
    log_mine, log_others = np.log(mine.hz[mine.voiced]), np.log(others.hz[others.voiced])
    spread = np.clip(log_others.std() / max(log_mine.std(), 0.02), 0.5, 2.0)
    hz = np.exp((np.log(mine.hz) - log_mine.mean()) * spread + log_others.mean())
    hz = np.clip(hz, source_filter.LOWEST_HZ, source_filter.HIGHEST_HZ)
    harmonic = source_filter.harmonic_share(mine, rng.uniform(2500, 6000), len(wanted))
    return source_filter.excited(rng, source_filter.minimum_phase(wanted), hz, harmonic, len(sound))


def _factor(rng: np.random.Generator, least: float, most: float) -> float:
    return float(rng.uniform(least, most) ** (1 if rng.random() < 0.5 else -1))


def _envelope(spectrum: np.ndarray) -> np.ndarray:
    return spectra.envelope(np.abs(spectrum), 150.0, DETAIL)


def _filtered(spectrum: np.ndarray, log_gain: np.ndarray, count: int) -> np.ndarray:
    """The sound of `spectrum` times exp(log_gain), at most 30 dB up or down."""
    return spectra.synthesise(spectrum * np.exp(np.clip(log_gain, -3.5, 3.5)), count)


def _warped(log_envelope: np.ndarray, factor: float) -> np.ndarray:
    """The envelope with its frequencies times `factor`."""
    bins = len(log_envelope)
    at = np.minimum(np.arange(bins) / factor, bins - 1.001)
    low, share = at.astype(int), (at % 1)[:, None]
    return log_envelope[low] * (1 - share) + log_envelope[low + 1] * share


def _mean_pitch(spectrum: np.ndarray) -> float:
    pitch = source_filter.track(spectrum)
    return float(np.exp(np.log(pitch.hz[pitch.voiced]).mean()))


def _with_statistics(
    mine: np.ndarray, spectrum: np.ndarray, theirs: np.ndarray, their_spectrum: np.ndarray
) -> np.ndarray:
    """My log envelope with the mean and the standard deviation over time that theirs has while they speak.

    Frames fade from unchanged to changed over the lowest quarter of the loudness, so that the pauses keep
    the noise of the room.
    """
    loud, their_loud = _loudness(spectrum), _loudness(their_spectrum)
    speaking, they_speak = mine[:, loud > 0.5], theirs[:, their_loud > 0.5]
    spread = they_speak.std(axis=1) / np.maximum(speaking.std(axis=1), 1e-3)
    changed = (mine - speaking.mean(axis=1, keepdims=True)) * np.clip(spread, 0.6, 1.6)[:, None]
    changed += they_speak.mean(axis=1, keepdims=True)
    return mine + np.clip(2 * loud, 0, 1) * (changed - mine)


def _loudness(spectrum: np.ndarray) -> np.ndarray:
    """(frames,) in 0..1, between the 5 % and the 80 % quantile of the power in dB."""
    decibels = 10 * np.log10(np.sum(np.abs(spectrum) ** 2, axis=0) + 1e-9)
    low, high = np.quantile(decibels, [0.05, 0.8])
    return np.clip((ndimage.uniform_filter1d(decibels, 3) - low) / max(high - low, 1e-3), 0, 1)
