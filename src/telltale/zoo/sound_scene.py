"""What a forgery of the sound starts from, and what each ends with: equal level and room noise, no clipping.

    scene = SoundScene(recorded, longer, other, vocoder=None)
    forged = whole(change, rng, scene)

A *change* takes sound of any length and returns as many samples. `whole` applies it to the clip and `part` to
a segment. Samples are float32 (N,) in -1..1 at RATE_HZ.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, signal

from telltale.demo.speech import RATE_HZ
from telltale.errors import InputError
from telltale.zoo.sound_spectra import noise_floor, room_noise

Weights = dict[str, np.ndarray]
LOUDEST = 0.98
CONTEXT = 2205  # samples before and after, so that a change has no edge at the first and last sample
SHORTEST_SECONDS = 0.5
LOWEST_HZ = 40.0


@dataclass(frozen=True)
class SoundScene:
    """The recordings of one clip. InputError if one is too short or has more than one channel.

    recorded: float32 (N,), the genuine sound.
    longer: float32 (M,), the same speech with equally many samples more at both ends. `recorded` should be
        its middle part: if the two differ in room noise, the clip's ends have a faint seam.
    other: float32 (N,) or longer, speech of another person in the same room.
    vocoder: the trained vocoder's weights, or None.
    """

    recorded: np.ndarray
    longer: np.ndarray
    other: np.ndarray
    vocoder: Weights | None = None

    def __post_init__(self) -> None:
        count = len(self.recorded)
        for name in ("recorded", "longer", "other"):
            sound = getattr(self, name)
            if sound.ndim != 1 or not np.isfinite(sound).all():
                raise InputError(f"SoundScene.{name} has shape {sound.shape}: wanted finite mono samples.")
            if len(sound) < count:
                raise InputError(
                    f"SoundScene.{name} has {len(sound)} samples: wanted at least the {count} of recorded."
                )
        if count < SHORTEST_SECONDS * RATE_HZ:
            raise InputError(
                f"SoundScene.recorded has {count} samples: wanted at least {SHORTEST_SECONDS} s."
            )

    @property
    def margin(self) -> int:
        """Samples of `longer` before `recorded`."""
        return (len(self.longer) - len(self.recorded)) // 2

    @property
    def around(self) -> np.ndarray:
        """`recorded` between the two ends of `longer`: (M,)."""
        m = self.margin
        return np.concatenate([self.longer[:m], self.recorded, self.longer[m + len(self.recorded) :]])

    @property
    def other_as_loud(self) -> np.ndarray:
        """`other` with the level of `recorded`, all of its samples."""
        return self.other * np.float32(level(self.recorded) / max(level(self.other), 1e-9))


Change = Callable[[np.random.Generator, np.ndarray, SoundScene], np.ndarray]


def level(sound: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))


def whole(change: Change, rng: np.random.Generator, scene: SoundScene) -> np.ndarray:
    """The clip's sound after `change`, (N,). Room noise fills bands that the change has emptied, and the
    pauses stay as they were recorded: what a change does to them is not a trace of how the voice was made."""
    count, extra = len(scene.recorded), min(CONTEXT, scene.margin)
    first = scene.margin - extra
    changed = change(rng, scene.around[first : first + count + 2 * extra], scene)[extra : extra + count]
    # Trains of pulses have an offset, which the recorded pauses would be left with.
    changed = signal.sosfiltfilt(signal.butter(2, LOWEST_HZ, "high", fs=RATE_HZ, output="sos"), changed)
    changed = changed * (level(scene.recorded) / max(level(changed), 1e-9))
    speech = speech_share(scene.recorded)
    return scene.recorded * (1 - speech) + with_room_noise(rng, scene, changed) * speech


def speech_share(sound: np.ndarray) -> np.ndarray:
    """(N,) from 0, in pauses, to 1, in speech: how far the power in 20 ms is above the quietest
    twentieth of it, from 8 to 14 dB, smoothed over 20 ms."""
    width = round(0.02 * RATE_HZ)
    power = ndimage.uniform_filter1d(np.square(sound, dtype=np.float64), width)
    above_db = 10 * np.log10((power + 1e-12) / (np.quantile(power, 0.05) + 1e-12))
    return ndimage.uniform_filter1d(np.clip((above_db - 8) / 6, 0, 1), width)


def part(change: Change, rng: np.random.Generator, scene: SoundScene) -> np.ndarray:
    """The clip's sound with one segment after `change` and the remainder as recorded, (N,)."""
    start, stop = speech_segment(rng, scene.recorded, rng.uniform(0.25, 0.45))
    first = max(0, scene.margin + start - CONTEXT)
    piece = scene.around[first : scene.margin + stop + CONTEXT]
    changed = change(rng, piece, scene)
    changed = changed * (level(piece) / max(level(changed), 1e-9))
    changed = with_room_noise(rng, scene, changed)
    sources = (scene.around, changed, scene.around)
    return joined(sources, (scene.margin, scene.margin - first, scene.margin), (start, stop), rng)


