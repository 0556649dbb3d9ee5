"""A decoded view of a clip as a model gets it: its frames scaled, cropped and augmented, its sound as a mel
image.

    prepare = Preparation(settings, ("picture", "sound"))
    sample_view = prepare.view(view, None)                     # for evaluation
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from telltale import config
from telltale.data import mel, regions, transforms
from telltale.data.batch import Mouth, SampleView
from telltale.data.clip import View
from telltale.decode.frames import Frames

# Changes of geometry, which would cut off what a crop or a lower face has to show.
_WHOLE_ONLY = ("border_crop_p", "vertical_flip_p", "rotate90_p", "crop_p", "affine_p")


@dataclass(frozen=True)
class Pictures:
    """What a model sees of a view, as of `SampleView`; None for what the view lacks or the model does not
    read."""

    frames: Frames | None = None
    crops: NDArray[np.uint8] | None = None
    mouth: Mouth | None = None


class Preparation:
    """Prepares views as the settings say, for a model that `reads` "picture", "sound", "native", "mouth"."""

    def __init__(self, settings: config.Config, reads: tuple[str, ...]) -> None:
        self.settings, self.native, self.mouth = settings, "native" in reads, "mouth" in reads

    def view(self, view: View, cycle: int) -> SampleView:
        """A view for evaluation. cycle: of the crops' places, see `regions.evaluation_places`."""
        seen = self.pictures(view, None, cycle)
        return SampleView(view.start_seconds, seen.frames, self.image(view, None), seen.crops, seen.mouth)

    def pictures(self, view: View, rng: np.random.Generator | None, cycle: int = 0) -> Pictures:
        """A view's pictures; with `rng` augmented, all frames alike, and the crops at one random place."""
        if view.frames is None:
            return Pictures()
        if self.native or self.mouth:
            return self._parts(view.frames, rng, cycle)
        pixels = transforms.fit(view.frames.pixels, self.settings.clip.image_size)
        if rng is not None:
            pixels = transforms.augment_frames(pixels, self.settings.augment, rng)
        return Pictures(replace(view.frames, pixels=pixels))

    def _parts(self, frames: Frames, rng: np.random.Generator | None, cycle: int) -> Pictures:
        """The scaled whole, the crops and the lower faces of frames."""
        clip, augment = self.settings.clip, self.settings.augment
        if rng is not None and rng.random() < augment.flip_p:
            # All of them at once: what is on the left of one is on the left of the others.
            frames = replace(frames, pixels=np.ascontiguousarray(frames.pixels[:, :, ::-1]))
        kept = regions.chosen(len(frames.pixels), clip)
        pixels = frames.pixels[kept]
        crops = mouth = None
        if self.native:
            assert clip.native_size is not None  # the configuration demands it
            count = len(kept)
            places = (
                regions.evaluation_places(count, cycle) if rng is None else regions.random_places(count, rng)
            )
            crops = regions.crops(pixels, places, clip.native_size)
        if self.mouth:
            mouth = regions.mouths(frames.pixels, clip.mouth_size)
        whole = transforms.fit(pixels, clip.image_size)
        if rng is not None:
            # From one seed, so that the same changes are drawn for all three as far as they can be.
            seed, still = int(rng.integers(2**63)), augment.model_copy(update={"flip_p": 0.0})
            part = still.model_copy(update=dict.fromkeys(_WHOLE_ONLY, 0.0))
            whole = transforms.augment_frames(whole, still, np.random.default_rng(seed))
            if crops is not None:
                crops = transforms.augment_frames(crops, part, np.random.default_rng(seed))
            if mouth is not None:
                mouth = transforms.augment_frames(mouth, part, np.random.default_rng(seed))
        return Pictures(
            Frames(whole, frames.seconds[kept], frames.partial),
            crops,
            None if mouth is None else Mouth(regions.grey(mouth), frames.seconds),
        )

    def image(self, view: View, rng: np.random.Generator | None) -> NDArray[np.float32] | None:
        """A view's mel image, float32 (M, L) dB; with `rng`, of augmented sound and masked."""
        if view.wave is None:
            return None
        settings = self.settings
        if rng is None:
            return mel.log_mel(view.wave.samples, settings.mel, settings.clip.seconds)
        samples = transforms.augment_wave(view.wave.samples, view.wave.rate_hz, settings.augment, rng)
        image = mel.log_mel(samples, settings.mel, settings.clip.seconds)
        return transforms.mask_mel(image, settings.augment, rng)
