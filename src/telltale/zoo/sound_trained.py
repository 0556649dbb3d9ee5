"""A small trained vocoder: a convolutional network from log-mel energies to log magnitudes.

    weights = train_vocoder(seed=1, speech=recordings, steps=300)
    samples = vocode(rng, recorded, weights)

Training needs torch. The network runs in NumPy, so that worker processes need not load torch. It is made as
generators of waveforms often are: a convolution with stride 2, one in between, and a transposed convolution
with stride 2. The phases are found by running sinusoids and a few rounds of Griffin and Lim's algorithm.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from telltale.errors import InputError
from telltale.zoo import sound_spectra as spectra
from telltale.zoo.sound_scene import SoundScene, Weights

BANDS, WINDOW, HIDDEN = 48, 512, 96
BINS = WINDOW // 2 + 1
WIDTHS = (5, 3)  # of the first convolution, which has stride 2, and of the second
EXCERPT, BATCH = 48, 8  # frames of a training excerpt; excerpts in a step


def train_vocoder(seed: int, speech: Iterable[np.ndarray], steps: int) -> Weights:
    """Weights of the network after `steps` steps of Adam: arrays by name, float32.

    speech: recordings, float32 (N,) at RATE_HZ, each of 0.4 s or more. InputError if there is none.
    The loss is the mean absolute error of the log magnitudes. Equal arguments give equal weights.
    """
    import torch

    rng = np.random.default_rng([seed, 0x70C0])
    pairs = [_features(sound) for sound in speech if len(sound) >= EXCERPT * WINDOW // 4]
    if not pairs:
        raise InputError("train_vocoder got no recording of 0.4 s or more: wanted at least one.")
    weights = _initial(rng, np.concatenate([mel for mel, _ in pairs]), np.concatenate([m for _, m in pairs]))
    fixed = {name: torch.from_numpy(w) for name, w in weights.items() if name.startswith("scale")}
    learnt = {name: torch.from_numpy(w).requires_grad_() for name, w in weights.items() if name not in fixed}
    adam = torch.optim.Adam(learnt.values(), lr=2e-3)
    for step in range(steps):
        for group in adam.param_groups:
            group["lr"] = 2e-3 * (1 - 0.9 * step / steps)
        batch = []
        for index in rng.integers(len(pairs), size=BATCH):
            mel, magnitude = pairs[index]
            first = int(rng.integers(len(mel) - EXCERPT + 1))
            batch.append((mel[first : first + EXCERPT], magnitude[first : first + EXCERPT]))
        mel, magnitude = (torch.from_numpy(np.stack(part)) for part in zip(*batch, strict=True))
        adam.zero_grad()
        loss = (_network(torch, {**fixed, **learnt}, mel) - magnitude).abs().mean()
        loss.backward()
        adam.step()
    return {**weights, **{name: w.detach().numpy().copy() for name, w in learnt.items()}}


def vocoder_loss(weights: Weights, speech: Iterable[np.ndarray]) -> float:
    """The mean absolute error of the natural log magnitudes over the recordings."""
    errors = []
    for sound in speech:
        mel, magnitude = _features(sound)
        errors.append(np.abs(_network(np, weights, mel[None])[0][: len(magnitude)] - magnitude).mean())
    return float(np.mean(errors))


def vocode(rng: np.random.Generator, sound: np.ndarray, weights: Weights) -> np.ndarray:
    """The sound again from its log-mel energies: float32, as many samples."""
    mel, _ = _features(sound)
    magnitude = np.exp(_network(np, weights, mel[None])[0][: len(mel)]).T
    phase = spectra.running_phase(magnitude)
    if rng.random() < 0.5:
        phase = spectra.random_phase(rng, magnitude.shape)
    return spectra.griffin_lim(magnitude, phase, int(rng.integers(2, 9)), len(sound))


def trained(rng: np.random.Generator, sound: np.ndarray, scene: SoundScene) -> np.ndarray:
    """A `Change`: the sound by the scene's trained vocoder. InputError if the scene has none."""
    if scene.vocoder is None:
        raise InputError("SoundScene.vocoder is None: wanted the weights of train_vocoder for this kind.")
    return vocode(rng, sound, scene.vocoder)


def _features(sound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Natural logs of mel energies (frames, BANDS) and of magnitudes (frames, BINS)."""
    magnitude = np.abs(spectra.analyse(sound, WINDOW))
    mel = np.log(spectra.mel_filters(BANDS, WINDOW) @ magnitude**2 + 1e-8)
    return mel.T.astype(np.float32), np.log(magnitude + 1e-4).T.astype(np.float32)


def _initial(rng: np.random.Generator, mel: np.ndarray, magnitude: np.ndarray) -> Weights:
    """Random weights, and the means and deviations that scale the input and the output."""
    first, second = WIDTHS[0] * BANDS, WIDTHS[1] * HIDDEN
    shapes = {"first": (first, HIDDEN), "second": (second, HIDDEN), "last": (HIDDEN, 2 * BINS)}
    weights = {
        name: rng.normal(0, np.sqrt((0.02 if name == "last" else 2.0) / rows), (rows, columns))
        for name, (rows, columns) in shapes.items()
    }
    weights |= {f"{name}_bias": np.zeros(columns) for name, (_, columns) in shapes.items()}
    weights |= {"scale_mel_mean": mel.mean(axis=0), "scale_mel": mel.std(axis=0) + 1e-3}
    weights |= {"scale_mean": magnitude.mean(axis=0), "scale": magnitude.std(axis=0) + 1e-3}
    return {name: np.ascontiguousarray(array, np.float32) for name, array in weights.items()}


def _network(xp: Any, weights: dict[str, Any], mel: Any) -> Any:
    """Log magnitudes (B, frames, BINS) from log-mel energies (B, frames, BANDS), by NumPy or by torch.

    An odd number of frames gives one more. A convolution is a product with the frames side by side.
    """
    x = (mel - weights["scale_mel_mean"]) / weights["scale_mel"]
    x = _side_by_side(xp, x, WIDTHS[0], 2) @ weights["first"] + weights["first_bias"]
    x = xp.maximum(x, 0.1 * x)
    x = x + xp.tanh(_side_by_side(xp, x, WIDTHS[1], 1) @ weights["second"] + weights["second_bias"])
    x = x @ weights["last"] + weights["last_bias"]
    return x.reshape(len(x), -1, BINS) * weights["scale"] + weights["scale_mean"]


def _side_by_side(xp: Any, x: Any, width: int, stride: int) -> Any:
    """(B, frames / stride, width * channels): each frame with its neighbours, the outer frames repeated."""
    half = width // 2
    x = xp.concatenate([x[:, :1]] * half + [x] + [x[:, -1:]] * (half + x.shape[1] % stride), 1)
    count = x.shape[1] - width + 1
    return xp.concatenate([x[:, i : i + count : stride] for i in range(width)], 2)
