"""Forgeries without a vocoder: segments exchanged, deleted or repeated, sound moved in time, or replaced.

Each public function takes (rng, scene) and returns the sound of the clip, (N,), of any level.
"""

import numpy as np
from scipy import signal

from telltale.demo.speech import RATE_HZ
from telltale.zoo.sound_scene import SoundScene, joined, speech_segment, with_room_noise
from telltale.zoo.sound_spectra import noise_floor, room_noise


def other_voice_inserted(rng: np.random.Generator, scene: SoundScene) -> np.ndarray:
    """A segment is the other person's speech."""
    start, stop = speech_segment(rng, scene.recorded, rng.uniform(0.2, 0.4))
    other = scene.other_as_loud
    theirs = speech_segment(rng, other[: len(scene.recorded)], (stop - start) / len(scene.recorded))[0]
    theirs = min(theirs, len(other) - (stop - start))
    return _three(rng, scene, other, theirs - start, (start, stop))


def own_voice_inserted(rng: np.random.Generator, scene: SoundScene) -> np.ndarray:
    """A segment is another part of the same speech."""
    start, stop = speech_segment(rng, scene.recorded, rng.uniform(0.15, 0.3))
    length, around = stop - start, scene.around
    starts = np.arange(0, len(around) - length, 110)
    far = starts[np.abs(starts - scene.margin - start) > 0.8 * length]
    return _three(rng, scene, around, int(rng.choice(far)) - start, (start, stop))


def word_silenced(rng: np.random.Generator, scene: SoundScene) -> np.ndarray:
    """A segment is noise with the spectrum of the room's."""
    start, stop = speech_segment(rng, scene.recorded, rng.uniform(0.1, 0.2))
    noise = room_noise(rng, noise_floor(scene.longer), len(scene.recorded))
    return _three(rng, scene, noise, 0, (start, stop))


def part_deleted(rng: np.random.Generator, scene: SoundScene) -> np.ndarray:
    """A segment is cut out. What follows moves forward, and later speech fills the end."""
    gone = min(round(rng.uniform(0.12, 0.5) * RATE_HZ), scene.margin)
    at = round(rng.uniform(0.2, 0.75) * len(scene.recorded))
    around, m = scene.around, scene.margin
    return joined((around, around), (m, m + gone), (at,), rng, len(scene.recorded))


def part_repeated(rng: np.random.Generator, scene: SoundScene) -> np.ndarray:
    """A segment is heard two or three times. What follows moves backward."""
    start, stop = speech_segment(rng, scene.recorded, rng.uniform(0.08, 0.2))
    length, times, m = stop - start, int(rng.integers(1, 3)), scene.margin
    bounds = tuple(stop + i * length for i in range(times))
    offsets = tuple(m - i * length for i in range(times + 1))
    return joined((scene.around,) * len(offsets), offsets, bounds, rng, len(scene.recorded))


def parts_reordered(rng: np.random.Generator, scene: SoundScene) -> np.ndarray:
    """Another utterance of the same voice: 3 to 6 parts of the speech in another order."""
    count, parts = len(scene.recorded), int(rng.integers(3, 7))
    bounds = np.round(np.linspace(0, count, parts + 1) + rng.uniform(-0.2, 0.2, parts + 1) * count / parts)
    bounds[0], bounds[-1] = 0, count
    order = rng.permutation(parts)
    while np.any(order[1:] - order[:-1] == 1) or order[0] == 0:  # no two parts stay beside each other
        order = rng.permutation(parts)
    lengths = np.diff(bounds)[order].astype(int)
    begins = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    offsets = tuple(int(scene.margin + bounds[o] - b) for o, b in zip(order, begins, strict=True))
    return joined((scene.around,) * parts, offsets, tuple(int(b) for b in begins[1:]), rng, count)


def other_voice(rng: np.random.Generator, scene: SoundScene) -> np.ndarray:
    """All of the sound is the other person's speech."""
    first = int(rng.integers(0, len(scene.other) - len(scene.recorded) + 1))
    return scene.other[first : first + len(scene.recorded)]


