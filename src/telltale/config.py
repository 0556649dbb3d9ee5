"""The configuration: a closed, frozen schema; `read` resolves a YAML file, its one base and the command line's overrides.

    settings = read(Path("configs/baseline.yaml"), ["optim.epochs=3", "model.pretrained=true"])

A misspelt key or a value of the wrong kind raises `InputError` before any data is touched. A file may name one `base:` beside
itself; a base has no base of its own. PyYAML reads `1e-3` as a string: the schema turns it into a number.
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from telltale.errors import InputError

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
    name: Literal["mel_cnn", "frame_cnn", "audiovisual"]
    picture_backbone: str = "efficientnet_b0.ra_in1k"
    sound_backbone: str = "resnet18.a1_in1k"
    pretrained: bool = False
    picture_weights: str | None = None
    sound_weights: str | None = None
    pooling: Literal["mean", "attention"] = "mean"
    width: Count = 256
    dropout: Share = 0.2
    modality_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2


class Optim(Section):
    """`epochs` full passes. `save_every` steps and at each epoch's end `last.pt` is written, so a killed run loses little."""

    name: Literal["adamw", "adam", "sgd"] = "adamw"
    rate: Positive = 3e-4
    weight_decay: NotNegative = 0.01
    momentum: Share = 0.9
    epochs: Count = 10
    schedule: Literal["step", "cosine", "constant"] = "cosine"
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
    seed: Annotated[int, Field(ge=0)] = 1
    threads: Annotated[int, Field(ge=0)] = 0
    clip: Clip = Clip()
    mel: Mel = Mel()
    data: Data = Data()
    store: Store = Store()
    augment: Augment = Augment()
    model: Model
    optim: Optim = Optim()
    predict: Predict = Predict()
    rules: Rules = Rules()


def read(path: Path, overrides: list[str] | None = None) -> Config:
    """Resolve a YAML file, its base and `key.path=value` overrides. Raises InputError naming the file and the key."""
    tree = _load(path)
    if (base := tree.pop("base", None)) is not None:
        below = _load(path.parent / str(base))
        if "base" in below:
            raise InputError(f"{path}: base '{base}' has a base of its own; wanted one level only")
        tree = _merge(below, tree)
    for text in overrides or []:
        _set(tree, text)
    return parse(tree, str(path))


def parse(tree: dict[str, Any], where: str) -> Config:
    """Check a resolved mapping (of a file, or of a checkpoint) against the schema. Raises InputError naming the key."""
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}, got {e['input']!r}" for e in error.errors()]
        raise InputError(f"{where}: " + "; ".join(lines)) from None


def override(settings: Config, overrides: list[str]) -> Config:
    """The same configuration with some keys set anew. Raises InputError naming the key."""
    tree = settings.model_dump(mode="json")
    for text in overrides:
        _set(tree, text)
    return parse(tree, "--set")


def dump(settings: Config) -> str:
    """The resolved configuration as YAML text, which `read` gives back unchanged."""
    return yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False)


def fingerprint(settings: BaseModel) -> str:
    """16 hex digits that change when any value changes."""
    return hashlib.sha256(json.dumps(settings.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()[:16]


def _load(path: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); wanted a YAML configuration") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is not YAML ({' '.join(str(error).split())})") from None
    if not isinstance(tree, dict):
        raise InputError(f"{path}: holds {type(tree).__name__}; wanted a mapping of sections such as 'model:' and 'optim:'")
    return tree


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _set(tree: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    if not equals or not path:
        raise InputError(f"--set {override}: wanted KEY.PATH=VALUE, such as optim.epochs=3")
    *parents, last = path.split(".")
    for parent in parents:
        tree = tree.setdefault(parent, {})
        if not isinstance(tree, dict):
            raise InputError(f"--set {override}: '{parent}' is a value, not a section")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise InputError(f"--set {override}: the value is not YAML") from None
    if isinstance(value, dict) or isinstance(tree.get(last), dict):
        # It would silently put the rest of the section back to its defaults.
        raise InputError(f"--set {override}: '{last}' is a section; wanted one of its values, {path}.KEY=VALUE")
    tree[last] = value
