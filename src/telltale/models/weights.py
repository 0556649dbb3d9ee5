"""A tower of a model: a timm backbone without its classifier, its weights, and where these come from.

Weights are looked for in this order:

- in the file that `model.picture_weights` or `model.sound_weights` names
- if `model.pretrained` is set, in the tag's file in the folder of fetched weights, then on the hub

If none of these is set, the weights are random. If weights are set but cannot be found, the run stops. A file
must fit the backbone key by key. So no tower and no layer starts from random weights unnoticed.
"""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import timm
from timm.models import get_pretrained_cfg, is_model, list_pretrained
from torch import Tensor, nn

from telltale import config
from telltale.errors import InputError
from telltale.files import sha256
from telltale.models import hub
from telltale.models.weight_files import read_tensors

# Families for which timm accepts a file that lacks tensors. A file has the backbone's own names there, so
# `_load` checks that none is missing.
LOOSE = ("dla", "mobilenetv5")


@dataclass(frozen=True)
class Provenance:
    """Where a tower's first weights come from.

    tag: the full timm name.
    source: "random", "file" (named by the configuration), "folder" (of fetched weights), "hub", or "unknown"
        until a checkpoint is read.
    path: of the file, or its address on the hub; None for random weights.
    sha256: of the file.
    proof: why the file is taken for the tag's: "record" (telltale fetch-weights recorded its SHA-256),
        "publisher" (its publisher states the SHA-256 or its beginning), "name" (its file name alone). None if
        nothing shows it.
    """

    tag: str
    source: str
    path: str | None = None
    sha256: str | None = None
    proof: str | None = None


@dataclass(frozen=True)
class Tower:
    """A backbone and what is known of it.

    network: without its classifier.
    width: of its features.
    mean, std: of each colour in the pictures that it was trained with.
    provenance: the fields of `Provenance`.
    """

    network: nn.Module
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    provenance: dict[str, str | None]


def full_tag(name: str, key: str) -> str:
    """The full timm name of a backbone: "resnet18" → "resnet18.a1_in1k", timm's default. Raises InputError
    naming `key`."""
    architecture, _, tag = name.partition(".")
    if not is_model(architecture):
        raise InputError(
            f"{key} is '{name}', which timm {timm.__version__} does not know; wanted a name of "
            "timm.list_models()"
        )
    try:
        known = get_pretrained_cfg(name, allow_unregistered=False)
    except RuntimeError:
        offered = ", ".join(found.partition(".")[2] for found in list_pretrained(f"{architecture}.*"))
        raise InputError(
            f"{key} is '{name}', and '{tag}' is no tag of {architecture}; timm has {offered or 'none'}"
        ) from None
    return f"{architecture}.{known.tag}" if known is not None and known.tag else architecture


def locate(settings: config.ModelSettings, tower: str) -> Provenance:
    """Where the weights of `tower`, "picture" or "sound", would come from. It uses no network.

    Raises InputError as `full_tag` does, and if a file is missing or is not the recorded one.
    """
    name = getattr(settings, f"{tower}_backbone")
    if name is None:
        # A network of the detector's own, without ImageNet weights. Its authors may have published others.
        detector, own = settings.picture_detector or settings.name, settings.picture_weights
        return (
            Provenance(detector, "random")
            if own is None
            else Provenance(detector, "file", own, sha256(Path(own)))
        )
    tag = full_tag(name, f"model.{tower}_backbone")
    if (named := getattr(settings, f"{tower}_weights")) is not None:
        return _recognise(tag, Path(named))
    if not settings.pretrained:
        return Provenance(tag, "random")
    path = hub.folder() / f"{tag}.safetensors"
    if not path.is_file():
        return Provenance(tag, "hub")
    digest, recorded = sha256(path), hub.read_record(hub.folder()).get(tag)
    if recorded is not None and recorded["sha256"] != digest:
        raise InputError(
            f"{path}: is not the file that was fetched (SHA-256 {digest[:16]}...); delete it and fetch it "
            "again"
        )
    return Provenance(tag, "folder", str(path), digest, "record" if recorded else "name")


