"""`flagship`: pictures at two resolutions, a moving mouth and sound, judged by cue and as one.

    tokens of whole frames, of native crops, of the mouth and of the sound, all on one clock in seconds
        → picture, motion, sound, in step: features and a logit each
        → one logit, a logit for each part of the span, and a map of each frame

A missing modality changes nothing but the evidence that is missing: the cues of the other one are computed
from it alone, and are the same. Each part has a switch in the configuration (`FlagshipSettings`).
"""

from dataclasses import asdict
from typing import NamedTuple, TypedDict, Unpack

import torch
from torch import Tensor, nn

from telltale import config
from telltale.config.flagship import FlagshipSettings
from telltale.errors import InputError
from telltale.forge.material import CUES
from telltale.models.audiovisual import drop_one
from telltale.models.flagship_cues import Cross, Fusion, Motion, Segments, head
from telltale.models.flagship_layers import HEADS, Pool, where_present
from telltale.models.flagship_mouth import MouthTower
from telltale.models.flagship_picture import GRID, NativeCrops, WholeFrames
from telltale.models.flagship_sound import SoundTower, images
from telltale.models.flagship_step import Curves, InStep
from telltale.models.inputs import full_precision
from telltale.models.output import Output, Want
from telltale.models.weights import Provenance, Tower, backbone

Timed = tuple[Tensor, Tensor]
"""Tokens (N, L, width) and their seconds (N, L)."""


class More(TypedDict, total=False):
    """Arguments of `Flagship.forward` beside those that all models have.

    want: as of `Output`
    crops: (N, T, 3, P, P) float in [0, 1], of each frame at native resolution
    mouth: (N, M, m, m) float in [0, 1], grey lower faces
    mouth_seconds: (N, M), the times of these
    """

    want: Want
    crops: Tensor | None
    mouth: Tensor | None
    mouth_seconds: Tensor | None


class FlagshipTraining(NamedTuple):
    """What the objective "flagship" reads of N clips; all float32 but `valid`.

    segments: (N, T), a logit for each of T = `clip.frames` equal parts of the span
    mask: (N, T, 8, 8), a logit for each patch of each frame
    offsets: (N, K, 2R + 1), for each step how alike mouth and sound are at each offset. In a genuine clip
        the one in the middle, R, is the right one
    valid: bool (N, K, 2R + 1), which of `offsets` compare something; none without either modality
    whole: (N, 2R + 1), the same as `offsets` over the whole clip
    """

    segments: Tensor
    mask: Tensor
    offsets: Tensor
    valid: Tensor
    whole: Tensor


class Tokens(NamedTuple):
    """What the towers say. frames, crops, mouth: of the pictures, the latter two None if switched off; sound;
    patches: (N * T, hidden, 8, 8)."""

    frames: Timed
    crops: Timed | None
    mouth: Timed | None
    sound: Timed
    patches: Tensor

    def seen(self) -> list[Timed]:
        return [each for each in (self.frames, self.crops, self.mouth) if each is not None]