def with_room_noise(rng: np.random.Generator, scene: SoundScene, sound: np.ndarray) -> np.ndarray:
    """The sound plus the room noise that it lacks, as in a band that a change has emptied."""
    missing = np.maximum(noise_floor(scene.longer) - noise_floor(sound), 0)
    return sound + room_noise(rng, missing, len(sound))


def finished(scene: SoundScene, sound: np.ndarray) -> np.ndarray:
    """`sound` with the mean and the level of the recorded sound. Rare peaks are rounded off below LOUDEST."""
    sound = np.asarray(sound, np.float64) - np.mean(sound)
    sound *= level(scene.recorded - scene.recorded.mean()) / max(level(sound), 1e-9)
    sound += scene.recorded.mean(dtype=np.float64)
    knee = 0.75
    over = np.maximum(np.abs(sound) - knee, 0.0) / (LOUDEST - knee)
    rounded = np.sign(sound) * (knee + (LOUDEST - knee) * np.tanh(over))
    return np.where(over > 0, rounded, sound).astype(np.float32)


def joined(
    sources: tuple[np.ndarray, ...],
    offsets: tuple[int, ...],
    bounds: tuple[int, ...],
    rng: np.random.Generator,
    count: int | None = None,
) -> np.ndarray:
    """Pieces of sound one after another with cross-fades of equal power and 4 to 25 ms: (count,).

    sources: one array a piece.
    offsets: sample n of the result is sample n + offset of the piece's source.
    bounds: where the second and each further piece begin, increasing.
    count: samples of the result; by default those from the last piece's offset on, less the first's.
    """
    count = len(sources[-1]) - 2 * offsets[-1] if count is None else count
    at, half = np.arange(count), rng.uniform(0.002, 0.0125) * RATE_HZ
    edges = (-np.inf, *bounds, np.inf)
    total = np.zeros(count)
    for source, offset, start, stop in zip(sources, offsets, edges[:-1], edges[1:], strict=True):
        share = np.clip((at - start) / half, -1, 1) - np.clip((at - stop) / half, -1, 1)
        first, last = int(max(0, start - half)), int(min(count, stop + half + 1))
        span = slice(first, last)
        weight = np.sin(np.pi / 4 * share[span])
        total[span] += weight * source[np.clip(at[span] + offset, 0, len(source) - 1)]
    return total


def speech_segment(rng: np.random.Generator, sound: np.ndarray, share: float) -> tuple[int, int]:
    """(start, stop) of a segment within the sound that contains speech, of at most 1.2 s.

    The segment is one of the louder half of all of its length. With probability 0.5 its ends are moved to
    the quietest point within 60 ms, as an editor who knows the trade does it.
    """
    length = min(round(share * len(sound)), round(1.2 * RATE_HZ))
    power = ndimage.uniform_filter1d(np.square(sound, dtype=np.float64), 221)
    starts = np.arange(round(0.08 * len(sound)), round(0.92 * len(sound)) - length, 110)
    total = np.cumsum(power)
    energy = total[starts + length] - total[starts]
    start = int(rng.choice(starts[energy >= np.median(energy)]))
    ends = [start, start + length]
    if rng.random() < 0.5:
        reach = round(0.06 * RATE_HZ)
        ends = [end - reach + int(np.argmin(power[end - reach : end + reach])) for end in ends]
    return ends[0], ends[1]
