"""The motion of a speaking head: drift, nods, blinks, glances, and a mouth that follows the sound."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from telltale.demo.speech import Utterance


@dataclass(frozen=True)
class Motion:
    """The motion of a head, one row for each frame.

    shift: (T, 2) head units.
    roll: (T,) radians.
    zoom: (T,) factor.
    turn: (T, 2) yaw and pitch, as the sideways shift for each unit of depth.
    lips: (T, 3) open, rounded and spread, each 0 to 1.
    blink: (T,) 0 for open eyes to 1 for shut ones.
    gaze: (T, 2) horizontal and vertical direction, each -1 to 1.
    brow: (T,) lift of the brows in head units.
    """

    shift: np.ndarray
    roll: np.ndarray
    zoom: np.ndarray
    turn: np.ndarray
    lips: np.ndarray
    blink: np.ndarray
    gaze: np.ndarray
    brow: np.ndarray


def move(rng: np.random.Generator, utterance: Utterance, times: np.ndarray) -> Motion:
    """The motion of a head that says `utterance`. times: seconds of the frames, (T,)."""
    lips = utterance.mouth_at(times)
    rate_hz = 1 / (times[1] - times[0])
    nod = ndimage.gaussian_filter1d(lips[:, 0], 0.12 * rate_hz) - lips[:, 0].mean()
    turn = np.stack([_drift(rng, times, 0.16), _drift(rng, times, 0.08) + 0.05 * nod], axis=1)
    shift = np.stack(
        [_drift(rng, times, 0.05) + 0.2 * turn[:, 0], _drift(rng, times, 0.03) + 0.03 * nod], axis=1
    )
    return Motion(
        shift=shift,
        roll=_drift(rng, times, 0.06),
        zoom=1 + _drift(rng, times, 0.02),
        turn=turn,
        lips=lips,
        blink=_blinks(rng, times),
        gaze=_glances(rng, times),
        brow=np.clip(_drift(rng, times, 0.02) + 0.02 * nod, -0.01, 0.03),
    )


def placement(motion: Motion, frame: int, canvas: int, size: int, zoom: float) -> np.ndarray:
    """Affine map (2, 3) from pixels of the head's canvas to pixels of the picture.

    canvas, size: side of the canvas and of the picture in pixels.
    zoom: the scene's factor on the size of the head.
    """
    scale = 1.02 * zoom * motion.zoom[frame] * size / canvas
    cos, sin = scale * np.cos(motion.roll[frame]), scale * np.sin(motion.roll[frame])
    middle = (canvas - 1) / 2
    x = (0.5 + 0.5 * motion.shift[frame, 0]) * size
    y = (0.5 + 0.5 * motion.shift[frame, 1]) * size
    return np.asarray([[cos, -sin, x - (cos - sin) * middle], [sin, cos, y - (sin + cos) * middle]])


def _drift(rng: np.random.Generator, times: np.ndarray, spread: float) -> np.ndarray:
    """A slow random motion of about +-spread, (T,): the sum of four sines with random phases."""
    hertz, phase, weight = rng.uniform(0.08, 0.7, 4), rng.uniform(0, 2 * np.pi, 4), rng.uniform(0.2, 1.0, 4)
    return (
        spread
        * (np.sin(2 * np.pi * hertz * times[:, None] + phase) * weight).sum(axis=1)
        / weight.sum()
        * 1.6
    )


def _blinks(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    shut = np.zeros_like(times)
    at = rng.uniform(-1.5, 2.5)
    while at < times[-1] + 0.3:
        shut = np.maximum(shut, np.exp(-(((times - at) / 0.065) ** 4)))
        at += rng.uniform(1.2, 3.5)
    return shut


def _glances(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    """Directions of gaze, (T, 2), constant for 0.4 to 1.6 s each."""
    gaze = np.zeros((len(times), 2))
    at = 0.0
    while at < times[-1] + 0.1:
        gaze[times >= at - 1e-9] = np.round(rng.normal(0, 0.35, 2).clip(-1, 1) * 8) / 8
        at += rng.uniform(0.4, 1.6)
    return gaze
