"""Pseudo-forgeries that the sound alone shows: re-synthesis, other pitch or formants, splices, another room
or band.

Whole spans or parts of them are changed. A part has a soft edge and the loudness it had.
"""

from collections.abc import Callable

import numpy as np

from telltale.forge import spectra
from telltale.forge.joints import (
    SEARCH_SECONDS,
    SILENT,
    Piece,
    Samples,
    audible_window,
    fade_samples,
    faded_in,
    in_seconds,
    joined,
    level,
    levelled,
    looped,
)
from telltale.forge.material import Kind, Material, PseudoForgery

# Samples (N,) at a rate in Hz, to as many.
Change = Callable[[Samples, int, np.random.Generator], Samples]

SHORTEST_SECONDS = 0.25  # of a sound that can be forged
PART_P, PART_SHARES = 0.4, (0.3, 0.7)  # of sounds that are forged for a part of the time
SPLICE_SHARES = (0.15, 0.5)
# Sound whose spectrum differs by less than this is none: nobody could hear it. A band cut off that was empty.
LEAST_DB = 1.0


def make(
    name: str, change: Change, part_p: float, material: Material, rng: np.random.Generator
) -> PseudoForgery | None:
    """Change the sound, with probability `part_p` only a part of it. None if there is nothing to hear, or no
    difference."""
    wave, rate_hz = material.wave, material.rate_hz
    if not can_be_forged(material):
        return None
    assert wave is not None
    bounds: tuple[int, int] | None = (0, len(wave))
    if rng.random() < part_p:
        bounds = audible_window(wave, PART_SHARES, rng)
        if bounds is None or bounds[1] - bounds[0] < SHORTEST_SECONDS * rate_hz / 2:
            return None
    assert bounds is not None
    part = wave[bounds[0] : bounds[1]]
    changed = levelled(change(part, rate_hz, rng), level(part))
    if spectra.decibels_apart(part, changed, rate_hz) < LEAST_DB:
        return None
    made = faded_in(wave, changed, bounds, fade_samples(rate_hz))
    return PseudoForgery(material.frames, made, name, ("sound",), None, (in_seconds(bounds, rate_hz),))


def can_be_forged(material: Material | None) -> bool:
    """Whether the material has sound that is long enough and not silent."""
    return (
        material is not None
        and material.wave is not None
        and len(material.wave) >= SHORTEST_SECONDS * material.rate_hz
        and level(material.wave) > SILENT
    )


def resynthesised(samples: Samples, rate_hz: int, rng: np.random.Generator) -> Samples:
    """From the magnitudes of its spectrum alone, by 1 to 5 rounds of Griffin and Lim from random phases."""
    spectrum = spectra.analyse(samples, _window(rate_hz, rng))
    phases = spectra.random_phases(spectrum.shape, rng)
    return spectra.griffin_lim(np.abs(spectrum), phases, int(rng.integers(1, 5, endpoint=True)), len(samples))


def revocoded(samples: Samples, rate_hz: int, rng: np.random.Generator) -> Samples:
    """Made up to 1.4 times as long or short by a phase vocoder, and back by another."""
    window, rate = _window(rate_hz, rng), float(rng.uniform(1.1, 1.4) ** rng.choice([-1, 1]))
    made = spectra.stretched(spectra.stretched(samples, rate, window), 1 / rate, window)
    return np.pad(made, (0, max(len(samples) - len(made), 0)))[: len(samples)]


def mel_inverted(samples: Samples, rate_hz: int, rng: np.random.Generator) -> Samples:
    """From 32 to 80 mel bands, with its own or random phases and at most two rounds of Griffin and Lim."""
    spectrum = spectra.analyse(samples, _window(rate_hz, rng))
    magnitude = spectra.through_mel(np.abs(spectrum), int(rng.integers(32, 80, endpoint=True)), rate_hz)
    phases = spectra.random_phases(spectrum.shape, rng) if rng.random() < 0.5 else spectrum
    return spectra.griffin_lim(magnitude, phases, int(rng.integers(0, 2, endpoint=True)), len(samples))


def band_quantised(samples: Samples, rate_hz: int, rng: np.random.Generator) -> Samples:
    """Its logarithmic spectrum in eight bands, each column's one of a few of the sound's own, and one of as
    few differences added: the residual vector quantisation of neural codecs (Zeghidour et al., 2021)."""
    spectrum = spectra.analyse(samples, _window(rate_hz, rng))
    log = np.log(np.abs(spectrum) + 1e-5)
    count = int(rng.integers(6, 24, endpoint=True))
    made = np.empty_like(log)
    for band in np.array_split(np.arange(log.shape[1]), 8):
        rest = log[:, band]
        found = np.zeros_like(rest)
        for _ in range(2):
            book = rest[rng.integers(0, len(rest), count)]
            distance = np.square(book).sum(1) - 2 * rest @ book.T
            chosen = book[distance.argmin(1)]
            found, rest = found + chosen, rest - chosen
        made[:, band] = found
    # Random columns add up to more than there ever was.
    magnitude = np.exp(np.minimum(made, log.max()))
    return spectra.griffin_lim(magnitude, spectrum, int(rng.integers(0, 2)), len(samples))


