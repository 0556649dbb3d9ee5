"""The table of detectors. A new detector is an entry here, a file in models/ and a file in configs/.

A detector with settings of its own declares them in this file too, as a section that its entry names. This
file imports no torch, so a configuration is checked before anything slow is imported.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from telltale.config.affects import Result
from telltale.config.flagship import FlagshipObjectiveSettings, FlagshipSettings
from telltale.config.sections import FromZero, NotNegative, Positive, Section

XCEPTION = "legacy_xception.tf_in1k"
POOLINGS = ("mean", "max", "top_k", "attention")
# Objectives that learn from pseudo-forgeries of genuine clips, by which their best epoch can be chosen.
PSEUDO_OBJECTIVES = ("sbi", "flagship")


class AudiovisualSettings(Section):
    """Joined to section `model`."""

    audiovisual_clock: Result[Literal["seconds", "span"]] = "seconds"
    """Where audiovisual has a frame in time: "seconds", at its own time, on the sound's scale; "span", evenly
    over that scale whatever the frames' times, as checkpoints from before this key have it."""


class F3NetSettings(Section):
    """Joined to section `model`."""

    f3net_parts: Result[Literal["fad", "lfs", "both", "mix"]] = "mix"
    """Parts of F3-Net: frequency-aware decomposition, local frequency statistics, both unmixed, or both with
    MixBlocks."""


class SpslSettings(Section):
    """Joined to section `model`."""

    spsl_trunk: Result[Literal["full", "shallow"]] = "full"
    """Xception's trunk in SPSL: all its blocks, or without blocks 4 to 11."""
    spsl_norm: Result[Literal["backward", "ortho"]] = "backward"
    """Scale of SPSL's phase channel: a deviation of 1 / image_size, as in the public code, or of 1."""


class RevisedSettings(Section):
    """Joined to section `model`."""

    revision: Result[Literal[1, 2]] = 2
    """Of ucf, lav and shallownet_v3: 2 is the published network; 1, as in runs from before the key, has a
    ReLU behind Xception's last batch norm (ucf, lav), or torch's batch norm instead of Keras's
    (shallownet_v3)."""


class UcfSettings(Section):
    """Joined to section `objective`."""

    ucf_specific: Result[NotNegative] = 0.1
    """Weight of the cross-entropy of UCF's specific head, beside 1 for the common head's."""
    ucf_reconstruction: Result[NotNegative] = 0.3
    """Weight of UCF's rebuilt pictures."""
    ucf_contrastive: Result[NotNegative] = 0.05
    """Weight of UCF's triplets."""
    ucf_margin: Result[Positive] = 3.0
    """Margin of UCF's triplets, a distance of features."""


class SbiSettings(Section):
    """Joined to section `objective`."""

    landmarks: Result[str | None] = None
    """CSV of face landmarks for SBI (`video_name,seconds,x0,y0,...`); null: faces are where talking heads
    have them."""
    sbi_masks: Result[Literal["published", "partial"]] = "published"
    """Regions that SBI blends: "published", SBI's with Face X-ray's masks, all of them about the whole face;
    "partial", the whole face or, half of the time, a part of it, as runs from before this key."""


class LavSettings(Section):
    """Joined to section `objective`."""

    supervised_epochs: Result[FromZero] = 2
    """First epochs in which genuine patches teach LAV's map once more."""


@dataclass(frozen=True)
class DetectorEntry:
    """One detector.

    file: module of `telltale.models` whose `build` makes it; imported only when it is built
    reads: what it reads of a clip: "picture", "sound" or both; of the pictures also "native", crops that are
        not scaled, and "mouth", many small pictures of the lower face
    switches: by a word of `reads` the keys of section `model` of which one must be true for it to be read
    objective: what trains it, a key of `objectives.OBJECTIVES`
    config: its file in configs/
    source: the paper, or whose idea it is
    backbone: timm's name of the network that is its picture tower; None if it is built on none
    fixed: whether `model.picture_backbone` may name no other network
    per_frame: whether it scores single frames, from which the clip's score is pooled; such a detector can be
        the picture tower of another
    takes_detector: whether its picture tower can be a frame-level detector (`model.picture_detector`)
    own_sound: whether its network for sound is its own, not `model.sound_backbone`, and begins with random
        weights
    maps: whether it gives forgery maps
    keras: whether `model.picture_weights` takes its authors' Keras file (.h5)
    poolings: which `model.pooling` it can have
    per: which `objective.per` it can have; the first is the default
    model_settings: its own keys of section `model`
    objective_settings: its own keys of section `objective`
    """

    file: str
    reads: tuple[str, ...]
    objective: str
    config: str
    source: str
    backbone: str | None = None
    fixed: bool = False
    per_frame: bool = False
    takes_detector: bool = False
    own_sound: bool = False
    maps: bool = False
    keras: bool = False
    poolings: tuple[str, ...] = POOLINGS
    per: tuple[str, ...] = ("clip",)
    switches: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    model_settings: type[Section] | None = None
    objective_settings: type[Section] | None = None

    @property
    def towers(self) -> tuple[str, ...]:
        """Which of "picture" and "sound" it reads by a network that may begin with published weights."""
        return tuple(
            name
            for name in ("picture", "sound")
            if name in self.reads and not (name == "sound" and self.own_sound)
        )

    @property
    def modalities(self) -> tuple[str, ...]:
        """Which of "picture" and "sound" it reads."""
        return tuple(word for word in self.reads if word in ("picture", "sound"))


