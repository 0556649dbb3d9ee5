"""Self-blended images (Shiohara and Yamasaki, CVPR 2022): a genuine frame is forged by blending a slightly
changed copy of its face into it.

    target, blended, mask = self_blend(pixels, points, rng)   # target is genuine, blended is forged

Such a forgery shows what face swaps have in common, which is a border where the statistics of two pictures
meet, and no traces of a particular method.

The same input and the same state of `rng` give the same output, and no input is modified. As published, every
frame has random numbers of its own.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from telltale import config
from telltale.decode.frames import decode_jpegs, encode_jpegs
from telltale.forge.face import Masks, face_mask

# Limits of the published recipe. First its changes of statistics: in levels, and in shares of the range. (It
# also shifts hue, saturation and value by up to 0.3. Its library takes that for 0.3 of 256 levels, so it
# changes nothing, and is left out here.)
RGB_LEVELS, RGB_P = 20.0, 0.3
BRIGHTNESS_SHARE = CONTRAST_SHARE = 0.1
ALIKE_SHARE, ALIKE_QUALITY = 0.3, (40, 100)  # of the changes that both pictures of a pair get
SHARPEN_ALPHA, SHARPEN_LIGHTNESS = (0.2, 0.5), (0.5, 1.0)
# Then its changes of geometry: in shares of width and height, and in pixels.
SHIFT_X, SHIFT_Y, SCALE = 0.03, 0.015, 0.95
ELASTIC_ALPHA, ELASTIC_SIGMA = 50.0, 7.0
# Then the softening of the mask: the sides at which it is done and the widths of its kernels, in pixels.
SOFTEN_SIDE, KERNEL, SOFTEN_SIGMA = (192, 256), (5, 25), (5.0, 45.0)


def self_blend(
    pixels: np.ndarray,
    points: np.ndarray,
    rng: np.random.Generator,
    *,
    ratios: Sequence[float] = (0.25, 0.5, 0.75, 1, 1, 1),
    masks: Masks = "published",
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Forge genuine frames.

    pixels: uint8 (T, H, W, 3) RGB.
    points: (T, 68 or 81, 2), their landmarks, see `face`.
    ratios: the highest value of a frame's mask is one of these, each as likely.
    masks: which regions of the face, see `face_mask`.

    Returns target, blended and mask. target: uint8 (T, H, W, 3), genuine; in half of the frames colours and
    sharpness are changed. blended: uint8 (T, H, W, 3), forged: the target with the face of the other version
    blended in. mask: float32 (T, H, W), the share of the other version in each pixel, 0 at the picture's
    border. A mask is zero if the face is out of sight; then blended equals target.
    """
    target, blended = np.empty_like(pixels), np.empty_like(pixels)
    mask = np.empty(pixels.shape[:3], np.float32)
    for k, (frame, face) in enumerate(zip(pixels, points, strict=True)):
        changed = change_statistics(frame, rng)
        source, target[k] = (changed, frame) if rng.random() < 0.5 else (frame, changed)
        source, region = move(source, face_mask(face, frame.shape[0], frame.shape[1], rng, masks), rng)
        mask[k] = soften(warp(region, rng), rng)
        mask[k] *= ratios[int(rng.integers(len(ratios)))]
        blended[k] = blend(source, target[k], mask[k])
    return target, blended, mask