def pitch_shifted(samples: Samples, rate_hz: int, rng: np.random.Generator) -> Samples:
    """Pitch and formants higher or lower by 1.5 to 5 semitones."""
    ratio = float(2 ** (rng.uniform(1.5, 5) / 12 * rng.choice([-1, 1])))
    return spectra.pitch_shifted(samples, ratio, _window(rate_hz, rng))


def formant_shifted(samples: Samples, rate_hz: int, rng: np.random.Generator) -> Samples:
    """Formants 8 to 25 % higher or lower, at the same pitch."""
    spectrum = spectra.analyse(samples, _window(rate_hz, rng))
    ratio = float((1 + rng.uniform(0.08, 0.25)) ** rng.choice([-1, 1]))
    log = spectra.envelope(np.abs(spectrum), rate_hz)
    bins = np.arange(log.shape[1])
    places = np.minimum(bins / ratio, bins[-1])
    low = np.minimum(places.astype(int), bins[-1] - 1)
    share = (places - low).astype(np.float32)
    moved = (1 - share) * log[:, low] + share * log[:, low + 1]
    return spectra.synthesise(spectrum * np.exp(np.clip(moved - log, -3, 3)), len(samples))


def room_changed(samples: Samples, rate_hz: int, rng: np.random.Generator) -> Samples:
    """In a room that answers for 0.15 to 0.6 s, by noise that decays (Polack, 1988)."""
    from scipy.signal import fftconvolve

    seconds = rng.uniform(0.15, 0.6)
    count = max(round(seconds * rate_hz), 8)
    answer = rng.standard_normal(count, np.float32) * np.exp(np.linspace(0, -6.9, count, dtype=np.float32))
    answer *= np.float32(rng.uniform(0.4, 1.2)) / np.sqrt(np.square(answer).sum())
    answer[0] += 1
    return np.asarray(fftconvolve(samples, answer)[: len(samples)], np.float32)


def band_changed(samples: Samples, rate_hz: int, rng: np.random.Generator) -> Samples:
    """Without what is above 1.5 to 4 kHz, as on a telephone, or with highs or lows 6 to 15 dB softer."""
    way, cut, depth = int(rng.integers(3)), rng.uniform(1500, 4000), rng.uniform(6, 15)
    cut, highs = min(cut, 0.35 * rate_hz), rng.random() < 0.5

    def gain(hz: np.ndarray) -> np.ndarray:
        high = 1 / np.sqrt(1 + (hz / cut) ** 12)
        if way == 0:
            return np.asarray(high)
        if way == 1:
            return np.asarray(high / np.sqrt(1 + (300 / np.maximum(hz, 1)) ** 8))
        side = hz / rate_hz * 2 if highs else 1 - hz / rate_hz * 2
        return np.asarray(10 ** (-depth * side / 20))

    return spectra.filtered(samples, rate_hz, gain)


def spliced(material: Material, other: Material | None, rng: np.random.Generator) -> PseudoForgery | None:
    """A part is the sound of another clip, as loud as the part was. What is seen no longer belongs to it."""
    if not (can_be_forged(material) and other is not None and can_be_forged(other)):
        return None
    assert material.wave is not None and other.wave is not None
    wave, rate_hz = material.wave, material.rate_hz
    bounds = audible_window(wave, SPLICE_SHARES, rng)
    if bounds is None:
        return None
    fade, edge = fade_samples(rate_hz), round(SEARCH_SECONDS * rate_hz) + 1
    length = bounds[1] - bounds[0] + 2 * edge
    source = looped(other.wave, length, rate_hz)
    window = audible_window(source, (length / len(source),) * 2, rng)
    if window is None:
        return None
    piece = levelled(source[window[0] : window[1]], level(wave[bounds[0] : bounds[1]]))
    # The genuine sound after it begins to come in a fade before the end.
    places = (bounds[0], bounds[1] - fade)
    pieces = (Piece(wave, 0), Piece(piece, edge - bounds[0]), Piece(wave, 0, free=False))
    made = np.clip(joined(pieces, places, rate_hz, len(wave)), -1, 1)
    cues = ("sound",) if material.frames is None else ("sound", "in_step")
    return PseudoForgery(material.frames, made, "spliced", cues, None, (in_seconds(bounds, rate_hz),))


def _window(rate_hz: int, rng: np.random.Generator) -> int:
    """A window of 32 or 64 ms."""
    return spectra.window_length(rate_hz, float(rng.choice([0.032, 0.064])))


def _kind(change: Change, part_p: float = PART_P) -> Kind:
    name = change.__name__

    def forge(material: Material, other: Material | None, rng: np.random.Generator) -> PseudoForgery | None:
        return make(name, change, part_p, material, rng)

    return Kind(name, "sound", ("sound",), None, forge)


SOUND_KINDS = (
    _kind(resynthesised),
    _kind(revocoded),
    _kind(mel_inverted),
    _kind(band_quantised),
    _kind(pitch_shifted),
    _kind(formant_shifted),
    # A whole recording in another room or band is genuine.
    _kind(room_changed, 1.0),
    _kind(band_changed, 1.0),
    Kind("spliced", "sound", ("sound",), "clip", spliced),
)
