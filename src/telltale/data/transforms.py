"""What is done to the frames and the sound of a clip: `fit` always, the augmentations in training only.

    pixels = augment_frames(fit(pixels, 224), settings.augment, rng)

All are pure functions: the same input and the same state of `rng` give the same output, and no input is
modified.
"""

import importlib
import os
import random
from typing import Any

import cv2
import numpy as np

from telltale import config
from telltale.data import degrade
from telltale.data.silence import fill_silence

# A worker process has one core. Threads of OpenCV would compete with the other workers.
cv2.setNumThreads(0)

LEVELS_DB = (-45.0, -15.0)  # of `level_p`, in dB of RMS


def fit(pixels: np.ndarray, size: int) -> np.ndarray:
    """Frames uint8 (T, H, W, 3) → uint8 (T, size, size, 3): the centre square, scaled unless it has that
    size."""
    height, width = pixels.shape[1:3]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = pixels[:, top : top + side, left : left + side]
    if side == size:
        return np.ascontiguousarray(square)
    # Down: the mean of an area, which does not alias. Up: linear.
    method = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return np.stack([cv2.resize(frame, (size, size), interpolation=method) for frame in square])


def prepare(settings: config.AugmentSettings, reads: tuple[str, ...], rate_hz: int) -> None:
    """Import what augmentation needs, before workers are forked. Otherwise each worker takes two seconds and
    memory of its own for it.

    rate_hz: of the sound. Raises InputError if it is to be compressed and no codec takes its rate.
    """
    if "picture" in reads:
        augment_frames(np.zeros((1, 32, 32, 3), np.uint8), settings, np.random.default_rng(0))
    if "sound" in reads:
        if settings.sound_noise_p:
            importlib.import_module("scipy.signal")
        degrade.prepare(settings, rate_hz)


def augment_frames(
    pixels: np.ndarray, settings: config.AugmentSettings, rng: np.random.Generator, *, clips: int = 1
) -> np.ndarray:
    """Frames uint8 (T, H, W, 3) → the same shape. Every parameter is drawn once for all frames, even the
    pattern of the noise.

    clips: how many clips of T / clips frames follow one another. They are changed alike, and each is coded
        as a video of its own: the frames of a genuine clip and those of its forgery.
    """
    A = _albumentations()
    degradation = degrade.draw_frame_degradation(settings, rng)
    pixels = degradation.tone(pixels)
    swap = A.Lambda(image=_swap_red_and_blue, p=1.0)
    # In the order in which they happen to a picture: camera, then compression, then a web site. To build
    # this costs half a millisecond a clip; kept from clip to clip it would have state. The rarer changes are
    # left out if they are off, and then draw nothing.
    recipe = A.Compose(
        [
            *_geometry(settings, pixels.shape[1:3]),
            *([A.ToGray(p=settings.grey_p)] if settings.grey_p else []),
            A.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.03, p=settings.colour_p),
            A.GaussianBlur(sigma_limit=(0.5, 2.0), p=settings.blur_p),
            A.GaussNoise(std_range=(0.01, 0.06), p=settings.noise_p),
            # albumentations passes RGB to OpenCV's JPEG, which expects BGR. Unswapped, red would be coded as
            # coarsely as blue.
            A.Sequential(
                [
                    swap,
                    A.ImageCompression(quality_range=(settings.jpeg_low, settings.jpeg_high), p=1.0),
                    swap,
                ],
                p=settings.jpeg_p,
            ),
        ]
    )
    # `Compose(seed=...)` would seed every transform alike, and a clip that is flipped would always be
    # cropped, too. With one generator for all, their draws are independent.
    recipe.set_random_state(rng, random.Random(int(rng.integers(2**63))))
    return degradation.code(recipe(images=pixels)["images"], clips)


def move_frames(
    pixels: np.ndarray,
    masks: np.ndarray | None,
    settings: config.AugmentSettings,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray | None]:
    """The changes of `augment_frames` that move pixels, and no others: mirroring, turning, cutting out.

    pixels: uint8 (T, H, W, 3); masks: float32 (T, H, W) or None. Both come back in their shapes, moved alike.
    """
    A = _albumentations()
    recipe = A.Compose(_geometry(settings, pixels.shape[1:3]))
    recipe.set_random_state(rng, random.Random(int(rng.integers(2**63))))
    if masks is None:
        return recipe(images=pixels)["images"], None
    moved = recipe(images=pixels, masks=masks)
    return moved["images"], moved["masks"]


