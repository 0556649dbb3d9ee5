"""The views of self-blended training: a genuine clip, and the forgery that is blended of it."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from telltale import config
from telltale.config.detectors import SbiSettings
from telltale.data import transforms
from telltale.data.clip import View
from telltale.decode.frames import Frames
from telltale.forge.face import Landmarks, prior
from telltale.forge.selfblend import change_alike, self_blend


class Blender:
    """Blends clips as `settings.objective` says. landmarks: where the faces are, by video name."""

    def __init__(self, settings: config.Config, landmarks: Mapping[str, Landmarks]) -> None:
        self.settings, self.landmarks = settings, landmarks

    def pair(
        self, video_name: str, view: View, rng: np.random.Generator, *, augment: bool = True
    ) -> list[Frames | None]:
        """The frames of a genuine clip's two views: itself and its self-blended forgery, with `augment`
        changed alike. None and None if nothing can be blended."""
        frames, settings = view.frames, self.settings
        if frames is None:
            return [None, None]
        points = self._points(video_name, frames, rng)
        fitted = transforms.fit(frames.pixels, settings.clip.image_size)
        assert isinstance(settings.objective, SbiSettings)
        genuine, forged, mask = self_blend(fitted, points, rng, masks=settings.objective.sbi_masks)
        both = np.concatenate([genuine, forged])
        if augment:
            both = change_alike(both, settings.augment, rng)
            # `change_alike` has drawn these three, the others are drawn as for any clip.
            rest = settings.augment.model_copy(update={"flip_p": 0.0, "colour_p": 0.0, "jpeg_p": 0.0})
            both = transforms.augment_frames(both, rest, rng, clips=2)
        if not mask.any():
            # The face is out of sight and nothing was blended: there is no forgery to learn from.
            return [None, None]
        count = len(genuine)
        return [replace(frames, pixels=both[:count]), replace(frames, pixels=both[count:])]

    def _points(self, video_name: str, frames: Frames, rng: np.random.Generator) -> np.ndarray:
        """(T, 68 or 81, 2): landmarks of the face in each frame, in fractions of the frame's centre
        square."""
        if video_name not in self.landmarks:
            return np.stack([prior(rng)] * len(frames.pixels))
        points = self.landmarks[video_name].at(frames.seconds)
        # From fractions of the whole picture to fractions of its centre square, which is what the model sees.
        height, width = frames.pixels.shape[1:3]
        side, whole = min(height, width), np.array([width, height])
        return (points * whole - (whole - side) / 2) / side
