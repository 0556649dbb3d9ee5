"""The keys of the detector `flagship`, which `config/detectors.py` joins to sections `model` and
`objective`."""

from typing import Annotated, Literal

from telltale.config.affects import Result
from telltale.config.sections import Count, NotNegative, Positive, Section, Switch


class FlagshipSettings(Section):
    """Joined to section `model`. Tokens have the size `model.width`, a multiple of 8."""

    flagship_native: Result[bool] = True
    """Whether flagship reads crops at native resolution (`clip.native_size`) beside the scaled frames."""
    flagship_residuals: Result[
        Annotated[Literal["off", "srm", "npr", "fixed", "learnt", "phase", "all"], Switch]
    ] = "all"
    """What flagship sees of these crops: "srm", residuals of fixed high-pass kernels; "npr", differences of
    neighbouring pixels; "fixed", both; "learnt", residuals of kernels that begin as those of "srm"; "phase",
    the phase alone; "all", "learnt", "npr" and "phase"; "off", colours."""
    flagship_sound: Result[Literal["both", "mel", "linear"]] = "both"
    """Rows of the sound's image that flagship reads: the mel bands, those of equal width
    (`mel.linear_bands`), or both."""
    flagship_motion: Result[bool] = True
    """Whether flagship judges the sequence of frames and lower faces."""
    flagship_in_step: Result[bool] = True
    """Whether flagship compares mouth and sound at each of many offsets."""
    flagship_cross_attention: Result[bool] = True
    """Whether tokens of pictures and of sound look at each other in flagship."""
    flagship_gates: Result[bool] = True
    """Whether flagship weights its cues by what they say; if not, all alike."""
    flagship_layers: Result[Count] = 4
    """Blocks of flagship's transformer over what moves."""
    flagship_cross_layers: Result[Count] = 1
    """Blocks of flagship's attention between pictures and sound, in each direction."""
    flagship_depth: Result[Count] = 2
    """Convolutional blocks of each stage of flagship's networks for crops, lower faces and sound."""
    flagship_native_channels: Result[Count] = 32
    """Channels of the first layer of flagship's network for crops; its last one has four times as many."""
    flagship_mouth_channels: Result[Count] = 48
    """The same of its network for the lower face."""
    flagship_sound_channels: Result[Count] = 40
    """The same of its network for sound."""
    flagship_step_hz: Result[Positive] = 25.0
    """Steps per second at which flagship compares mouth and sound."""
    flagship_reach_seconds: Result[Positive] = 0.6
    """Largest offset between mouth and sound that flagship looks at, in seconds."""


class FlagshipObjectiveSettings(Section):
    """Joined to section `objective`. The first five weigh the terms of the loss; 0 switches a term off."""

    flagship_fused: Result[NotNegative] = 1.0
    """Weight of the cross-entropy of flagship's one logit: of genuine clips, of their pseudo-forgeries and of
    labelled forgeries."""
    flagship_cues: Result[NotNegative] = 0.5
    """Weight of the cross-entropy of each cue's head, of genuine clips and their pseudo-forgeries, whose
    cues are known."""
    flagship_segments: Result[NotNegative] = 0.2
    """Weight of the cross-entropy of each part of the span, of the same clips."""
    flagship_map: Result[NotNegative] = 0.2
    """Weight of the cross-entropy of each patch of each picture, of the same clips."""
    flagship_offset: Result[NotNegative] = 0.2
    """Weight of the cross-entropy of the offset between mouth and sound, of genuine clips."""
    flagship_labelled: Result[NotNegative] = 1.0
    """Weight of a labelled forgery in flagship_fused, beside 1 for a genuine clip and for a
    pseudo-forgery."""
    flagship_mixup: Result[NotNegative] = 0.0
    """Parameter alpha of the Beta distribution by which clips are mixed with others of their class; 0: they
    are not."""
