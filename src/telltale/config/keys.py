"""Every key of the configuration, from the schema: its default, range and meaning. For an unknown key, the
most similar one.

    for key in KEYS.values():
        print(key.name, key.default, key.range, key.meaning)
    suggest("optim.lr")                                # "optim.rate"
"""

import difflib
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic.fields import FieldInfo

from telltale.config.affects import Affects
from telltale.config.schema import Config
from telltale.config.sections import Section

# Names of keys in other projects, and the keys of ours that they mean.
ALIASES = {
    "lr": "optim.rate",
    "learning_rate": "optim.rate",
    "max_lr": "optim.rate",
    "base_lr": "optim.rate",
    "wd": "optim.weight_decay",
    "l2": "optim.weight_decay",
    "bs": "data.batch_size",
    "batch": "data.batch_size",
    "num_epochs": "optim.epochs",
    "n_epochs": "optim.epochs",
    "max_epochs": "optim.epochs",
    "num_workers": "data.workers",
    "n_workers": "data.workers",
    "random_seed": "seed",
    "scheduler": "optim.schedule",
    "lr_scheduler": "optim.schedule",
    "optimizer": "optim.name",
    "optimiser": "optim.name",
    "warmup": "optim.warmup_steps",
    "grad_clip": "optim.clip_norm",
    "clip_grad": "optim.clip_norm",
    "max_grad_norm": "optim.clip_norm",
    "gradient_accumulation_steps": "optim.accumulate",
    "grad_accum": "optim.accumulate",
    "ema": "optim.ema_decay",
    "amp": "optim.autocast",
    "mixed_precision": "optim.autocast",
    "early_stopping": "optim.patience",
    "smoothing": "optim.label_smoothing",
    "rho": "optim.sam_rho",
    "num_frames": "clip.frames",
    "n_frames": "clip.frames",
    "img_size": "clip.image_size",
    "resolution": "clip.image_size",
    "duration": "clip.seconds",
    "sample_rate": "mel.rate_hz",
    "sr": "mel.rate_hz",
    "backbone": "model.picture_backbone",
    "weights": "model.picture_weights",
    "tta": "predict.flip",
    "window": "mel.n_fft",
    "hop": "mel.hop_length",
    "fmin": "mel.fmin_hz",
    "fmax": "mel.fmax_hz",
}
BOUNDS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
# Two names at least this similar, 0 to 1, are taken for the same one misspelt. It is difflib's default.
SIMILAR = 0.6


@dataclass(frozen=True)
class Setting:
    """One key.

    name: its full name, such as "optim.rate".
    default: as YAML writes it; "" if the key must be given.
    affects: what changes if the key does, a value of `Affects`.
    range: the values it takes.
    meaning: its description.
    """

    name: str
    default: str
    affects: str
    range: str
    meaning: str


def affecting(*kinds: Affects) -> frozenset[str]:
    """The full names of the keys that affect one of `kinds`."""
    return frozenset(key.name for key in KEYS.values() if key.affects in kinds)


def known(name: str) -> bool:
    """Whether it is the full name of a key or of a section."""
    return name in KEYS or name in SECTIONS


def suggest(name: str) -> str | None:
    """The key or section that an unknown name most likely means; None if none is similar."""
    section, _, last = name.rpartition(".")
    if not section and (near := difflib.get_close_matches(name, SECTIONS, 1, SIMILAR)):
        return near[0]
    alias = ALIASES.get(last.lower())
    ends = (last, alias and alias.rpartition(".")[2])
    same = [key for key in KEYS if key.rpartition(".")[2] in ends]
    if same:
        return (
            next((key for key in same if key.startswith(f"{section}.")), None)
            or _of_section(section, same)
            or alias
            or same[0]
        )
    meant = {key: key for key in (*KEYS, *SECTIONS)}
    if section in SECTIONS:
        meant |= {f"{section}.{word}": key for word, key in ALIASES.items()}
        meant = {word: key for word, key in meant.items() if key.startswith(f"{section}.")}
    near = difflib.get_close_matches(name, meant, 1, SIMILAR)
    return meant[near[0]] if near else _nearest_end(last)


def unknown(name: str) -> str:
    """The error message for an unknown name."""
    meant = suggest(name)
    return f"unknown key {name}; " + (f"did you mean {meant}?" if meant else "telltale keys lists them all")


def _of_section(section: str, names: list[str]) -> str | None:
    """The first of `names` whose section has a name similar to `section`."""
    near = difflib.get_close_matches(section, [key.partition(".")[0] for key in names], 1, SIMILAR)
    return next((key for key in names if key.partition(".")[0] in near), None)


def _nearest_end(last: str) -> str | None:
    """The key whose last part is most similar to `last`, in any section."""
    ends = {key.rpartition(".")[2]: key for key in reversed(KEYS)}
    return next((ends[end] for end in difflib.get_close_matches(last, ends, 1, 0.75)), None)


def settings_of(section: type[Section], prefix: str = "") -> Iterator[Setting]:
    """Every key of a section and of the sections in it. prefix: what their names begin with, as "model."."""
    for name, field in section.model_fields.items():
        if (inner := _section(field)) is not None:
            yield from settings_of(inner, f"{prefix}{name}.")
        else:
            meaning = " ".join((field.description or "").split())
            full = f"{prefix}{name}"
            values = _range(field.annotation, field.metadata)
            yield Setting(full, _default(field), _affects(full, field), values, meaning)


def _affects(name: str, field: FieldInfo) -> Affects:
    """Raises TypeError if the key does not say what it affects."""
    kinds = [each for each in field.metadata if isinstance(each, Affects)]
    if len(kinds) != 1:
        raise TypeError(f"{name}: wanted one of the types of config/affects.py, such as Result[float]")
    return kinds[0]


def _section(field: FieldInfo) -> type[Section] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    return _yaml(field.get_default(call_default_factory=True))


def _yaml(value: Any) -> str:
    """A plain value as a user types it after --set KEY=."""
    return (
        {True: "true", False: "false", None: "null"}[value]
        if value is None or isinstance(value, bool)
        else str(value)
    )


def _range(kind: Any, metadata: list[Any]) -> str:
    """The values of a type: "number > 0", "mean | max", "integer >= 1 | null"."""
    if typing.get_origin(kind) is typing.Annotated:
        kind, *inner = typing.get_args(kind)
        return _range(kind, [*inner, *metadata])
    if typing.get_origin(kind) is Literal:
        return " | ".join(_yaml(value) for value in typing.get_args(kind))
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        parts = [_range(part, []) for part in typing.get_args(kind)]
        bounds = _bounds(metadata)
        return " | ".join(part + bounds * (part != "null") for part in parts)
    names = {int: "integer", float: "number", bool: "true | false", str: "text", type(None): "null"}
    return names.get(kind, getattr(kind, "__name__", str(kind))) + _bounds(metadata)


def _bounds(metadata: list[Any]) -> str:
    flat = [
        bound for each in metadata for bound in (each.metadata if isinstance(each, FieldInfo) else [each])
    ]
    texts = [
        f"{sign} {getattr(bound, name)}"
        for bound in flat
        for name, sign in BOUNDS.items()
        if hasattr(bound, name)
    ]
    return f" {', '.join(texts)}" if texts else ""


KEYS = {setting.name: setting for setting in settings_of(Config)}
SECTIONS = tuple(dict.fromkeys(name.rpartition(".")[0] for name in KEYS if "." in name))
