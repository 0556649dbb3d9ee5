"""Re-synthesis from a spectrum: by mel bands, by Griffin and Lim's phases, by phase vocoders.

Each function is a `sound_scene.Change`: (rng, sound, scene) to as many samples.
"""

import numpy as np
from scipy import signal

from telltale.zoo import sound_spectra as spectra
from telltale.zoo.sound_scene import SoundScene


def mel_griffin_lim(rng: np.random.Generator, sound: np.ndarray, scene: SoundScene) -> np.ndarray:
    """From 40 to 100 mel bands, with phases by 2 to 14 rounds of Griffin and Lim's algorithm."""
    power = np.abs(spectra.analyse(sound, int(rng.choice([512, 1024])))) ** 2
    magnitude = spectra.through_mel(power, int(rng.choice([40, 64, 80, 100])))
    phase = spectra.random_phase(rng, magnitude.shape)
    return spectra.griffin_lim(magnitude, phase, int(rng.integers(2, 15)), len(sound))


def spectrum_griffin_lim(rng: np.random.Generator, sound: np.ndarray, scene: SoundScene) -> np.ndarray:
    """From the full magnitude spectrum, with phases by 1 to 12 rounds from random ones."""
    magnitude = np.abs(spectra.analyse(sound, int(rng.choice([512, 1024]))))
    phase = spectra.random_phase(rng, magnitude.shape)
    return spectra.griffin_lim(magnitude, phase, int(rng.integers(1, 13)), len(sound))


def mel_single_pass(rng: np.random.Generator, sound: np.ndarray, scene: SoundScene) -> np.ndarray:
    """From 48 to 128 mel bands, with the phases of running sinusoids and at most two rounds after them."""
    power = np.abs(spectra.analyse(sound, 1024)) ** 2
    magnitude = spectra.through_mel(power, int(rng.choice([48, 64, 96, 128])))
    phase = spectra.running_phase(magnitude)
    return spectra.griffin_lim(magnitude, phase, int(rng.integers(0, 3)), len(sound))


def stretched_and_back(rng: np.random.Generator, sound: np.ndarray, scene: SoundScene) -> np.ndarray:
    """Made 1.1 to 1.6 times as long or short by a phase vocoder, and back by another."""
    window = int(rng.choice([512, 1024]))
    rate = rng.uniform(1.1, 1.6) ** (1 if rng.random() < 0.5 else -1)
    return stretched(stretched(sound, rate, window), 1 / rate, window, len(sound))


def phases_disturbed(rng: np.random.Generator, sound: np.ndarray, scene: SoundScene) -> np.ndarray:
    """The phases are moved by normal angles of 0.8 to 2 radians, or reduced to one or two values."""
    spectrum = spectra.analyse(sound, int(rng.choice([512, 1024])))
    if rng.random() < 0.5:
        angle = rng.normal(0, rng.uniform(0.8, 2.0), spectrum.shape)
    else:  # all 0, or each the nearer one of 0 and pi
        step = 2 * np.pi / rng.integers(1, 3)
        angle = np.round(np.angle(spectrum) / step) * step - np.angle(spectrum)
    return spectra.synthesise(spectrum * np.exp(1j * angle), len(sound))


def stretched(sound: np.ndarray, rate: float, window: int, count: int | None = None) -> np.ndarray:
    """The sound at `rate` times its speed with its pitch, by librosa's phase vocoder: (count,)."""
    import librosa

    count = round(len(sound) / rate) if count is None else count
    spectrum = spectra.analyse(sound, window)
    return spectra.synthesise(librosa.phase_vocoder(spectrum, rate=rate, hop_length=window // 4), count)


def transposed(sound: np.ndarray, factor: float, window: int) -> np.ndarray:
    """Pitch and formants times `factor`, at the same times: as many samples.

    A factor below 1 leaves the band above factor * RATE_HZ / 2 empty.
    """
    longer = stretched(sound, 1 / factor, window)
    # Rounded to hundredths, the ratio has a polyphase filter of a few thousand taps.
    changed = signal.resample_poly(longer, 100, round(100 * factor))
    return np.pad(changed, (0, max(0, len(sound) - len(changed))))[: len(sound)]


def bands_quantised(rng: np.random.Generator, sound: np.ndarray, scene: SoundScene) -> np.ndarray:
    """As by a neural codec at a low rate: magnitudes in steps of 4 to 9 dB, one for 2 to 4 frames."""
    spectrum = spectra.analyse(sound, 512)
    step, hold = rng.uniform(4, 9), int(rng.integers(2, 5))
    decibels = 20 * np.log10(np.abs(spectrum) + 1e-6)
    held = decibels[:, ::hold].repeat(hold, axis=1)[:, : spectrum.shape[1]]
    magnitude = 10 ** (np.round(held / step) * step / 20)
    phase = spectrum / np.maximum(np.abs(spectrum), 1e-9)
    return spectra.griffin_lim(magnitude.astype(np.float32), phase, int(rng.integers(0, 3)), len(sound))