def reads(model: Any) -> tuple[str, ...]:
    """What the detector of section `model` reads with its settings, as of `DetectorEntry.reads`."""
    entry = DETECTORS[model.name]
    off = {word for word, keys in entry.switches.items() if not any(getattr(model, key) for key in keys)}
    return tuple(word for word in entry.reads if word not in off)


def _frame_level(file: str, config: str, source: str, backbone: str | None, **more: Any) -> DetectorEntry:
    """A detector of single frames on one fixed backbone. more: other fields of `DetectorEntry`."""
    fields = {"fixed": True, "per_frame": True, "per": ("clip", "frame"), **more}
    return replace(DetectorEntry(file, ("picture",), "classifier", config, source, backbone), **fields)


def _timm(config: str, source: str, backbone: str, **more: Any) -> DetectorEntry:
    """A network of timm's over single frames, for which `model.picture_backbone` may name another."""
    return _frame_level("frame_cnn", config, source, backbone, fixed=False, **more)


DETECTORS = {
    "mel_cnn": DetectorEntry(
        "mel_cnn", ("sound",), "classifier", "baseline.yaml", "the competition guide's baseline"
    ),
    "audiovisual": DetectorEntry(
        "audiovisual",
        ("picture", "sound"),
        "classifier",
        "audiovisual.yaml",
        "ours",
        "efficientnet_b0.ra_in1k",
        takes_detector=True,
        poolings=("mean", "attention"),
        model_settings=AudiovisualSettings,
    ),
    "flagship": DetectorEntry(
        "flagship",
        ("picture", "sound", "native", "mouth"),
        "flagship",
        "flagship.yaml",
        "ours",
        "convnext_tiny.fb_in1k",
        own_sound=True,
        maps=True,
        poolings=("mean",),
        switches={"native": ("flagship_native",), "mouth": ("flagship_motion", "flagship_in_step")},
        model_settings=FlagshipSettings,
        objective_settings=FlagshipObjectiveSettings,
    ),
    "frame_cnn": _timm("frame_cnn.yaml", "any timm backbone", "mobilenetv3_large_100.ra_in1k"),
    "meso4": _frame_level("meso", "meso4.yaml", "Afchar et al., MesoNet, WIFS 2018", None, keras=True),
    "mesoinception4": _frame_level(
        "meso", "mesoinception4.yaml", "Afchar et al., MesoNet, WIFS 2018", None, keras=True
    ),
    "shallownet_v3": _frame_level(
        "shallownet",
        "shallownet_v3.yaml",
        "Tariq et al., ShallowNet, MPS 2018",
        None,
        model_settings=RevisedSettings,
    ),
    "xception": _timm("xception.yaml", "Chollet, CVPR 2017; Rössler et al., ICCV 2019", XCEPTION),
    "efficientnet_b0": _timm("efficientnet_b0.yaml", "Tan and Le, ICML 2019", "efficientnet_b0.ra_in1k"),
    "efficientnet_b4": _timm("efficientnet_b4.yaml", "Tan and Le, ICML 2019", "efficientnet_b4.ra2_in1k"),
    "efficientnet_b5": _timm("efficientnet_b5.yaml", "Tan and Le, ICML 2019", "tf_efficientnet_b5.ra_in1k"),
    "resnet18": _timm("resnet18.yaml", "He et al., CVPR 2016", "resnet18.tv_in1k"),
    "resnet34": _timm("resnet34.yaml", "He et al., CVPR 2016", "resnet34.tv_in1k"),
    "resnet50": _timm("resnet50.yaml", "He et al., CVPR 2016", "resnet50.tv_in1k"),
    "f3net": _frame_level(
        "f3net", "f3net.yaml", "Qian et al., F3-Net, ECCV 2020", XCEPTION, model_settings=F3NetSettings
    ),
    "spsl": _frame_level(
        "spsl", "spsl.yaml", "Liu et al., SPSL, CVPR 2021", XCEPTION, model_settings=SpslSettings
    ),
    "ucf": _frame_level(
        "ucf",
        "ucf.yaml",
        "Yan et al., UCF, ICCV 2023",
        XCEPTION,
        objective="ucf",
        model_settings=RevisedSettings,
        per=("frame",),
        objective_settings=UcfSettings,
    ),
    "sbi": _timm(
        "sbi.yaml",
        "Shiohara and Yamasaki, SBI, CVPR 2022",
        "tf_efficientnet_b4.ap_in1k",
        objective="sbi",
        objective_settings=SbiSettings,
    ),
    "lav": _frame_level(
        "lav",
        "lav.yaml",
        "Shuai et al., Locate and Verify, ACM MM 2023",
        XCEPTION,
        objective="lav",
        model_settings=RevisedSettings,
        maps=True,
        per=("frame",),
        objective_settings=LavSettings,
    ),
}
