"""A contact sheet of pseudo-forgeries on drawn clips: a row for each kind, its name at the left.

Kinds that change pixels: a genuine frame, the same frame forged, where they differ, the mask, and three more
forged frames. Others: the log-mel image of the genuine sound, of the forged one, and their difference.
"""

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from scipy.signal import resample_poly

from bench.zoo_sheet import in_colour, in_grey, log_mel, write_rows
from telltale.demo import speech
from telltale.demo.clip import forge as drawn
from telltale.demo.encode import FRAME_RATE
from telltale.demo.plan import GENUINE, ClipPlan
from telltale.forge.pseudo import Kind, Material, PseudoForgery, forge

FRAMES, SECONDS, RATE_HZ = 24, 2.0, 16_000
SIDE, GAIN = 112, 8  # of a frame in the sheet, in pixels; of the shown differences
LATER = (6, 14, 20)  # frames that are shown besides the first


@cache
def spans(person: int, size: int) -> tuple[Material, Material]:
    """Two spans of a drawn clip, one after the other: FRAMES frames of `size` pixels and SECONDS of sound."""
    plan = ClipPlan("train", person, "drawn.mp4", GENUINE, person, None, round(2 * SECONDS * FRAME_RATE))
    pixels, samples = drawn(plan, person, size)
    wave = resample_poly(samples, RATE_HZ // 50, speech.RATE_HZ // 50).clip(-1, 1).astype(np.float32)
    frames, count = round(SECONDS * FRAME_RATE), round(SECONDS * RATE_HZ)
    chosen = np.linspace(0, frames - 1, FRAMES).round().astype(int)
    first, second = (
        Material(pixels[k * frames + chosen], chosen / FRAME_RATE, wave[k * count :][:count], RATE_HZ)
        for k in range(2)
    )
    return first, second


def other_of(kind: Kind, person: int, size: int) -> Material:
    """What a kind takes besides the person's first span."""
    return spans(person, size)[1] if kind.other == "span" else spans(person + 1, size)[0]


def draw_sheets(kinds: list[Kind], seed: int, path: Path) -> None:
    """Write the kinds that change pictures as the PNG file `path`, the others beside it as NAME_sound.png."""
    pictures, sounds = [], []
    for number, kind in enumerate(kinds):
        person = seed + number % 3
        genuine, other = spans(person, 192)[0], other_of(kind, person, 192)
        draws = (np.random.default_rng([seed, number, draw]) for draw in range(50))
        made = next(each for rng in draws if (each := forge(genuine, (kind,), rng, other)) is not None)
        if made.frames is genuine.frames:
            sounds.append((kind.cue, kind.name, _of_sounds(genuine, made)))
        else:
            pictures.append((kind.cue, kind.name, _of_pictures(genuine, made)))
    if pictures:
        columns = ["genuine", "forged", f"difference, {GAIN} times", "mask", "forged, later", "", ""]
        write_rows(pictures, columns, path)
    if sounds:
        columns = ["genuine", "forged", "difference (red: louder)"]
        write_rows(sounds, columns, path.with_name(f"{path.stem}_sound.png"))


def _of_pictures(genuine: Material, made: PseudoForgery) -> np.ndarray:
    assert genuine.frames is not None and made.frames is not None
    mask = np.zeros(genuine.frames.shape[:3]) if made.mask is None else made.mask
    # The frame that is forged the most.
    k = int(mask.sum(axis=(1, 2)).argmax())
    difference = made.frames[k].astype(int) - genuine.frames[k]
    shown = [genuine.frames[k], made.frames[k], (128 + GAIN * difference).clip(0, 255).astype(np.uint8)]
    shown.append(np.repeat((255 * mask[k])[..., None], 3, -1).astype(np.uint8))
    shown += [made.frames[later] for later in LATER]
    return np.concatenate([_small(each) for each in shown], axis=1)


def _of_sounds(genuine: Material, made: PseudoForgery) -> np.ndarray:
    assert genuine.wave is not None and made.wave is not None
    one, other = (log_mel(each, RATE_HZ) for each in (genuine.wave, made.wave))
    top = max(one.max(), other.max())
    images = [in_grey(one, top), in_grey(other, top), in_colour(other - one)]
    width = SIDE * (4 + len(LATER)) // 3
    return np.concatenate(
        [cv2.resize(each, (width, SIDE), interpolation=cv2.INTER_AREA) for each in images], axis=1
    )


def _small(frame: np.ndarray) -> np.ndarray:
    return cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