class Flagship(nn.Module):
    """The whole. picture: the backbone of whole frames."""

    crops: NativeCrops | None
    mouth: MouthTower | None
    motion: Motion | None
    in_step: InStep | None
    cross: Cross | None

    def __init__(
        self,
        settings: config.ModelSettings,
        mel: config.MelSettings,
        clip: config.ClipSettings,
        picture: Tower,
        sound_provenance: dict[str, str | None],
    ) -> None:
        super().__init__()
        assert isinstance(settings, FlagshipSettings)
        width, depth, seconds = settings.width, settings.flagship_depth, clip.seconds
        self.seconds, self.modality_dropout = seconds, settings.modality_dropout
        self.frames = WholeFrames(picture, width, clip.image_size)
        self.crops = self.mouth = self.motion = self.in_step = self.cross = None
        if settings.flagship_native:
            self.crops = NativeCrops(
                settings.flagship_residuals, settings.flagship_native_channels, depth, width
            )
        if settings.flagship_motion or settings.flagship_in_step:
            self.mouth = MouthTower(settings.flagship_mouth_channels, depth, width)
        rows = images(settings.flagship_sound, mel.n_mels, mel.linear_bands)
        self.sound = SoundTower(rows, settings.flagship_sound_channels, depth, width)
        if settings.flagship_motion:
            self.motion = Motion(width, settings.flagship_layers, seconds, settings.dropout)
        if settings.flagship_in_step:
            self.in_step = InStep(width, seconds, settings.flagship_step_hz, settings.flagship_reach_seconds)
        if settings.flagship_cross_attention:
            self.cross = Cross(width, settings.flagship_cross_layers, seconds, settings.dropout)
        self.picture_pool, self.sound_pool = Pool(width), Pool(width, spread=True)
        relation = [part for part in (self.in_step, self.cross) if part is not None]
        self.relation = nn.Linear(len(relation) * width, width) if relation else None
        names = tuple(name for name in CUES if self.has(name))
        self.cue_heads = nn.ModuleDict(
            {name: nn.Sequential(nn.Dropout(settings.dropout), nn.Linear(width, 1)) for name in names}
        )
        read = ("picture", "sound", *(["in_step"] if settings.flagship_in_step else []))
        self.segments = Segments(width, clip.frames, seconds, read)
        self.mask = nn.Conv2d(self.frames.hidden, 1, 1)
        self.fusion = Fusion(width, names, gated=settings.flagship_gates)
        self.width = self.fusion.features
        self.head = head(self.width, width, settings.dropout)
        self.trust = nn.Parameter(torch.ones(()))
        self.provenance = {"picture": picture.provenance, "sound": sound_provenance}

    def has(self, cue: str) -> bool:
        """Whether the settings leave a cue in."""
        parts: dict[str, list[nn.Module | None]] = {"motion": [self.motion]}
        parts["in_step"] = [self.in_step, self.cross]
        return cue not in parts or any(part is not None for part in parts[cue])

    def forward(
        self,
        pictures: Tensor,
        mel: Tensor,
        has_picture: Tensor,
        has_sound: Tensor,
        frame_seconds: Tensor,
        **more: Unpack[More],
    ) -> Output:
        """What the model says of N clips.

        pictures: (N, T, 3, S, S) float in [0, 1]; frame_seconds: (N, T), from the mel image's beginning
        mel: (M, rows, L) in dB, where M divides N: row k % M is that of clip k
        has_picture, has_sound: bool (N,); a modality that is missing is never read

        `heads` has the logit of each of `CUES`, 0 where the clip lacks what the cue is seen by. With "maps",
        `maps` has shape (N, T, 8, 8), zeros without pictures. With "training", `training` is a
        `FlagshipTraining`. Raises ValueError if an array is not given that a switched-on part reads.
        """
        want = more.get("want", ())
        tokens = self.tokens(pictures, mel, frame_seconds, (has_picture, has_sound), more)
        has = {"picture": has_picture, "motion": has_picture, "sound": has_sound}
        has["in_step"] = has_picture & has_sound
        cues, parts, curves = self.cues(tokens, has)
        with full_precision(frame_seconds):
            cues = {name: value.float() for name, value in cues.items()}
            heads = {
                name: where_present(has[name], layer(cues[name]).squeeze(1))
                for name, layer in self.cue_heads.items()
            }
            features, most = self.fusion(cues, heads, self.shown(has))
            logit = self.head(features).squeeze(1) + self.trust * most
            mask = maps = training = None
            if want:
                mask = self.mask(tokens.patches.float()).view(*frame_seconds.shape, GRID, GRID)
                mask = where_present(has_picture, mask)
            if mask is not None and "maps" in want:
                maps = where_present(has_picture, mask.sigmoid())
            if mask is not None and "training" in want:
                training = FlagshipTraining(self.segments(parts), mask, *curves)
                # A loss that is switched off must still leave every weight a gradient, for DDP.
                logit = logit + 0.0 * (training.segments.sum() + mask.sum() + curves.whole.sum())
                logit = logit + 0.0 * (curves.logits.sum() + sum(each.sum() for each in heads.values()))
        return Output(
            logit,
            {cue: heads.get(cue, torch.zeros_like(logit)) for cue in CUES},
            maps,
            features,
            training=training,
        )

    def tokens(
        self,
        pictures: Tensor,
        mel: Tensor,
        frame_seconds: Tensor,
        has: tuple[Tensor, Tensor],
        more: More,
    ) -> Tokens:
        """What the towers make of the clips, zeros for what is missing. has: has_picture and has_sound."""
        has_picture, has_sound = has
        frames, patches = self.frames(where_present(has_picture, pictures), has_picture)
        crops = mouth = None
        if self.crops is not None:
            read = self.crops(where_present(has_picture, given(more.get("crops"), "crops")))
            crops = (where_present(has_picture, read), frame_seconds)
        if self.mouth is not None:
            read = self.mouth(where_present(has_picture, given(more.get("mouth"), "mouth")))
            at = given(more.get("mouth_seconds"), "mouth_seconds")
            mouth = (where_present(has_picture, read), at)
        # A row that clips share is there for all of them or for none.
        heard = self.sound(where_present(has_sound[: mel.shape[0]], mel))
        if mel.shape[0] != has_sound.shape[0]:
            heard = heard[torch.arange(has_sound.shape[0], device=mel.device) % mel.shape[0]]
        heard = where_present(has_sound, heard)
        count = heard.shape[1]
        at = (torch.arange(count, device=heard.device) + 0.5) * (self.seconds / count)
        return Tokens(
            (where_present(has_picture, frames), frame_seconds),
            crops,
            mouth,
            (heard, at.expand(heard.shape[0], -1)),
            patches,
        )

    def cues(
        self, tokens: Tokens, has: dict[str, Tensor]
    ) -> tuple[dict[str, Tensor], dict[str, tuple[Tensor, Tensor, Tensor]], Curves]:
        """Features of each cue, (N, width); what the segments read (see `Segments`); the offset curves."""
        stills = [each for each in (tokens.frames, tokens.crops) if each is not None]
        still = torch.cat([each for each, _ in stills], 1), torch.cat([at for _, at in stills], 1)
        cues = {"picture": self.picture_pool(still[0]), "sound": self.sound_pool(tokens.sound[0])}
        parts = {"picture": (*still, has["picture"]), "sound": (*tokens.sound, has["sound"])}
        if self.motion is not None:
            cues["motion"] = self.motion(tokens.seen())
        relation = []
        count = has["sound"].shape[0]
        nothing = tokens.sound[0].new_zeros(count, 1, 1).float()
        curves = Curves(nothing, torch.zeros_like(nothing, dtype=torch.bool), nothing[:, 0])
        if self.in_step is not None:
            assert tokens.mouth is not None
            found, steps, curves = self.in_step(*tokens.mouth, *tokens.sound, has["in_step"])
            relation.append(found)
            parts["in_step"] = (steps, self.in_step.at.expand(count, -1), has["in_step"])
        if self.cross is not None:
            relation.append(self.cross(tokens.seen(), tokens.sound))
        if self.relation is not None:
            cues["in_step"] = self.relation(torch.cat([each.float() for each in relation], 1))
        return cues, parts, curves

    def shown(self, has: dict[str, Tensor]) -> dict[str, Tensor]:
        """Which cues the fused logit is shown: in training now and then those of one modality alone."""
        if not self.training or self.modality_dropout == 0:
            return has
        picture, sound = drop_one(has["picture"], has["sound"], self.modality_dropout)
        return {"picture": picture, "motion": picture, "sound": sound, "in_step": picture & sound}


