"""Sections of the configuration: closed and frozen, each key with a default, a range and its meaning.

`config/schema.py` joins them. The string below a key is its description, with the key's unit, which
`Section.model_fields[key].description` gives. The range is in its type.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from telltale.config.affects import Fallback, Result, Rules, Speed, Timeout

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Quality = Annotated[int, Field(ge=1, le=100)]
FromZero = Annotated[int, Field(ge=0)]
# YAML reads an unquoted `off` as false.
Switch = BeforeValidator(lambda value: "off" if value is False else value)


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class ClipSettings(Section):
    """What is read of a clip: `frames` pictures and all the sound of one span of `seconds` seconds."""

    seconds: Result[Positive] = 4.0
    """Length of the span of a clip that is read, in seconds."""
    frames: Result[Count] = 8
    """Pictures that are read of a span, evenly spaced over it."""
    image_size: Result[Annotated[int, Field(ge=16, le=1024)]] = 224
    """Side of the square pictures, in pixels."""
    sampling: Result[Literal["reference", "exact", "keyframes"]] = "reference"
    """Which frame stands for a wanted time: "reference", the nearest of those that others are predicted from,
    which spares decoding the rest; "exact", the frame on show; "keyframes", for fast scans, the nearest
    keyframe."""
    jpeg_quality: Result[Quality | None] = None
    """Quality of the JPEG that every picture passes through, those from files too, so that a store of JPEGs
    gives the same pictures; null: none does."""
    backend: Result[Literal["pyav", "decord"]] = "pyav"
    """Library that decodes pictures; "decord" knows only sampling "exact"."""
    native_size: Result[Annotated[int, Field(ge=16, le=512)] | None] = None
    """Side in pixels of the crops that a detector reads unscaled, one for each picture; null: none."""
    native_side: Result[Annotated[int, Field(ge=64, le=2160)]] = 512
    """Shorter side in pixels above which the pictures that native crops are cut from are scaled down to it:
    memory and time grow with its square."""
    mouth_frames: Result[FromZero] = 0
    """Pictures of the lower face that a detector reads of a span, evenly spaced over it; `frames` of them are
    read whole, too. 0: none."""
    mouth_size: Result[Annotated[int, Field(ge=16, le=256)]] = 48
    """Side of the grey pictures of the lower face, in pixels."""
    max_frame_pixels: Result[Count] = 7680 * 4320
    """Pixels of a frame above which a clip is refused as unreadable."""
    max_decoded_frames: Result[Count] = 20_000
    """Frames of a clip after which decoding is given up."""

    @model_validator(mode="after")
    def _enough_mouths(self) -> "ClipSettings":
        if 0 < self.mouth_frames < self.frames:
            raise ValueError(f"wanted mouth_frames >= frames, got {self.mouth_frames} < {self.frames}")
        return self

    @model_validator(mode="after")
    def _decord_is_exact(self) -> "ClipSettings":
        if self.backend == "decord" and self.sampling != "exact":
            raise ValueError(
                f"backend 'decord' knows no sampling but 'exact', got '{self.sampling}'; set "
                "clip.sampling=exact"
            )
        return self


class MelSettings(Section):
    """The log-mel image, by librosa's definition; its length in seconds is the clip's span."""

    rate_hz: Result[Count] = 16_000
    """Sample rate to which sound is resampled, in Hz."""
    n_fft: Result[Count] = 1024
    """Window of the short-time Fourier transform, in samples."""
    hop_length: Result[Count] = 256
    """Distance from one column of the image to the next, in samples."""
    n_mels: Result[Count] = 128
    """Mel bands, which are the rows of the image."""
    fmin_hz: Result[NotNegative] = 20.0
    """Lower edge of the lowest band, in Hz."""
    fmax_hz: Result[Positive] = 8_000.0
    """Upper edge of the highest band, in Hz; at most half of rate_hz."""
    linear_bands: Result[FromZero] = 0
    """Rows below the mel bands for bands of equal width from 0 Hz to half of rate_hz; 0: none."""

    @model_validator(mode="after")
    def _band(self) -> "MelSettings":
        if not self.fmin_hz < self.fmax_hz <= self.rate_hz / 2:
            raise ValueError(
                f"wanted fmin_hz < fmax_hz <= rate_hz / 2, got {self.fmin_hz}, {self.fmax_hz}, {self.rate_hz}"
            )
        return self


class DataSettings(Section):
    """Where the data lies below `--data DIR`, and how it is fed."""

    train_labels: Result[str] = "train_labels.csv"
    """CSV of the training labels, below the data folder."""
    validation_labels: Result[str] = "validation_labels.csv"
    """CSV of the validation labels, below the data folder."""
    train_videos: Result[str] = "train"
    """Folder of the training videos, below the data folder."""
    validation_videos: Result[str] = "validation"
    """Folder of the validation videos, below the data folder."""
    allow_missing: Result[bool] = False
    """Whether a labelled video may be missing from its folder; otherwise it stops the run."""
    allow_unlisted: Result[bool] = False
    """Whether a video in the folder may have no label; otherwise it stops the run."""
    batch_size: Result[Count] = 16
    """Clips of a training batch, over all processes together."""
    workers: Speed[FromZero | None] = None
    """Processes that decode; 0: the main process; null: one for each core."""
    timeout_seconds: Timeout[Positive] = 60.0
    """Time after which the decoding of a clip is given up, in seconds."""
    spans: Result[FromZero] = 0
    """Evenly spaced spans of a clip, of which training draws one, so a store can hold all; 0: anywhere."""
    balance: Result[bool] = False
    """Whether half of an epoch's clips are of each class: of the larger one some are left out, of the smaller
    one some are repeated."""
    repeats: Result[Count] = 1
    """Times that an epoch takes every clip, each time with other draws: for few clips, so that an epoch is
    not shorter than its validation."""
    method_column: Result[str | None] = None
    """Column of data.meta or of the training labels that names the kind of forgery; null: "method", if there
    is one."""
    meta: Result[str | None] = None
    """CSV of further columns of the clips, joined by video_name, below the data folder: the demo's meta.csv,
    or a clusters.csv; null: the labels have all columns."""


class FoldSettings(Section):
    """Kinds of forgery and genuine clips that are held out of training as the split "unseen"."""

    by: Result[Literal["none", "clusters", "methods"]] = "none"
    """What is held out: whole clusters of forgeries, whole methods (`data.method_column`), or nothing."""
    fold: Result[FromZero] = 0
    """Which fold is held out, from 0."""
    count: Result[Annotated[int, Field(ge=2)]] = 5
    """Folds that the kinds of forgery, and the genuine clips, are divided into."""
    clusters: Result[str | None] = None
    """CSV of `video_name,cluster`, below the data folder, that folds by clusters need."""
    identity_column: Result[str | None] = None
    """Column of data.meta or of the training labels that names the person; null: "identity", if there is
    one."""
    groups: Result[str | None] = None
    """CSV of `video_name,group`, below the data folder: near-duplicates, none of which stays in training if
    another is held out; null: none are known."""
    seed: Result[FromZero] = 1
    """Seed of the division into folds, so that runs of several seeds share them."""

    @model_validator(mode="after")
    def _complete(self) -> "FoldSettings":
        if self.fold >= self.count:
            raise ValueError(f"wanted fold < count, got fold {self.fold} of {self.count}; folds begin at 0")
        if self.by == "clusters" and self.clusters is None:
            raise ValueError(
                "by 'clusters' needs the file of clusters; set folds.clusters to the clusters.csv that "
                "`telltale study cluster` wrote"
            )
        return self


class StoreSettings(Section):
    """Limits of a decode-once store (`--store DIR`)."""

    max_gb: Speed[Positive] = 100.0
    """Size at which the store takes no more entries, in GB (10^9 bytes)."""
    keep_free_gb: Speed[NotNegative] = 2.0
    """Space on its disk that the store leaves free, in GB (10^9 bytes)."""
    shard_clips: Speed[Count] = 1000
    """Entries of one file of the store."""


class PredictSettings(Section):
    """How clips are scored."""

    batch_size: Result[Count] = 16
    """Clips of a batch, of each process."""
    spans: Result[Count] = 1
    """Evenly spaced spans of a clip that are scored; their logits are averaged."""
    crops: Result[Annotated[int, Field(ge=1, le=8)]] = 1
    """How often each span is scored, each time with native crops at other places; their logits are
    averaged."""
    flip: Result[bool] = False
    """Whether each span's mirror image is scored too."""
    precision: Result[Annotated[Literal["trained", "off", "bf16", "fp16"], Switch]] = "trained"
    """Precision of the network's arithmetic: that of training (`optim.autocast`), or another."""
    compile: Result[bool] = False
    """Whether the network is compiled by torch.compile, for long runs on CUDA."""
    on_unreadable: Fallback[Literal["mean", "value", "fail"]] = "mean"
    """What a clip without a score gets in the submission. mean: the mean score of the training clips; value:
    `unreadable_value`; fail: no submission is written."""
    unreadable_value: Fallback[Share] = 0.5
    """Probability of forged for a clip without a score, where on_unreadable is "value"."""


class RulesSettings(Section):
    """The competition's rules."""

    competition: Rules[bool] = True
    """Whether a finding against the competition's rules stops the run; if not, its audit says failed."""
    max_parameters: Rules[Count] = 200_000_000
    """Largest permitted number of parameters."""