def other_voice_in_rhythm(rng: np.random.Generator, scene: SoundScene) -> np.ndarray:
    """The other person's speech with the recording's loudness over time, so that lips and energy agree."""
    other, mine = other_voice(rng, scene), scene.recorded
    smooth = signal.windows.hann(round(rng.uniform(0.06, 0.14) * RATE_HZ))
    smooth /= smooth.sum()
    have, want = (np.sqrt(np.maximum(signal.fftconvolve(x**2, smooth, "same"), 1e-9)) for x in (other, mine))
    gain = np.clip(want / have, 0.02, 2.0)
    # The noise of the room is no part of the loudness: what the gain takes from it is added again.
    taken = np.sqrt(np.clip(1 - gain**2, 0, None))
    return other * gain + taken * room_noise(rng, noise_floor(scene.longer), len(mine))


def shifted(rng: np.random.Generator, scene: SoundScene) -> np.ndarray:
    """All of the sound is early or late by 0.12 to 0.8 s."""
    most = min(round(0.8 * RATE_HZ), scene.margin)
    move = int(rng.integers(min(round(0.12 * RATE_HZ), most), most + 1)) * (1 if rng.random() < 0.5 else -1)
    return scene.longer[scene.margin + move :][: len(scene.recorded)]


def drifting(rng: np.random.Generator, scene: SoundScene) -> np.ndarray:
    """The sound runs 2 to 9 % fast or slow: it begins early or in time, and ends late, or the reverse."""
    count = len(scene.recorded)
    drift = rng.uniform(0.02, 0.09) * count * (1 if rng.random() < 0.5 else -1)
    drift = np.clip(drift, -scene.margin, scene.margin)
    at = scene.margin + np.arange(count) - rng.random() * drift + np.linspace(0, drift, count)
    return with_room_noise(rng, scene, _read(scene.longer, at))


def jittering(rng: np.random.Generator, scene: SoundScene) -> np.ndarray:
    """The offset of the sound wanders by up to 0.03 to 0.09 s, to three to seven places in turn."""
    count = len(scene.recorded)
    knots = rng.uniform(-1, 1, int(rng.integers(4, 8)))
    knots *= min(rng.uniform(0.03, 0.09) * RATE_HZ, scene.margin) / np.abs(knots).max()
    angle = np.linspace(0, len(knots) - 1, count)
    low, share = np.minimum(angle.astype(int), len(knots) - 2), angle % 1
    ease = 0.5 - 0.5 * np.cos(np.pi * np.where(angle >= len(knots) - 1, 1.0, share))
    offset = knots[low] + (knots[low + 1] - knots[low]) * ease
    moved = _read(scene.longer, scene.margin + np.arange(count) + offset)
    return with_room_noise(rng, scene, moved)


def segment_shifted(rng: np.random.Generator, scene: SoundScene) -> np.ndarray:
    """A segment is early or late by 0.06 to 0.3 s, and the remainder in time."""
    start, stop = speech_segment(rng, scene.recorded, rng.uniform(0.3, 0.5))
    move = round(rng.uniform(0.06, 0.3) * RATE_HZ) * (1 if rng.random() < 0.5 else -1)
    move = int(np.clip(move, -scene.margin, scene.margin))
    return _three(rng, scene, scene.around, scene.margin + move, (start, stop))


def _three(
    rng: np.random.Generator, scene: SoundScene, source: np.ndarray, offset: int, bounds: tuple[int, int]
) -> np.ndarray:
    """The recording with a segment read from `source` at `offset`."""
    sources = (scene.around, source, scene.around)
    return joined(sources, (scene.margin, offset, scene.margin), bounds, rng, len(scene.recorded))


def _read(sound: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The sound at fractional sample numbers, by linear interpolation at four times the rate."""
    fine = signal.resample_poly(sound, 4, 1)
    return np.interp(at * 4, np.arange(len(fine)), fine)
