"""Pseudo-forgeries that single pictures show: a region of the face with other statistics than what is around
it.

Each takes the clip's own frames, changes a copy of them and blends its face in, as self-blended images do
(Shiohara and Yamasaki, CVPR 2022). Over the frames of a clip the change is one, and so is the mask's shape.
"""

from collections.abc import Callable

import cv2
import numpy as np

from telltale.decode.frames import decode_jpegs, encode_jpegs
from telltale.decode.recode import through_h264
from telltale.forge.material import Kind, Material, PseudoForgery, Seconds, window_of_frames
from telltale.forge.region import Region, Shape, draw_region, pasted
from telltale.forge.selfblend import SCALE, SHIFT_X, SHIFT_Y, change_statistics

# Crops of one clip, uint8 (K, h, w, 3), to the same shape.
Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]

RATIOS = (0.5, 0.75, 1.0, 1.0, 1.0, 1.0)  # the mask's highest value is one of these
PART_P, PART_SHARES = 0.2, (0.3, 0.7)  # of clips that are forged for a part of the time
FACTORS = (1.3, 4.0)  # by which pictures are made smaller
DOWN = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_AREA, cv2.INTER_CUBIC)
UP = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
# A clip in which the forged pixels differ by less than this, in levels, is none: nothing could be seen.
LEAST_LEVELS = 0.4


def make(
    name: str, change: Change, shapes: tuple[Shape, ...], material: Material, rng: np.random.Generator
) -> PseudoForgery | None:
    """Forge a region of one of `shapes` by `change`, once in five for a part of the time."""
    assert material.frames is not None
    region = draw_region(material, shapes[int(rng.integers(len(shapes)))], rng)
    if region is None:
        return None
    region = region.weaker(RATIOS[int(rng.integers(len(RATIOS)))])
    seconds: Seconds = (0.0, material.seconds)
    cues: tuple[str, ...] = ("picture",)
    if rng.random() < PART_P and len(material.frames) > 3:
        window, seconds = window_of_frames(material.frame_seconds, *PART_SHARES, rng)
        region, cues = region.at(np.arange(window.start, window.stop)), ("picture", "motion")
    shown = slice(int(region.numbers[0]), int(region.numbers[-1]) + 1)
    frames = pasted(material.frames, region, change(material.frames[(shown, *region.box)], rng))
    if not can_be_seen(material.frames, frames, region):
        return None
    return PseudoForgery(frames, material.wave, name, cues, region.mask, (seconds,))