def _recognise(tag: str, path: Path) -> Provenance:
    """The provenance of a file that the configuration names.

    Only its SHA-256 shows which tag's it is: a record may name another tag than `tag`.
    """
    digest = sha256(path)
    for where in (hub.folder(), path.parent):
        for recorded, entry in hub.read_record(where).items():
            if entry["sha256"] == digest:
                return Provenance(recorded, "file", str(path), digest, "record")
    return Provenance(
        tag, "file", str(path), digest, "publisher" if digest.startswith(hub.published_digits(tag)) else None
    )


def backbone(
    settings: config.ModelSettings,
    tower: str,
    size: tuple[int, int],
    *,
    pooled: bool = True,
    initialise: bool,
) -> Tower:
    """The backbone of `tower` for pictures (N, 3, *size).

    pooled: whether it returns features (N, width); if not, its feature map or tokens.
    initialise: whether it gets its first weights. If not, it is random with the provenance "unknown", and a
        checkpoint fills it.

    Raises InputError as `locate` does, and if the weights do not fit.
    """
    name = full_tag(getattr(settings, f"{tower}_backbone"), f"model.{tower}_backbone")
    provenance = locate(settings, tower) if initialise else Provenance(name, "unknown")
    known = get_pretrained_cfg(name)
    options: dict[str, Any] = {"img_size": size} if known is not None and known.fixed_input_size else {}
    # It is built with its classifier, which is removed below. Without one timm would load a file that lacks
    # layers, and say nothing.
    network: Any = timm.create_model(name, **options)
    if provenance.source not in ("random", "unknown"):
        path, provenance = _fetched(provenance)
        network = _load(name, options, network, path, read_tensors(path))
    if pooled:
        network.reset_classifier(0)
    else:
        network.reset_classifier(0, "")
    normal = network.pretrained_cfg
    return Tower(
        network, network.head_hidden_size, tuple(normal["mean"]), tuple(normal["std"]), asdict(provenance)
    )


def _fetched(provenance: Provenance) -> tuple[Path, Provenance]:
    if provenance.path is not None:
        return Path(provenance.path), provenance
    path, address, _ = hub.download(provenance.tag)
    return path, Provenance(provenance.tag, "hub", address, sha256(path), "publisher")


def _load(
    name: str, options: dict[str, Any], fresh: Any, path: Path, tensors: dict[str, Tensor]
) -> nn.Module:
    """The network `fresh` with `tensors`, renamed and resized as timm does for this architecture. All of them
    are used."""
    classifiers = fresh.pretrained_cfg.get("classifier") or ()
    heads = (classifiers,) if isinstance(classifiers, str) else tuple(classifiers)
    tensors = _as_timms(tensors, fresh.state_dict(), heads)
    own = {
        key: value
        for key, value in fresh.state_dict().items()
        if key.startswith(tuple(f"{head}." for head in heads))
    }
    if any(key not in tensors or tensors[key].shape != value.shape for key, value in own.items()):
        # A classifier of other classes, or none. It is removed anyway, so the new network's takes its place.
        tensors = {**tensors, **own}
    missing = [
        key for key in fresh.state_dict() if key not in tensors and not key.endswith("num_batches_tracked")
    ]
    try:
        if name.startswith(LOOSE) and missing:
            raise RuntimeError(f"Missing key(s): {missing}")
        return timm.create_model(
            name, pretrained=True, pretrained_cfg_overlay={"state_dict": tensors}, **options
        )
    except (RuntimeError, KeyError) as error:
        reasons = re.sub(r"^Error\(s\) in loading state_dict for \w+:\s*", "", str(error))
        raise InputError(
            f"{path}: does not fit the backbone {name} ({' '.join(reasons.split())[:800]})"
        ) from None


def _as_timms(
    tensors: dict[str, Tensor], wanted: dict[str, Tensor], heads: tuple[str, ...]
) -> dict[str, Tensor]:
    """The tensors of a file of Cadene's pretrained-models.pytorch, under timm's names and in timm's shapes.

    In such a file a 1 x 1 convolution of Xception is a matrix, and the classifier may be called last_linear.
    All other tensors stay as they are.
    """
    theirs = "last_linear."
    if heads and not any(key.startswith(theirs) for key in wanted):
        tensors = {
            re.sub(f"^{re.escape(theirs)}", f"{heads[0]}.", key): value for key, value in tensors.items()
        }
    return {
        key: value[..., None, None] if key in wanted and wanted[key].shape == (*value.shape, 1, 1) else value
        for key, value in tensors.items()
    }