def given(array: Tensor | None, name: str) -> Tensor:
    """The array. Raises ValueError if there is none."""
    if array is None:
        raise ValueError(f"flagship reads {name}, which the batch lacks; wanted an array of it")
    return array


def build(
    settings: config.ModelSettings, mel: config.MelSettings, clip: config.ClipSettings, *, initialise: bool
) -> Flagship:
    """The model of `settings`. Raises InputError where a part that is switched on lacks its input."""
    check(settings, mel)
    picture = backbone(
        settings, "picture", (clip.image_size, clip.image_size), pooled=False, initialise=initialise
    )
    sound = Provenance("flagship's own network of sound", "random" if initialise else "unknown")
    return Flagship(settings, mel, clip, picture, asdict(sound))


def check(settings: config.ModelSettings, mel: config.MelSettings) -> None:
    """Raise InputError where settings do not fit each other."""
    assert isinstance(settings, FlagshipSettings)
    if settings.width % (2 * HEADS):
        raise InputError(
            f"model.width is {settings.width}; wanted a multiple of {2 * HEADS}, for {HEADS} attention heads"
        )
    if settings.flagship_sound != "mel" and not mel.linear_bands:
        raise InputError(
            f"model.flagship_sound is '{settings.flagship_sound}', and mel.linear_bands 0; wanted their "
            "number, such as mel.linear_bands=64, or model.flagship_sound=mel"
        )
