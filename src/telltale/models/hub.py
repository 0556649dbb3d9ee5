"""Download public weights by their timm tag, from the Hugging Face hub or the address that timm names, for
machines without a network.

The folder of fetched weights is $TELLTALE_WEIGHTS, else ./weights. It holds `<tag>.safetensors` and
`weights.json`. The latter records where each file came from and its SHA-256, which is checked whenever the
file is used.
"""

import json
import os
import re
import shutil
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from huggingface_hub import get_session, hf_hub_download, hf_hub_url
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.torch import save
from timm.models import get_pretrained_cfg

from telltale.errors import InputError
from telltale.files import read_mapping, sha256, write_text, write_whole
from telltale.models.weight_files import read_tensors

RECORD = "weights.json"
# Other published files of a tag's weights, by the first digits of their SHA-256, in which their names end.
OTHERS = {
    "legacy_xception.tf_in1k": ("b5690688",)
}  # Cadene's xception-b5690688.pth, which most papers on forgeries load
TIMEOUT_SECONDS = 10


def folder() -> Path:
    """The folder of fetched weights."""
    return Path(os.environ.get("TELLTALE_WEIGHTS") or "weights")


def read_record(where: Path) -> dict[str, dict[str, Any]]:
    """What `fetch` recorded in the folder `where`, by tag; empty if nothing was fetched there.

    Raises InputError if the record cannot be read.
    """
    path = where / RECORD
    if not path.is_file():
        return {}
    if (record := read_mapping(path)) is None:
        raise InputError(
            f"{path}: is not the record of telltale fetch-weights; delete it and fetch the weights again"
        )
    return record


def fetch(tag: str, where: Path) -> dict[str, Any]:
    """Put the weights of the full timm name `tag` into `where` as safetensors, add them to its record, and
    return their entry.

    Raises InputError if they cannot be downloaded.
    """
    source, address, revision = download(tag)
    where.mkdir(parents=True, exist_ok=True)
    target = where / f"{tag}.safetensors"
    with write_whole(target) as file:
        if source.suffix == ".safetensors":
            with source.open("rb") as original:
                shutil.copyfileobj(original, file)
        else:
            file.write(save({name: tensor.contiguous() for name, tensor in read_tensors(source).items()}))
    entry: dict[str, Any] = {"address": address, "revision": revision, "source_sha256": sha256(source)}
    entry.update(sha256=sha256(target), bytes=target.stat().st_size)
    record = {**read_record(where), tag: entry}
    write_text(where / RECORD, json.dumps(record, indent=2, sort_keys=True) + "\n")
    return entry


def download(tag: str) -> tuple[Path, str, str | None]:
    """(file, its address, the hub's revision) of the weights of the full timm name `tag`.

    A file in the hub's cache is used as it is. Raises InputError if they cannot be downloaded: within seconds
    if there is no network.
    """
    known = get_pretrained_cfg(tag)
    if known is not None and known.hf_hub_id:
        return _from_hub(tag, known.hf_hub_id, known.hf_hub_filename or "model.safetensors")
    if (address := _address(tag)) is not None:
        return _from_address(tag, address), address, None
    raise InputError(
        f"'{tag}' has no public weights that timm knows of; name another tag, or set model.pretrained=false"
    )


def _from_hub(tag: str, repository: str, name: str) -> tuple[Path, str, str | None]:
    repository, _, pinned = repository.partition("@")
    wanted: dict[str, Any] = {"repo_id": repository, "filename": name, "revision": pinned or None}
    address = hf_hub_url(**wanted)
    try:
        path = Path(hf_hub_download(**wanted, local_files_only=True))
    except LocalEntryNotFoundError:
        # One short request first: without a network the hub's own client would retry for most of a minute.
        try:
            get_session().head(address, timeout=TIMEOUT_SECONDS)
            path = Path(hf_hub_download(**wanted, etag_timeout=TIMEOUT_SECONDS))
        except (
            Exception
        ) as error:  # the hub's client has changed its network library, and with it the errors, twice
            raise InputError(_unavailable(tag, address, error)) from None
    # The cache keeps a large file under the SHA-256 that the hub states for it.
    stated = path.resolve().name
    if re.fullmatch("[0-9a-f]{64}", stated) and stated != sha256(path):
        raise InputError(
            f"{path}: is damaged, its SHA-256 is not the one that the hub states for '{tag}'; delete it and "
            "fetch again"
        )
    return path, address, path.parent.name


def _from_address(tag: str, address: str) -> Path:
    """A file that is not on the hub, such as xception-43020ad28.pth, whose name ends in the first digits of
    its SHA-256."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "telltale"
    path = cache / Path(urlsplit(address).path).name
    if not path.is_file():
        try:
            cache.mkdir(parents=True, exist_ok=True)
            # Several processes of one training may download the same weights at once.
            with (
                urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as reply,
                write_whole(path, several=True) as out,
            ):
                shutil.copyfileobj(reply, out)
        except (OSError, InputError) as error:
            raise InputError(_unavailable(tag, address, error)) from None
    stated = stated_digits(tag)
    if stated and not sha256(path).startswith(stated):
        raise InputError(
            f"{path}: is damaged, its SHA-256 does not begin with {stated}; delete it and fetch '{tag}' again"
        )
    return path


def stated_digits(tag: str) -> str | None:
    """The first hex digits of the SHA-256 of `tag`'s original file, if its publisher put them into its
    name."""
    found = re.search(r"-([0-9a-f]{8,})\.(pth|pt|tar|bin)", _address(tag) or "")
    return found.group(1) if found else None


def published_digits(tag: str) -> tuple[str, ...]:
    """The first hex digits of the SHA-256 of each file of `tag`'s weights whose publisher put them into its
    name."""
    return tuple(filter(None, (stated_digits(tag), *OTHERS.get(tag, ()))))


def _address(tag: str) -> str | None:
    """The address of the original of `tag` outside the hub; None if there is none."""
    known = get_pretrained_cfg(tag)
    address = known.url if known is not None else None
    return address[0] if isinstance(address, tuple) else address


def _unavailable(tag: str, address: str, error: Exception) -> str:
    reason = " ".join(str(error).split()) or type(error).__name__
    return (
        f"the weights of '{tag}' cannot be had: there is no {folder() / tag}.safetensors, nor are they in "
        "the cache, and "
        f"{address} cannot be read ({reason[:200]}); run `telltale fetch-weights --config CONFIG` on a "
        "machine with network "
        "and copy its folder 'weights' here (or set TELLTALE_WEIGHTS to it), or begin from random weights "
        "with "
        "model.pretrained=false"
    )
