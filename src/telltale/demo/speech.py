"""Formant synthesis of random syllables: a glottal pulse train through resonators that change with time.

    utterance = speak(np.random.default_rng(1), identity.voice, seconds=3.0)
    utterance.samples, utterance.mouth_at(times)

Sound and mouth follow the same table of values, TRACK_HZ rows a second. So the lips are closed for m, b and
p, open for a and rounded for u.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, signal

from telltale.demo.identity import Scene, Voice

RATE_HZ = 22_050
TRACK_HZ = 105  # divides the sample rate: BLOCK is 210 samples
BLOCK = RATE_HZ // TRACK_HZ
SPAN = 1024  # samples of a window: two blocks, and the decay of the resonators after them

# F1, F2, F3 in Hz of a long vocal tract; how open, rounded and spread the lips are.
VOWELS = (
    (730, 1090, 2440, 1.00, 0.1, 0.3),
    (660, 1720, 2410, 0.85, 0.0, 0.6),
    (530, 1840, 2480, 0.60, 0.0, 0.8),
    (500, 1500, 2500, 0.50, 0.1, 0.3),
    (570, 840, 2410, 0.60, 0.8, 0.0),
    (290, 2290, 3010, 0.32, 0.0, 1.0),
    (310, 870, 2240, 0.24, 1.0, 0.0),
)
# F1, F2, F3 in Hz; levels of voicing, breath, hiss; band of the hiss (index in `_hiss`); lips open, rounded.
CONSONANTS = (
    (250, 1100, 2200, 0.35, 0.00, 0.00, 0, 0.00, 0.1),  # m
    (250, 1500, 2500, 0.35, 0.00, 0.00, 0, 0.22, 0.1),  # n
    (250, 1000, 2200, 0.08, 0.03, 0.05, 2, 0.00, 0.1),  # b, p
    (280, 1700, 2600, 0.06, 0.05, 0.25, 0, 0.20, 0.0),  # t, d
    (300, 1900, 2500, 0.05, 0.08, 0.20, 1, 0.26, 0.1),  # k, g
    (300, 1600, 2500, 0.00, 0.02, 0.55, 0, 0.14, 0.0),  # s
    (300, 1700, 2400, 0.00, 0.02, 0.50, 1, 0.18, 0.6),  # sh
    (300, 1400, 2400, 0.05, 0.02, 0.22, 2, 0.06, 0.1),  # f, v
    (400, 1300, 2600, 0.50, 0.02, 0.00, 0, 0.30, 0.1),  # l
    (420, 1300, 1700, 0.50, 0.02, 0.00, 0, 0.28, 0.5),  # r
    (300, 700, 2200, 0.45, 0.01, 0.00, 0, 0.12, 1.0),  # w
)
SILENCE = (450, 1450, 2500, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.03, 0.0, 0.1)
# Columns of a table: three formants, voicing, breath, three hisses, stress, lips open, rounded, spread.
F, VOICING, BREATH, HISS, STRESS, LIPS = slice(0, 3), 3, 4, slice(5, 8), 8, slice(9, 12)


@dataclass(frozen=True)
class Utterance:
    """Speech and the motion of the lips.

    samples: float32 (N,) at RATE_HZ.
    lips: (K, 3) open, rounded and spread in 0..1, TRACK_HZ rows a second from sample 0.
    """

    samples: np.ndarray
    lips: np.ndarray

    def cut(self, start_seconds: float, seconds: float) -> "Utterance":
        """The part [start_seconds, start_seconds + seconds) of the utterance."""
        first, row = round(start_seconds * RATE_HZ), round(start_seconds * TRACK_HZ)
        return Utterance(
            self.samples[first : first + round(seconds * RATE_HZ)],
            self.lips[row : row + round(seconds * TRACK_HZ) + 1],
        )

    def mouth_at(self, times: np.ndarray) -> np.ndarray:
        """The lips (T, 3) at the given times in seconds, interpolated."""
        at = np.clip(times * TRACK_HZ, 0, len(self.lips) - 1)
        return np.stack([np.interp(at, np.arange(len(self.lips)), column) for column in self.lips.T], axis=1)


def speak(rng: np.random.Generator, voice: Voice, seconds: float) -> Utterance:
    """An utterance of the given length, cut out of longer speech, so that it may start within a word."""
    lead = rng.uniform(0.2, 1.2)
    steps = int((seconds + lead) * TRACK_HZ) + 2
    table = _smooth(_score(rng, voice, steps))
    samples = _voiced(rng, voice, table) + _hiss(rng, table)
    lips = ndimage.gaussian_filter1d(table[:, LIPS], 0.018 * TRACK_HZ, axis=0)
    whole = Utterance((samples / (np.sqrt(np.mean(samples**2)) + 1e-9)).astype(np.float32), lips)
    return whole.cut(lead, seconds)


def record(rng: np.random.Generator, samples: np.ndarray, scene: Scene) -> np.ndarray:
    """Speech as recorded in the room of `scene`, with echo, noise and a gain: float32 (N,) in -1..1."""
    tail = rng.normal(0, 1, int(0.15 * RATE_HZ)) * np.exp(
        -np.arange(int(0.15 * RATE_HZ)) / (scene.room_seconds * RATE_HZ / 3)
    )
    tail *= 0.03
    tail[0] = 1.0
    echoed = signal.fftconvolve(samples, tail)[: len(samples)] * scene.loudness
    hum = signal.lfilter([1.0], [1.0, -0.9], rng.normal(0, 0.44, len(samples)))
    return np.clip(echoed + hum * 10 ** (scene.noise_db / 20), -0.98, 0.98).astype(np.float32)


def _score(rng: np.random.Generator, voice: Voice, steps: int) -> np.ndarray:
    """A table (steps, 12) of piecewise constant values: alternating consonants and vowels, and pauses."""
    rows: list[tuple[float, ...]] = [SILENCE]
    lengths, total = [1], 1
    while total < steps:
        for _ in range(int(rng.integers(2, 8))):  # a phrase of syllables
            stress = rng.uniform(0.6, 1.0)
            f1, f2, f3, voicing, breath, hiss, band, lips_open, rounded = CONSONANTS[
                rng.integers(len(CONSONANTS))
            ]
            hisses = [hiss if band == i else 0.0 for i in range(3)]
            rows.append((f1, f2, f3, voicing * stress, breath, *hisses, stress, lips_open, rounded, 0.2))
            lengths.append(round(rng.uniform(0.05, 0.11) / voice.pace * TRACK_HZ))
            f1, f2, f3, lips_open, rounded, spread = VOWELS[rng.integers(len(VOWELS))]
            rows.append(
                (
                    f1,
                    f2,
                    f3,
                    stress,
                    0.0,
                    0.0,
                    0.0,
                    0.0,
                    stress,
                    lips_open * (0.45 + 0.55 * stress),
                    rounded,
                    spread,
                )
            )
            lengths.append(round(rng.uniform(0.09, 0.22) / voice.pace * TRACK_HZ))
            total += lengths[-1] + lengths[-2]
        rows.append(SILENCE)
        lengths.append(round(rng.uniform(0.10, 0.40) * TRACK_HZ))
        total += lengths[-1]
    return np.repeat(np.asarray(rows, np.float64), lengths, axis=0)[:steps]


def _smooth(table: np.ndarray) -> np.ndarray:
    """The table smoothed in time, as lips and tongue need time: formants over 40 ms, levels over 15 ms."""
    table = table.copy()
    table[:, F] = ndimage.gaussian_filter1d(table[:, F], 0.018 * TRACK_HZ, axis=0)
    table[:, VOICING : STRESS + 1] = ndimage.gaussian_filter1d(
        table[:, VOICING : STRESS + 1], 0.008 * TRACK_HZ, axis=0
    )
    return table


def _pitch(rng: np.random.Generator, voice: Voice, table: np.ndarray) -> np.ndarray:
    """The pitch (steps,) in Hz: higher on stressed syllables, with a slow drift and a slight jitter."""
    wander = ndimage.gaussian_filter1d(rng.normal(0, 1, len(table)), 0.25 * TRACK_HZ) * np.sqrt(
        0.25 * TRACK_HZ
    )
    stress = ndimage.gaussian_filter1d(table[:, STRESS], 0.06 * TRACK_HZ)
    jitter = ndimage.gaussian_filter1d(rng.normal(0, 0.012, len(table)), 1.0)
    return voice.pitch_hz * np.exp(voice.liveliness * (0.07 * wander + 0.16 * (stress - 0.5)) + jitter)


def _voiced(rng: np.random.Generator, voice: Voice, table: np.ndarray) -> np.ndarray:
    """The glottal pulses and the breath after the resonators of the vocal tract: (steps * BLOCK,)."""
    n = len(table) * BLOCK
    at = np.arange(n) / BLOCK
    steps = np.arange(len(table))
    phase = np.cumsum(np.interp(at, steps, _pitch(rng, voice, table))) / RATE_HZ % 1.0
    opening, closing = phase < 0.42, (phase >= 0.42) & (phase < 0.56)
    flow = opening * 0.5 * (1 - np.cos(np.pi * phase / 0.42)) + closing * np.cos(
        np.pi / 2 * (phase - 0.42) / 0.14
    )
    pulses = np.diff(flow, prepend=0.0)
    noise = rng.normal(0, 1, n)
    level, breath = np.interp(at, steps, table[:, VOICING]), np.interp(at, steps, table[:, BREATH])
    source = level * (pulses + voice.breath * 0.1 * noise * (0.3 + flow)) + breath * 0.25 * noise
    fixed = np.broadcast_to(np.asarray([3500.0, 4500.0]), (len(table), 2))
    return _resonate(source, np.concatenate([table[:, F], fixed], axis=1) * voice.tract)


def _resonate(source: np.ndarray, formants_hz: np.ndarray) -> np.ndarray:
    """Filter `source`, (steps * BLOCK,), by five resonators with the frequencies `formants_hz`, (steps, 5).

    The signal is cut into overlapping windows of two blocks. Each window is filtered in the frequency domain
    with the formants of its step, and the results are added. So no filter changes within a window, which
    would be heard as a click. A window has 27 ms for the decay of the resonators. After that the slowest one
    is 50 dB quieter.
    """
    spectra = np.fft.rfft(_windows(source), SPAN, axis=1)
    filtered = np.fft.irfft(spectra * _response(formants_hz), SPAN, axis=1)
    out = np.zeros((len(filtered) + SPAN // BLOCK + 1) * BLOCK)
    for part in range(0, SPAN, BLOCK):  # one block of every window at a time: these do not overlap
        piece = np.zeros((len(filtered), BLOCK))
        piece[:, : min(BLOCK, SPAN - part)] = filtered[:, part : part + BLOCK]
        out[part : part + piece.size] += piece.reshape(-1)
    return out[BLOCK : BLOCK + len(source)]


def _windows(source: np.ndarray) -> np.ndarray:
    """Windows (steps + 1, 2 * BLOCK) around the ends of the blocks. Overlapped, they add up to `source`."""
    blocks = np.pad(source, BLOCK).reshape(-1, BLOCK)
    fade = signal.windows.hann(2 * BLOCK, sym=False)
    return np.concatenate([blocks[:-1], blocks[1:]], axis=1) * fade


def _response(formants_hz: np.ndarray) -> np.ndarray:
    """Frequency response of five resonators in cascade with unit gain at 0 Hz: complex (steps + 1, bins)."""
    formants_hz = np.concatenate([formants_hz, formants_hz[-1:]])
    radius = np.exp(-np.pi * np.asarray([70.0, 95.0, 130.0, 170.0, 220.0]) / RATE_HZ)
    a1 = -2 * radius * np.cos(2 * np.pi * np.minimum(formants_hz, 0.47 * RATE_HZ) / RATE_HZ)
    a2 = np.broadcast_to(radius**2, a1.shape)
    delay = np.exp(-2j * np.pi * np.arange(SPAN // 2 + 1) / SPAN).astype(np.complex64)
    response = np.ones((len(a1), len(delay)), np.complex64)
    for b, c in zip(a1.T.astype(np.float32), a2.T.astype(np.float32), strict=True):
        response *= (1 + b + c)[:, None] / (1 + b[:, None] * delay + c[:, None] * delay**2)
    return response


def _hiss(rng: np.random.Generator, table: np.ndarray) -> np.ndarray:
    """Noise of fricatives in three bands: s (high), sh (middle), f (wide)."""
    n = len(table) * BLOCK
    at, steps = np.arange(n) / BLOCK, np.arange(len(table))
    out = np.zeros(n)
    for level, (low_hz, high_hz) in zip(
        table[:, HISS].T, ((4200, 9500), (2000, 6000), (1200, 9000)), strict=True
    ):
        band = signal.butter(2, (low_hz, high_hz), "bandpass", fs=RATE_HZ, output="sos")
        out += signal.sosfilt(band, rng.normal(0, 0.16, n)) * np.interp(at, steps, level)
    return out
