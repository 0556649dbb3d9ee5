"""The configuration: a closed, frozen schema; `read` resolves a YAML file, its one base and the command
line's overrides.

    settings = read(Path("configs/baseline.yaml"), ["optim.epochs=3", "model.pretrained=true"])

A misspelt key or a value of the wrong kind raises `InputError` before any data is touched. A file may name
one `base:` beside itself; a base has no base of its own. PyYAML reads `1e-3` as a string: the schema turns it
into a number.

The configurations in checkpoints, run folders and bundles are resolved: they have every section. One that an
older Telltale wrote lacks keys that came later. `EARLIER` has the values that were in effect before these
keys existed, so that an old checkpoint's scores do not change.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from telltale import files
from telltale.config import keys
from telltale.config.schema import Config, ModelSettings, ObjectiveSettings
from telltale.config.sections import (
    ClipSettings,
    DataSettings,
    FoldSettings,
    MelSettings,
    PredictSettings,
    RulesSettings,
    Section,
    StoreSettings,
)
from telltale.config.training import AugmentSettings, OptimSettings, PseudoSettings
from telltale.errors import InputError
from telltale.runtime import source

__all__ = [
    "AugmentSettings",
    "ClipSettings",
    "Config",
    "DataSettings",
    "FoldSettings",
    "MelSettings",
    "ModelSettings",
    "ObjectiveSettings",
    "OptimSettings",
    "PredictSettings",
    "PseudoSettings",
    "RulesSettings",
    "Section",
    "StoreSettings",
    "check_overrides",
    "dump",
    "fingerprint",
    "flatten",
    "locate",
    "override",
    "parse",
    "read",
]


# The keys that a trained model leaves open, or how they begin.
SETTABLE = (
    "predict.",
    "data.workers",
    "data.timeout_seconds",
    "clip.sampling",
    "clip.backend",
    "store.",
    "threads",
)
# By section: the values in effect before a key existed, if they are not the key's default.
EARLIER: dict[str, dict[str, Any]] = {
    "model": {"audiovisual_clock": "span", "revision": 1},
    "objective": {"sbi_masks": "partial"},
}
SECTIONS = {"clip", "mel", "data", "store", "augment", "model", "objective", "optim", "predict", "rules"}


def read(path: Path, overrides: list[str] | None = None) -> Config:
    """Resolve a YAML file (see `locate`), its base and `key.path=value` overrides. Raises InputError naming
    file and key."""
    path = locate(path)
    tree = _load(path)
    if (base := tree.pop("base", None)) is not None:
        below = _load(path.parent / str(base))
        if "base" in below:
            raise InputError(f"{path}: base '{base}' has a base of its own; wanted one level only")
        tree = _merge(below, tree)
    for text in overrides or []:
        _set(tree, text)
    return parse(tree, str(path), overrides or [])


def locate(path: Path) -> Path:
    """`path` if it is a file; else the shipped configuration of that name: `demo`, `demo.yaml` or
    `configs/demo.yaml`.

    Raises InputError naming the shipped ones if a bare name is none of them. Any other path is returned as it
    is, and `read` says what is wrong with it.
    """
    shipped = source.path("configs")
    if path.is_file() or path.parent not in (Path(), Path("configs")):
        return path
    if (found := shipped / path.with_suffix(".yaml").name).is_file():
        return found
    if path.suffix:
        return path
    names = ", ".join(sorted(file.stem for file in shipped.glob("*.yaml")))
    raise InputError(
        f"--config {path}: no such file, and no shipped configuration has that name; wanted a file, or one "
        f"of {names}"
    )


def parse(tree: dict[str, Any], where: str, overrides: Sequence[str] = ()) -> Config:
    """Check a resolved mapping (of a file, or of a checkpoint) against the schema. Raises InputError naming
    the key.

    overrides: texts `key.path=value` that are in the mapping already. A fault in one of them is reported as
        one of `--set`, not of `where`.
    """
    try:
        return Config.model_validate(_with_earlier(tree))
    except ValidationError as error:
        faults: dict[str, list[str]] = {}
        for name, sentence in _faults(error):
            # If a section is not one at all, only its own name is known.
            given = [text for text in overrides if text.startswith((f"{name}=", f"{name}."))]
            places = [f"--set {text}" for text in given] or [where]
            for place in places:
                faults.setdefault(place, []).append(sentence)
        raise InputError(
            "; ".join(f"{place}: {'; '.join(texts)}" for place, texts in faults.items())
        ) from None


def override(settings: Config, overrides: list[str], where: str = "--set") -> Config:
    """The same configuration with some keys changed. Raises InputError naming the key, and `where` it was
    set."""
    tree = settings.model_dump(mode="json")
    for text in overrides:
        _set(tree, text)
    # If the user did not type --set, the message says where the value came from.
    return parse(tree, where, overrides if where == "--set" else ())


def check_overrides(overrides: list[str], settable: tuple[str, ...]) -> None:
    """Raise InputError for an override of an unknown key, of a key that does not begin with one of
    `settable`, or with a value of the wrong kind. `override` checks whether it fits the other keys."""
    for text in overrides:
        tree: dict[str, Any] = {}
        _set(tree, text)
        name = text.partition("=")[0]
        if not keys.known(name):
            raise InputError(f"--set {text}: {keys.unknown(name)}")
        if not text.startswith(settable):
            raise InputError(
                f"--set {text}: a trained model fixes this; wanted a key of {', '.join(settable)}"
            )
        try:
            Config.model_validate(tree)
        except ValidationError as error:
            if own := [sentence for key, sentence in _faults(error) if key == name]:
                raise InputError(f"--set {text}: {'; '.join(own)}") from None


def _faults(error: ValidationError) -> Iterator[tuple[str, str]]:
    """(key, sentence that begins with the key) of each fault."""
    for fault in error.errors():
        name, came = ".".join(map(str, fault["loc"])), fault["input"]
        if fault["type"] == "extra_forbidden":
            yield name, keys.unknown(name)
        elif fault["type"] == "missing":
            yield (
                name,
                f"{name}: is missing"
                + ("; wanted a section with the detector's name" if name == "model" else ""),
            )
        else:
            # If it is a whole section, the message says which of its values do not fit together.
            whole = isinstance(came, dict | BaseModel)
            text = fault["msg"].removeprefix("Value error, ").replace("Input should", "should", 1)
            yield name, f"{name}: {text}" + ("" if whole else f", got {came!r}")


def dump(settings: Config) -> str:
    """The resolved configuration as YAML text, which `read` gives back unchanged."""
    return yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False)


def fingerprint(settings: BaseModel, stored: dict[str, Any] | None = None) -> str:
    """16 hex digits that change when any value changes.

    stored: the mapping in a checkpoint, perhaps of an older program whose schema had fewer keys. A key that
        it lacks counts only if its value differs from what such a checkpoint means by default. So the digits
        are those that the older program wrote.
    """
    tree = settings.model_dump(mode="json")
    if stored is not None:
        tree = _without_newer(tree, parse(stored, "checkpoint").model_dump(mode="json"), stored)
    return files.fingerprint(tree)


def _with_earlier(tree: dict[str, Any]) -> dict[str, Any]:
    """`tree`, and if it is a resolved configuration, with the `EARLIER` values of the keys that it lacks."""
    if not isinstance(tree, dict) or not tree.keys() >= SECTIONS:
        return tree
    known = {name: earlier for name, earlier in EARLIER.items() if isinstance(tree[name], dict)}
    return {**tree, **{name: {**earlier, **tree[name]} for name, earlier in known.items()}}


def _without_newer(tree: dict[str, Any], default: dict[str, Any], stored: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in tree.items() if key in stored or value != default[key]}
    return {
        key: _without_newer(value, default[key], stored.get(key, {})) if isinstance(value, dict) else value
        for key, value in kept.items()
    }


def _load(path: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); wanted a YAML configuration") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is not YAML ({' '.join(str(error).split())})") from None
    if not isinstance(tree, dict):
        raise InputError(
            f"{path}: holds {type(tree).__name__}; wanted a mapping of sections such as 'model:' and 'optim:'"
        )
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
        raise InputError(
            f"--set {override}: '{last}' is a section; wanted one of its values, {path}.KEY=VALUE"
        )
    tree[last] = value


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{'optim': {'rate': 1}} → {'optim.rate': 1}."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
