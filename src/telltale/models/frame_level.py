"""From frames to video: a clip's score is pooled from its frames'."""

from importlib import import_module

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call

from telltale import config
from telltale.config.detectors import DETECTORS
from telltale.errors import InputError
from telltale.models.detector import Detector, FeatureTower
from telltale.models.output import FrameOutput, Output, Want
from telltale.models.pooling import FramePooling
from telltale.runtime.fake_tensors import count_devices


def detector(
    name: str,
    settings: config.ModelSettings,
    clip: config.ClipSettings,
    *,
    initialise: bool,
    methods: int | None = None,
) -> Detector:
    """The frame-level detector `name`, with or without what only training needs (`methods`, see
    `models.build`).

    With `initialise` what it gives is checked, too: what is loaded from a checkpoint was checked before it
    was trained. Raises InputError if its features or its head are not what `Detector` says, or it has no
    weights to begin with.
    """
    built = import_module(f"telltale.models.{DETECTORS[name].file}").build(
        settings, clip, initialise=initialise, methods=methods
    )
    if initialise:
        check(name, built, clip.image_size)
    return built


def check(name: str, built: Detector, size: int) -> None:
    """Raise InputError if features of 2 pictures of `size` are not (2, width), or the head's scores not
    (2, 1) or (2, 2).

    Tensors without data walk through it: no picture is computed, no statistic changes, and nothing is drawn.
    A network that asks its data where to go, or cannot read the size, is left to the audit, which walks it
    with some.
    """
    tower, training = FeatureTower(built), built.training
    count_devices()
    built.eval()
    try:
        with FakeTensorMode(allow_non_fake_inputs=True), torch.device("cpu"), torch.no_grad():
            try:
                features = tuple(functional_call(tower, _empty(tower), torch.empty(2, 3, size, size)).shape)
            except (RuntimeError, AssertionError):
                return
            if features != (2, built.width):
                raise InputError(
                    f"{name}: its features of 2 pictures have the shape {features}; wanted (2, {built.width})"
                )
            try:
                scores = tuple(functional_call(built.head, _empty(built.head), torch.empty(features)).shape)
            except RuntimeError as error:
                raise InputError(
                    f"{name}: its head cannot read features of width {built.width} ({error})"
                ) from None
    finally:
        built.train(training)
    if scores not in ((2, 1), (2, 2)):
        raise InputError(
            f"{name}: its head's scores of 2 pictures have the shape {scores}; wanted (2, 1), the logit of "
            "forged, or (2, 2), "
            "the scores of genuine and of forged"
        )


def _empty(module: nn.Module) -> dict[str, Tensor]:
    """Weights and buffers of the same shapes, on the default device."""
    own = (*module.named_parameters(), *module.named_buffers())
    return {name: torch.empty(value.shape, dtype=value.dtype) for name, value in own}


class FrameLevelModel(nn.Module):
    """A frame-level detector over the frames of a clip. It knows no motion: the first thing a model that does
    has to beat."""

    def __init__(self, detector: Detector, pooling: str, top_k: int) -> None:
        super().__init__()
        self.detector, self.width = detector, detector.width
        self.pooling = FramePooling(pooling, detector.width, top_k)
        self.provenance = {"picture": detector.provenance}

    def forward(
        self,
        pictures: Tensor,
        mel: Tensor | None,
        has_picture: Tensor,
        has_sound: Tensor,
        frame_seconds: Tensor | None = None,
        want: Want = (),
    ) -> Output:
        """Pictures (N, T, 3, H, W) float in [0, 1]. The other arguments are not read, not even whether the
        clip has pictures. The output's `training` is that of the N * T frames, clip by clip."""
        shape = pictures.shape[:2]
        frames: FrameOutput = self.detector(pictures.flatten(0, 1), want)
        logits = frames.logit.unflatten(0, shape)
        logit, features = self.pooling(frames.features.unflatten(0, shape), logits)
        maps = None if frames.maps is None else frames.maps.unflatten(0, shape)
        return Output(logit, {}, maps, features, logits, frames.training)
