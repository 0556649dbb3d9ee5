"""A decoded view of a clip as a model gets it: its frames scaled, cropped and augmented, its sound as a mel
image.

    prepare = Preparation(settings, ("picture", "sound"))
    prepare.pictures(view, None), prepare.image(view, None)    # for evaluation
"""

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from telltale import config
from telltale.data import mel, regions, transforms
from telltale.data.arrays import GRID
from telltale.data.batch import Mouth
from telltale.data.clip import View
from telltale.decode.frames import Frames

# Changes of what a crop or a lower face has to show whole.
_MOVING = ("border_crop_p", "vertical_flip_p", "rotate90_p", "crop_p", "affine_p")
# Changes that are of a file's pixels. Lower faces are scaled down so far that little of them would be left.
_FINE = ("blur_p", "jpeg_p", "rescale_p", "h264_p")


@dataclass(frozen=True)
class Pictures:
    """What a model sees of a view, as of `SampleView`, and the mask of `Known`; None for what the view lacks
    or the model does not read."""

    frames: Frames | None = None
    crops: NDArray[np.uint8] | None = None
    mouth: Mouth | None = None
    mask: NDArray[np.float32] | None = None


class Preparation:
    """Prepares views as the settings say.

    reads: what the model reads, as of `config.detectors.DetectorEntry`.
    masks: whether masks are wanted.

    `sound_seconds` counts the time that sound takes.
    """

    def __init__(self, settings: config.Config, reads: tuple[str, ...], *, masks: bool = False) -> None:
        self.settings, self.masks = settings, masks
        self.native, self.mouth = "native" in reads, "mouth" in reads
        self.sound_seconds = 0.0

    def pictures(
        self,
        view: View,
        rng: np.random.Generator | None,
        cycle: int = 0,
        forged: NDArray[np.float32] | None = None,
    ) -> Pictures:
        """A view's pictures; with `rng` augmented, all frames alike, and the crops at one random place.

        cycle: of the crops' places in evaluation, see `regions.evaluation_places`.
        forged: float32 (D, H, W), the share of forged in each pixel of the view's frames; None: there is
            none.

        What is drawn from `rng` is the same for every view of as many frames: with equal states, two views
        are changed alike.
        """
        if view.frames is None:
            return Pictures()
        if self.native or self.mouth or self.masks:
            return self._parts(view.frames, rng, cycle, forged)
        pixels = transforms.fit(view.frames.pixels, self.settings.clip.image_size)
        if rng is not None:
            pixels = transforms.augment_frames(pixels, self.settings.augment, rng)
        return Pictures(replace(view.frames, pixels=pixels))

    def _parts(
        self,
        frames: Frames,
        rng: np.random.Generator | None,
        cycle: int,
        forged: NDArray[np.float32] | None,
    ) -> Pictures:
        """The scaled whole, the crops, the lower faces and the mask of frames."""
        clip, augment = self.settings.clip, self.settings.augment
        kept = regions.chosen(len(frames.pixels), clip)
        band = regions.bands(forged[kept], clip.image_size) if forged is not None and self.masks else None
        pixels = frames.pixels[kept]
        crops = None
        if self.native:
            assert clip.native_size is not None  # the configuration demands it
            fixed = regions.evaluation_places(len(kept), cycle)
            places = fixed if rng is None else regions.random_places(len(kept), rng)
            crops = regions.crops(pixels, places, clip.native_size)
        mouth = regions.mouths(frames.pixels, clip.mouth_size) if self.mouth else None
        whole = transforms.fit(pixels, clip.image_size)
        if rng is not None and rng.random() < augment.flip_p:
            # All of them: what is on the left of one is on the left of the others.
            whole, crops, mouth, band = (_mirrored(each) for each in (whole, crops, mouth, band))
        if rng is not None:
            whole, band = transforms.move_frames(whole, band, _without(augment, ("flip_p",)), rng)
            # From one seed, so that the same changes are drawn for all three as far as they can be.
            seed, still = int(rng.integers(2**63)), _without(augment, ("flip_p", *_MOVING))
            whole = transforms.augment_frames(whole, still, np.random.default_rng(seed))
            if crops is not None:
                crops = transforms.augment_frames(crops, still, np.random.default_rng(seed))
            if mouth is not None:
                mouth = transforms.augment_frames(mouth, _without(still, _FINE), np.random.default_rng(seed))
        grid = None
        if self.masks:
            grid = np.zeros((len(kept), GRID, GRID), np.float32) if band is None else regions.pooled(band)
        return Pictures(
            Frames(whole, frames.seconds[kept], frames.partial),
            crops,
            None if mouth is None else Mouth(regions.grey(mouth), frames.seconds),
            grid,
        )

    def image(self, view: View, rng: np.random.Generator | None) -> NDArray[np.float32] | None:
        """A view's mel image, float32 (M, L) dB; with `rng`, of augmented sound and masked."""
        if view.wave is None:
            return None
        settings, began, samples = self.settings, time.perf_counter(), view.wave.samples
        if rng is not None:
            samples = transforms.augment_wave(samples, view.wave.rate_hz, settings.augment, rng)
        image = mel.log_mel(samples, settings.mel, settings.clip.seconds)
        if rng is not None:
            image = transforms.mask_mel(image, settings.augment, rng)
        self.sound_seconds += time.perf_counter() - began
        return image


def _mirrored(pictures: Any) -> Any:
    """Pictures (T, H, W, ...), mirrored left to right; None stays."""
    return None if pictures is None else np.ascontiguousarray(pictures[:, :, ::-1])


def _without(augment: config.AugmentSettings, keys: tuple[str, ...]) -> config.AugmentSettings:
    """The settings with these probabilities at 0."""
    return augment.model_copy(update=dict.fromkeys(keys, 0.0))