def can_be_seen(genuine: np.ndarray, frames: np.ndarray, region: Region) -> bool:
    """Whether the forged pixels of frames uint8 (D, H, W, 3) differ by LEAST_LEVELS or more in the mean."""
    different = share = 0.0
    for number in region.numbers[:: max(len(region.numbers) // 6, 1)]:  # a few say enough
        place = (int(number), *region.box)
        different += sum(cv2.sumElems(cv2.absdiff(frames[place], genuine[place])))
        share += float(cv2.sumElems(region.mask[place])[0])
    return share > 0 and different >= LEAST_LEVELS * 3 * share


def self_blended(crops: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Other colours, sharper or coarser, and shifted and stretched a little: `selfblend`'s changes, one draw
    for all."""
    seed = int(rng.integers(2**63))
    changed = [change_statistics(crop, np.random.default_rng(seed)) for crop in crops]
    height, width = crops.shape[1:3]
    scale = rng.uniform(SCALE, 1 / SCALE, 2)
    shift = rng.uniform(-1, 1, 2) * (SHIFT_X, SHIFT_Y) * (width, height)
    middle = np.array([width - 1, height - 1]) / 2
    matrix = np.array(
        [
            [scale[0], 0, middle[0] * (1 - scale[0]) + shift[0]],
            [0, scale[1], middle[1] * (1 - scale[1]) + shift[1]],
        ]
    )
    return np.stack(
        [
            cv2.warpAffine(
                crop, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
            )
            for crop in changed
        ]
    )


def resampled(crops: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Made smaller by 1.3 to 4 and larger again, with kernels that are drawn."""
    height, width = crops.shape[1:3]
    factor = rng.uniform(*FACTORS)
    small = max(round(width / factor), 2), max(round(height / factor), 2)
    down, up = DOWN[int(rng.integers(len(DOWN)))], UP[int(rng.integers(len(UP)))]
    return np.stack(
        [
            cv2.resize(cv2.resize(crop, small, interpolation=down), (width, height), interpolation=up)
            for crop in crops
        ]
    )


def upconvolved(crops: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Halved or thirded, and enlarged by a transposed convolution whose kernel weighs the pixels between
    unevenly: the checkerboard of generators (Odena et al., Distill 2016)."""
    height, width = crops.shape[1:3]
    stride = int(rng.choice([2, 2, 3]))
    side = 2 * stride + 1
    ramp = 1 - np.abs(np.arange(-stride, stride + 1)) / stride
    kernel = np.outer(ramp, ramp)[1:-1, 1:-1]
    kernel = kernel * (1 + rng.uniform(0.1, 0.35) * rng.uniform(-1, 1, (side - 2, side - 2)))
    kernel = (kernel * (stride**2 / kernel.sum())).astype(np.float32)
    tall, wide = -(-height // stride), -(-width // stride)
    enlarged = np.zeros((tall * stride, wide * stride, 3), np.uint8)
    made = np.empty_like(crops)
    for k, crop in enumerate(crops):
        enlarged[::stride, ::stride] = cv2.resize(crop, (wide, tall), interpolation=cv2.INTER_AREA)
        # The pixels lie at the first of each stride, their area's middle half a stride on.
        shifted = np.roll(enlarged, (stride // 2, stride // 2), (0, 1))
        made[k] = cv2.filter2D(shifted, -1, kernel, borderType=cv2.BORDER_REFLECT_101)[:height, :width]
    return made


def smoothed(crops: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Smoothed inside its edges, by a bilateral filter or a median, as beauty filters and denoisers do."""
    if rng.random() < 0.5:
        colour, space = rng.uniform(25, 70), rng.uniform(2, 5)
        return np.stack([cv2.bilateralFilter(crop, 5, colour, space) for crop in crops])
    side = int(rng.choice([3, 5]))
    return np.stack([cv2.medianBlur(np.ascontiguousarray(crop), side) for crop in crops])


def quantised(crops: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Of 6 to 20 levels in each colour, or with brightness whole and two colour differences of 4 to 10."""
    step = 255 / int(rng.integers(6, 20, endpoint=True))
    if rng.random() < 0.5:
        table = np.rint(np.rint(np.arange(256) / step) * step).astype(np.uint8)
        return cv2.LUT(crops.reshape(len(crops), -1), table).reshape(crops.shape)
    step = 128 / int(rng.integers(4, 10, endpoint=True))
    # Grey has colour differences of 128, which stays what it is.
    fine = np.arange(256.0)
    coarse = 128 + np.rint((fine - 128) / step) * step
    table = np.rint(np.stack([fine, coarse, coarse], -1)).clip(0, 255).astype(np.uint8)[None]
    return np.stack(
        [
            cv2.cvtColor(cv2.LUT(cv2.cvtColor(crop, cv2.COLOR_RGB2YCrCb), table), cv2.COLOR_YCrCb2RGB)
            for crop in crops
        ]
    )


def recoded(crops: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Compressed once more than its surroundings: as JPEG of quality 12 to 50, or H.264 of CRF 30 to 42."""
    if rng.random() < 0.5:
        return decode_jpegs(encode_jpegs(crops, int(rng.integers(12, 50, endpoint=True))))
    return through_h264(crops, int(rng.integers(30, 42, endpoint=True)))


def _kind(name: str, change: Change, *shapes: Shape) -> Kind:
    def forge(material: Material, other: Material | None, rng: np.random.Generator) -> PseudoForgery | None:
        return make(name, change, shapes, material, rng)

    return Kind(name, "picture", ("picture",), None, forge)


ANY: tuple[Shape, ...] = ("whole", "published", "partial", "mouth")

PICTURE_KINDS = (
    _kind("self_blended", self_blended, "whole", "published"),
    _kind("part_blended", self_blended, "partial"),
    _kind("mouth_blended", self_blended, "mouth"),
    _kind("resampled", resampled, *ANY),
    _kind("upconvolved", upconvolved, *ANY),
    _kind("smoothed", smoothed, *ANY),
    _kind("quantised", quantised, *ANY),
    _kind("recoded", recoded, *ANY),
)
