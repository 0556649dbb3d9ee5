"""The configuration's schema: frozen, closed sections with a default for every key but `model.name`. `config.py` reads it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from telltale.registry import ENTRIES

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Clip(Section):
    """What is read of a clip: `frames` pictures and all the sound of one span of `seconds` seconds.

    sampling: "reference" takes, of the frames that others are predicted from, the one nearest to each wanted time, and spares
    decoding the rest; "exact" takes the frame on show; "keyframes", for fast scans, the nearest keyframe. jpeg_quality:
    pictures pass through JPEG, from the files too, so that a store of JPEGs gives what the files give; None: they do not.
    """

    seconds: Positive = 4.0
    frames: Count = 8
    image_size: Annotated[int, Field(ge=16, le=1024)] = 224
    sampling: Literal["reference", "exact", "keyframes"] = "reference"
    jpeg_quality: Annotated[int, Field(ge=1, le=100)] | None = None
    backend: Literal["pyav", "decord"] = "pyav"
    max_frame_pixels: Count = 7680 * 4320
    max_decoded_frames: Count = 20_000

    @model_validator(mode="after")
    def _decord_is_exact(self) -> "Clip":
        if self.backend == "decord" and self.sampling != "exact":
            raise ValueError(f"backend 'decord' knows no sampling but 'exact', got '{self.sampling}'; set clip.sampling=exact")
        return self


class Mel(Section):
    """The log-mel image, by librosa's definition; its length in seconds is the clip's span."""

    rate_hz: Count = 16_000
    n_fft: Count = 1024
    hop_length: Count = 256
    n_mels: Count = 128
    fmin_hz: NotNegative = 20.0
    fmax_hz: Positive = 8_000.0

    @model_validator(mode="after")
    def _band(self) -> "Mel":
        if not self.fmin_hz < self.fmax_hz <= self.rate_hz / 2:
            raise ValueError(f"wanted fmin_hz < fmax_hz <= rate_hz / 2, got {self.fmin_hz}, {self.fmax_hz}, {self.rate_hz}")
        return self


class Data(Section):
    """Where the data lies below `--data DIR`, and how it is fed. `batch_size` counts clips over all processes together.

    workers: processes that decode; None: one for each core. timeout_seconds: a clip that takes longer is given up. spans:
    training draws one of so many evenly spaced spans of a clip, so that a store can hold them all; 0: one anywhere.
    method_column: the column of the training labels that names the kind of forgery; default "method", where there is one.
    """

    train_labels: str = "train_labels.csv"
    validation_labels: str = "validation_labels.csv"
    train_videos: str = "train"
    validation_videos: str = "validation"
    allow_missing: bool = False
    allow_unlisted: bool = False
    batch_size: Count = 16
    workers: Annotated[int, Field(ge=0)] | None = None
    timeout_seconds: Positive = 60.0
    spans: Annotated[int, Field(ge=0)] = 0
    balance: bool = False
    method_column: str | None = None


class Store(Section):
    """Limits of a decode-once store (`--store DIR`): its size, the disk it leaves free, and clips to a shard file."""

    max_gb: Positive = 100.0
    keep_free_gb: NotNegative = 2.0
    shard_clips: Count = 1000


class Augment(Section):
    """Training-time changes; each `_p` is the probability that a clip gets it, with the same parameters on all its frames."""

    flip_p: Share = 0.5
    crop_p: Share = 0.5
    crop_scale: Annotated[float, Field(gt=0, le=1)] = 0.8
    jpeg_p: Share = 0.3
    blur_p: Share = 0.1
    noise_p: Share = 0.1
    colour_p: Share = 0.3
    gain_p: Share = 0.3
    sound_noise_p: Share = 0.1
    mel_mask_p: Share = 0.0


class Model(Section):
    """`name`: a detector of `registry.ENTRIES`, which gives the picture backbone where none is named.

    picture_detector: for `audiovisual`, the frame-level detector that is its picture tower. pooling: from a clip's frames to
    its score (top_k: the mean of its `top_k` highest), and from tokens to one in `audiovisual` ("mean" or "attention").
    """

    name: str
    picture_backbone: str | None = None
    picture_detector: str | None = None
    sound_backbone: str = "resnet18.a1_in1k"
    pretrained: bool = False
    picture_weights: str | None = None
    sound_weights: str | None = None
    pooling: Literal["mean", "max", "top_k", "attention"] = "mean"
    top_k: Count = 3
    width: Count = 256
    dropout: Share = 0.2
    modality_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    f3net_parts: Literal["fad", "lfs", "both", "mix"] = "mix"
    spsl_trunk: Literal["full", "shallow"] = "full"

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in ENTRIES:
            raise ValueError(f"no detector of that name; wanted one of {', '.join(ENTRIES)}")
        return name

    @model_validator(mode="before")
    @classmethod
    def _default_backbone(cls, tree: Any) -> Any:
        # Filled in here, so that a run's resolved config names the network that was trained.
        named = (tree.get("picture_detector") or tree.get("name")) if isinstance(tree, dict) else None
        if named in ENTRIES and tree.get("picture_backbone") is None:
            return {**tree, "picture_backbone": ENTRIES[named].backbone}
        return tree

    @model_validator(mode="after")
    def _fits(self) -> "Model":
        entry, named = ENTRIES[self.name], self.name
        if self.picture_detector is not None:
            if self.name != "audiovisual" or not (
                self.picture_detector in ENTRIES and ENTRIES[self.picture_detector].per_frame
            ):
                known = ", ".join(name for name, other in ENTRIES.items() if other.per_frame)
                raise ValueError(f"picture_detector is for audiovisual and one of {known}, got '{self.picture_detector}'")
            entry, named = ENTRIES[self.picture_detector], self.picture_detector
        if entry.fixed and self.picture_backbone != entry.backbone:
            raise ValueError(
                f"{named} is built on {entry.backbone or 'no backbone'}, got picture_backbone '{self.picture_backbone}'"
            )
        if entry.fixed and entry.backbone is None and (self.pretrained or self.picture_weights) and self.name != "audiovisual":
            raise ValueError(f"{named} has no ImageNet weights to begin with; wanted pretrained: false and no picture_weights")
        if entry.objective in ("ucf", "lav") and self.name == named and self.pooling == "attention":
            raise ValueError(f"{named} learns from single frames, which teach no attention; wanted pooling mean, max or top_k")
        if self.name == "audiovisual" and self.pooling not in ("mean", "attention"):
            raise ValueError(f"audiovisual pools its tokens by mean or attention, got pooling '{self.pooling}'")
        return self


class Objective(Section):
    """What training minimises, beside what the detector's own objective fixes.

    loss: of plain classifiers; "squared_error" is that of the probability, as MesoNet was trained. ucf_*: weights of UCF's
    terms beside the common head's, and the margin of its triplets. supervised_epochs: LAV's first ones, in which genuine
    patches teach its map once more. landmarks: a CSV of face landmarks for SBI (forge/face.py).
    """

    loss: Literal["cross_entropy", "squared_error"] = "cross_entropy"
    ucf_specific: NotNegative = 0.1
    ucf_reconstruction: NotNegative = 0.3
    ucf_contrastive: NotNegative = 0.05
    ucf_margin: Positive = 3.0
    supervised_epochs: Annotated[int, Field(ge=0)] = 2
    landmarks: str | None = None


class Optim(Section):
    """`epochs` full passes. `save_every` steps and at each epoch's end `last.pt` is written, so a killed run loses little.

    schedule: "hold" is constant for `hold` of the epochs and falls linearly to 0 over the rest. sam_rho: above 0, every step is
    sharpness-aware: its gradient is taken that far uphill.
    """

    name: Literal["adamw", "adam", "sgd"] = "adamw"
    rate: Positive = 3e-4
    weight_decay: NotNegative = 0.01
    momentum: Share = 0.9
    epochs: Count = 10
    schedule: Literal["step", "cosine", "constant", "hold"] = "cosine"
    hold: Annotated[float, Field(ge=0, lt=1)] = 0.75
    step_epochs: Count = 5
    step_gamma: Positive = 0.1
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    clip_norm: Positive | None = None
    accumulate: Count = 1
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    autocast: Literal["off", "bf16", "fp16"] = "off"
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    patience: Annotated[int, Field(ge=0)] = 0
    save_every: Count = 100
    sam_rho: NotNegative = 0.0

    @model_validator(mode="after")
    def _sam(self) -> "Optim":
        if self.sam_rho and (self.accumulate > 1 or self.autocast == "fp16"):
            raise ValueError("sam_rho takes two gradients of each batch; wanted accumulate: 1 and no fp16 with it")
        return self


class Predict(Section):
    """`spans` evenly spaced spans of a clip are scored and their logits averaged; `flip` adds each span's mirror image.

    precision: that of training (`optim.autocast`), or another. compile: by torch.compile, for long runs on CUDA.
    """

    batch_size: Count = 16
    spans: Count = 1
    flip: bool = False
    precision: Literal["trained", "off", "bf16", "fp16"] = "trained"
    compile: bool = False
    on_unreadable: Literal["mean", "value", "fail"] = "mean"
    unreadable_value: Share = 0.5


class Rules(Section):
    """`competition: false` lets a run go on that the competition would refuse; its audit then says failed."""

    competition: bool = True
    max_parameters: Count = 200_000_000


class Config(Section):
    """threads: of torch on the CPU, 0 for one a core; training's last bits depend on it. deterministic: on CUDA, only kernels
    that give the same bits each time; an operation that has none stops the run. On the CPU all of them do anyway.
    """

    seed: Annotated[int, Field(ge=0)] = 1
    threads: Annotated[int, Field(ge=0)] = 0
    deterministic: bool = False
    clip: Clip = Clip()
    mel: Mel = Mel()
    data: Data = Data()
    store: Store = Store()
    augment: Augment = Augment()
    model: Model
    objective: Objective = Objective()
    optim: Optim = Optim()
    predict: Predict = Predict()
    rules: Rules = Rules()