def _geometry(settings: config.AugmentSettings, size: tuple[int, ...]) -> list[Any]:
    """The changes that move pixels of pictures of `size`, (height, width)."""
    A = _albumentations()
    soft = {"mask_interpolation": cv2.INTER_LINEAR}
    affine = {
        **soft,
        "translate_percent": (-0.0625, 0.0625),
        "scale": (0.8, 1.2),
        "rotate": (-45, 45),
        "keep_ratio": True,
    }
    border = {"percent": (-0.08, -0.03), "keep_size": True, "sample_independently": False, **soft}
    crop = {"scale": (settings.crop_scale, 1.0), "ratio": (0.9, 1.1), **soft}
    return [
        *([A.CropAndPad(**border, p=settings.border_crop_p)] if settings.border_crop_p else []),
        A.HorizontalFlip(p=settings.flip_p),
        *([A.VerticalFlip(p=settings.vertical_flip_p)] if settings.vertical_flip_p else []),
        *([A.RandomRotate90(p=settings.rotate90_p)] if settings.rotate90_p else []),
        A.RandomResizedCrop(size, **crop, p=settings.crop_p),
        *([A.Affine(**affine, p=settings.affine_p)] if settings.affine_p else []),
    ]


def _albumentations() -> Any:
    # Not at the top: the import takes two seconds, and prediction does not need it. Without the variable it
    # asks the network for a newer version.
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
    return importlib.import_module("albumentations")


def augment_wave(
    samples: np.ndarray, rate_hz: int, settings: config.AugmentSettings, rng: np.random.Generator
) -> np.ndarray:
    """Samples float32 (N,) in [-1, 1] → the same shape: louder or softer by up to 6 dB, with noise that is 10
    to 40 dB softer than the sound. Before, silence at its ends may be filled, and its loudness drawn. After,
    its band may be limited and a codec may compress it, see `degrade`. Generators of equal states change two
    waves alike.

    The noise is white up to a cut-off frequency between 500 Hz, a rumble, and half of `rate_hz`, a hiss.
    Nothing is clipped, so samples may leave [-1, 1].
    """
    changed = samples.astype(np.float32)
    if settings.fill_silence_p and rng.random() < settings.fill_silence_p:
        changed = fill_silence(changed, rate_hz)
    if settings.level_p and rng.random() < settings.level_p:
        level = np.sqrt(np.mean(np.square(changed, dtype=np.float64))) if len(changed) else 0.0
        wanted = _decibels(rng.uniform(*LEVELS_DB))
        changed *= np.float32(wanted / level if level > 0 else 1.0)
    if rng.random() < settings.gain_p:
        changed *= np.float32(_decibels(rng.uniform(-6.0, 6.0)))
    if rng.random() < settings.sound_noise_p and len(samples):
        from scipy.signal import lfilter  # not at the top: the import takes two seconds

        cut_hz = np.exp(rng.uniform(np.log(500.0), np.log(max(rate_hz / 2, 500.0))))
        decay = np.exp(-2 * np.pi * cut_hz / rate_hz)
        noise = lfilter([1 - decay], [1, -decay], rng.standard_normal(len(samples)))
        level = _decibels(-rng.uniform(10.0, 40.0)) * np.sqrt(np.mean(np.square(changed, dtype=np.float64)))
        changed += (noise * level / np.sqrt(np.mean(noise**2))).astype(np.float32)
    return degrade.draw_wave_degradation(settings, rng)(changed, rate_hz)


def mask_mel(mel: np.ndarray, settings: config.AugmentSettings, rng: np.random.Generator) -> np.ndarray:
    """Log-mel image float32 (n_mels, L) dB → the same shape, a band of frequencies and a stretch of time set
    to the image's mean.

    Each is up to an eighth of the image. They are not set to -100 dB, because a gap of digital silence is a
    clue of forgery itself.
    """
    if rng.random() >= settings.mel_mask_p:
        return mel
    masked, mean = mel.copy(), mel.mean()
    for rows in (masked, masked.T):
        width = rng.integers(1, max(len(rows) // 8, 1), endpoint=True)
        first = rng.integers(0, len(rows) - width, endpoint=True)
        rows[first : first + width] = mean
    return masked


def _swap_red_and_blue(frame: np.ndarray, **_: object) -> np.ndarray:
    return frame[..., ::-1]


def _decibels(amount: float) -> float:
    """The factor of amplitude that `amount` dB are."""
    return 10.0 ** (amount / 20.0)