def blend(source: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """mask * source + (1 - mask) * target, rounded. Pictures are uint8 (..., H, W, 3), the mask is float32
    (..., H, W) in [0, 1]."""
    # In this form a mask of 0 gives exactly the target, and so does a source that equals the target.
    base = target.astype(np.float32)
    return np.rint(base + mask[..., None] * (source.astype(np.float32) - base)).astype(np.uint8)


def change_statistics(frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Frame uint8 (H, W, 3) RGB → the same shape: other colours, then either coarser, by 2 or 4, or
    sharper."""
    levels = np.arange(256.0)
    if rng.random() < RGB_P:
        frame = _look_up(frame, levels[:, None] + rng.uniform(-RGB_LEVELS, RGB_LEVELS, 3))
    contrast = 1 + rng.uniform(-CONTRAST_SHARE, CONTRAST_SHARE)
    brightness = 255 * rng.uniform(-BRIGHTNESS_SHARE, BRIGHTNESS_SHARE)
    frame = _look_up(frame, np.repeat(contrast * levels[:, None] + brightness, 3, -1))
    return coarsen(frame, rng) if rng.random() < 0.5 else sharpen(frame, rng)


def change_alike(
    frames: np.ndarray, settings: config.AugmentSettings, rng: np.random.Generator
) -> np.ndarray:
    """Genuine and blended frames uint8 (K, H, W, 3) RGB → the same shape. All are changed alike, as a web
    site would change them.

    As published: mirrored with probability 0.5; RGB shifts of up to 20 levels, and brightness and contrast by
        up
    to 0.3, with probability 0.3 each; JPEG of quality 40 to 100 with probability 0.5. The probabilities are
    `flip_p`, `colour_p` and `jpeg_p` of `settings`.
    """
    levels = np.arange(256.0)
    if rng.random() < settings.flip_p:
        frames = frames[:, :, ::-1]
    if rng.random() < settings.colour_p:
        frames = _look_up_all(frames, levels[:, None] + rng.uniform(-RGB_LEVELS, RGB_LEVELS, 3))
    if rng.random() < settings.colour_p:
        contrast, brightness = (
            1 + rng.uniform(-ALIKE_SHARE, ALIKE_SHARE),
            255 * rng.uniform(-ALIKE_SHARE, ALIKE_SHARE),
        )
        frames = _look_up_all(frames, np.repeat(contrast * levels[:, None] + brightness, 3, -1))
    if rng.random() < settings.jpeg_p:
        frames = decode_jpegs(encode_jpegs(frames, int(rng.integers(*ALIKE_QUALITY, endpoint=True))))
    return np.ascontiguousarray(frames)


def coarsen(frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Frame uint8 (H, W, 3) → the same shape with a half or a quarter of the detail: scaled down by leaving
    out pixels, then scaled up."""
    factor = (2, 4)[rng.integers(2)]
    height, width = frame.shape[:2]
    size = max(width // factor, 1), max(height // factor, 1)
    small = cv2.resize(frame, size, interpolation=cv2.INTER_NEAREST)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def sharpen(frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Frame uint8 (H, W, 3) → the same shape: its edges, and the share `lightness` of its areas, mixed in
    with the weight `alpha`. Both are drawn."""
    alpha, lightness = rng.uniform(*SHARPEN_ALPHA), rng.uniform(*SHARPEN_LIGHTNESS)
    kernel = np.full((3, 3), -alpha, np.float32)
    kernel[1, 1] = (1 - alpha) + alpha * (8 + lightness)
    return cv2.filter2D(frame, -1, kernel)


def move(source: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Source uint8 (H, W, 3) and its mask float32 (H, W) → the same shapes, both shifted and stretched about
    the centre alike."""
    height, width = mask.shape
    scale_x, scale_y = rng.uniform(SCALE, 1 / SCALE, 2)
    x, y = rng.uniform(-SHIFT_X, SHIFT_X) * width, rng.uniform(-SHIFT_Y, SHIFT_Y) * height
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    matrix = np.array(
        [[scale_x, 0, middle_x * (1 - scale_x) + x], [0, scale_y, middle_y * (1 - scale_y) + y]]
    )
    # What comes in from outside the picture is its mirror image. Black would be a trace of its own.
    moved = cv2.warpAffine(
        source, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return moved, cv2.warpAffine(mask, matrix, (width, height), flags=cv2.INTER_LINEAR)


def warp(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mask float32 (H, W) → the same shape with a wavy outline: an elastic deformation by about a pixel.

    The displacement is white noise in [-1, 1], blurred by a Gaussian of sigma 7 pixels, times 50. It is
    computed at a quarter of the size, which takes a tenth of the time and is enough for so smooth a field;
    its amplitude is that of the full size.
    """
    height, width = mask.shape
    coarse = 4
    noise = rng.random((-(-height // coarse), -(-width // coarse), 2), np.float32) * 2 - 1
    noise = cv2.GaussianBlur(noise, (0, 0), ELASTIC_SIGMA / coarse) * np.float32(ELASTIC_ALPHA / coarse)
    moves = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    x = moves[..., 0] + np.arange(width, dtype=np.float32)
    y = moves[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return cv2.remap(mask, x, y, cv2.INTER_LINEAR)


def soften(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mask float32 (H, W) in [0, 1] → the same shape, smaller and with a soft edge; 0 at the picture's
    border, up to 1.

    It is blurred, cut down to where it is still 1, and blurred again, all at a random size. A mask of zeros
    stays zero.
    """
    height, width = mask.shape
    tall, wide = rng.integers(*SOFTEN_SIDE, size=2, endpoint=True)
    first, second = 2 * rng.integers(KERNEL[0] // 2, KERNEL[1] // 2, size=2, endpoint=True) + 1
    sigma = rng.uniform(*SOFTEN_SIGMA)
    soft = cv2.resize(mask, (int(wide), int(tall)), interpolation=cv2.INTER_LINEAR)
    soft = _normalise(cv2.GaussianBlur(soft, (int(first), int(first)), 0))
    # A blur of ones misses 1 by a few units in the last place.
    soft = np.where(soft < 1 - 1e-4, np.float32(0), soft)
    # With these margins neither the second blur nor the scaling reaches the border.
    margin_y, margin_x = (
        second // 2 + 1 + math.ceil(side / full) for side, full in ((tall, height), (wide, width))
    )
    inside = np.zeros_like(soft)
    inside[margin_y:-margin_y, margin_x:-margin_x] = soft[margin_y:-margin_y, margin_x:-margin_x]
    soft = _normalise(cv2.GaussianBlur(inside, (int(second), int(second)), sigma))
    return np.minimum(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), np.float32(1))


def _normalise(mask: np.ndarray) -> np.ndarray:
    """`mask` over its maximum; zeros stay zeros."""
    top = mask.max()
    return mask / top if top > 0 else mask


def _look_up_all(frames: np.ndarray, table: np.ndarray) -> np.ndarray:
    return np.stack([_look_up(np.ascontiguousarray(frame), table) for frame in frames])


def _look_up(frame: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Frame uint8 (H, W, 3) → each level replaced by its row of `table` float (256, 3), rounded and clipped
    to 0 to 255."""
    return cv2.LUT(frame, np.rint(table).clip(0, 255).astype(np.uint8)[None])
