"""What to do against each shortcut: keys of the configuration with values, and a file that sets them.

    remedy = remedy_of("leading silence", facts, settings)
    apply(Path("configs/baseline.yaml"), Path("mine.yaml"), [remedy])

A key of training that a configuration has already at a stronger value is left as it is.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from telltale import config
from telltale.config.detectors import DETECTORS
from telltale.errors import InputError
from telltale.files import read_text, write_text
from telltale.study.probe_facts import Facts

Keys = dict[str, float | int]

# Tried values: an augmentation must hit most clips to hide a difference, and leave some as they are.
_FIXED: dict[str, tuple[Keys, str]] = {
    "leading silence": ({"augment.fill_silence_p": 1.0}, "fills silence at both ends in training"),
    "trailing silence": ({"augment.fill_silence_p": 1.0}, "fills silence at both ends in training"),
    "loudness": ({"augment.level_p": 1.0}, "gives every sound a random loudness in training"),
    "borders": ({"augment.border_crop_p": 1.0}, "cuts the edges off in training"),
    "blur": ({"augment.blur_p": 0.5}, "blurs clips of both classes; it reduces the difference"),
    "noise": ({"augment.noise_p": 0.5}, "adds noise to clips of both classes; it reduces the difference"),
    "compression": ({"augment.jpeg_p": 0.7}, "compresses clips of both classes; it reduces the difference"),
    "bit rate": (
        {"augment.jpeg_p": 0.7},
        "no detector reads it, but pictures show it as compression, of which this reduces the difference",
    ),
    "picture size": (
        {"augment.crop_p": 0.8, "augment.blur_p": 0.5},
        "no detector reads it, but scaled pictures show it as blur, of which this reduces the difference",
    ),
    "sound's length": (
        {"augment.mel_mask_p": 0.5},
        "silence after the sound is seen; masks hide a part of it",
    ),
}
_NONE = {
    "unreadable": "none needed: a clip that cannot be read is not trained on",
    "file size": "none needed: no detector reads it",
    "bit rate of sound": "none needed: no detector reads it; see band limit",
    "tags": "none needed: no detector reads them",
    "frame rate": "none needed: frames are read by their times",
    "sound only": "none: it may see the forgery itself",
    "picture only": "none: it may see the forgery itself",
}
# A value is kept if it is at least as strong: the larger one, and of these the smaller one.
_SMALLER_IS_STRONGER = ("mel.fmax_hz", "clip.seconds")
# Quantile of lengths and band limits that the settings have to be below.
_LOWEST = 0.02


@dataclass(frozen=True)
class Remedy:
    """keys: full names with values, empty if there is nothing to set. text: what they do, or why none."""

    text: str
    keys: Keys = field(default_factory=dict)

    def __str__(self) -> str:
        """The keys as --set takes them, or the text if there are none."""
        return " ".join(f"{key}={value:g}" for key, value in self.keys.items()) or self.text


def remedy_of(probe: str, facts: Facts, settings: config.Config | None = None) -> Remedy:
    """The remedy against what `probe` found in the clips of `facts`.

    settings: of the model that is to be trained; the defaults if None.
    """
    if probe in _NONE:
        return Remedy(_NONE[probe])
    if probe in _FIXED:
        keys, text = _FIXED[probe]
        return Remedy(text, dict(keys))
    clip = settings.clip if settings else config.ClipSettings()
    mel = settings.mel if settings else config.MelSettings()
    if probe == "duration":
        shortest = _lowest(facts, "duration.seconds")
        if shortest >= clip.seconds:
            return Remedy(f"none needed: spans of {clip.seconds:g} s are shorter than the clips")
        seconds = max(np.floor(shortest * 10) / 10, 0.1)
        return Remedy(
            "the rest of a span of sound is silence if the clip is shorter", {"clip.seconds": seconds}
        )
    if probe == "band limit":
        lowest = _lowest(facts, "band.all_hz")
        if lowest >= mel.fmax_hz:
            return Remedy(f"none needed: the mel image ends at {mel.fmax_hz:g} Hz")
        edge = max(np.floor(lowest / 500) * 500, mel.fmin_hz + 500)
        return Remedy("the mel image ends below the lowest band limit", {"mel.fmax_hz": float(edge)})
    if probe == "presence of sound":
        reads = DETECTORS[settings.model.name].modalities if settings else ("picture", "sound")
        if len(reads) == 1:
            return Remedy(f"none needed: the detector reads {reads[0]} alone")
        return Remedy("hides sound or picture of some clips in training", {"model.modality_dropout": 0.5})
    if probe == "first frame":
        return Remedy("training reads spans anywhere in the clip", {"data.spans": 0})
    raise KeyError(probe)


def _lowest(facts: Facts, name: str) -> float:
    values = facts.numbers.get(name, np.zeros(0))
    values = values[np.isfinite(values)]
    return float(np.quantile(values, _LOWEST)) if len(values) else 0.0


def apply(base: Path, to: Path, remedies: Sequence[Remedy]) -> dict[str, Any]:
    """Write a configuration: that of `base` with the remedies. Returns the keys that differ from it.

    Its `base:` is `base`, or if that has a base of its own, the same base with its keys.

    Raises InputError if `base` cannot be read or `to` is `base` or cannot be written.
    """
    base = config.locate(base)
    settings = config.read(base)
    if to.exists() and to.resolve() == base.resolve():
        raise InputError(f"--to {to}: is the configuration itself; wanted another file")
    now = config.flatten(settings.model_dump(mode="json"))
    wanted: Keys = {}
    for remedy in remedies:
        for key, value in remedy.keys.items():
            wanted[key] = _stronger(key, wanted.get(key, value), value)
    changed = {key: value for key, value in wanted.items() if _stronger(key, now[key], value) != now[key]}
    own = yaml.safe_load(read_text(base, "a YAML configuration"))
    if "base" in own:
        tree: dict[str, Any] = {**own, "base": _relative(base.parent / str(own["base"]), to)}
    else:
        tree = {"base": _relative(base, to)}
    for key, value in changed.items():
        section, _, name = key.rpartition(".")
        tree[section] = {**tree.get(section, {}), name: value}
    config.override(settings, [f"{key}={value}" for key, value in changed.items()], str(to))
    write_text(to, yaml.safe_dump(tree, sort_keys=False))
    return dict(changed)


def _stronger(key: str, one: float, other: float) -> float:
    if key == "data.spans":
        return 0
    return min(one, other) if key in _SMALLER_IS_STRONGER else max(one, other)


def _relative(path: Path, to: Path) -> str:
    return Path(os.path.relpath(path.resolve(), to.parent.resolve())).as_posix()
