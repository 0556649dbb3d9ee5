"""What a decode-once store holds, and how space in it is freed: `telltale cache info` and `cache prune`."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from telltale.data.shards import EntryKey, PackedFiles
from telltale.errors import InputError


@dataclass(frozen=True)
class Decoding:
    """The entries that were decoded in one way.

    spec: 16 hex digits of it.
    decoded: the way in full, as JSON.
    entries: how many there are.
    clips: of how many files.
    bytes: of all of them.
    """

    spec: str
    decoded: str
    entries: int
    clips: int
    bytes: int


@dataclass(frozen=True)
class StoreContents:
    """What a store holds.

    decodings: its entries, by how they were decoded.
    bytes: of all entries.
    shards: how many files they are in.
    unreferenced_bytes: of the shards, that no entry needs. `prune` frees them.
    """

    decodings: tuple[Decoding, ...]
    bytes: int
    shards: int
    unreferenced_bytes: int


@dataclass(frozen=True)
class Selection:
    """Which entries to remove: those of `specs`, the oldest ones beyond `keep_bytes`, or all."""

    specs: Collection[str] = ()
    keep_bytes: float | None = None
    everything: bool = False


@dataclass(frozen=True)
class Pruned:
    """How many entries were removed, the bytes that this freed, and those that are left."""

    entries: int
    freed_bytes: int
    left_bytes: int


def contents(folder: Path) -> StoreContents:
    """Raises InputError for a folder that is no store."""
    with _opened(folder) as packed:
        query = (
            "SELECT entries.spec, text, COUNT(*), COUNT(DISTINCT content), SUM(length) FROM entries"
            " LEFT JOIN specs USING (spec) GROUP BY entries.spec ORDER BY MAX(added)"
        )
        decodings = tuple(Decoding(*row) for row in packed.index.connection().execute(query))
        shards = [path.stat().st_size for path in (packed.folder / "shards").glob("*.shard")]
        held = packed.total_bytes()
    return StoreContents(decodings, held, len(shards), sum(shards) - held)


def prune(folder: Path, selection: Selection) -> Pruned:
    """Remove the entries selected and free the space that no entry needs.

    Raises InputError for a folder that is no store and for a spec that no entry has.
    """
    with _opened(folder) as packed:
        query = "SELECT spec, content, place, length FROM entries ORDER BY added DESC"
        rows = packed.index.connection().execute(query).fetchall()
        if unknown := set(selection.specs) - {row[0] for row in rows}:
            raise InputError(
                f"--spec {', '.join(sorted(unknown))}: no entry of the store is decoded so; "
                "see telltale cache info"
            )
        total, removed = 0, []
        for *key, length in rows:
            total += length
            too_much = selection.keep_bytes is not None and total > selection.keep_bytes
            if selection.everything or key[0] in selection.specs or too_much:
                removed.append(EntryKey(*key))
        packed.remove(removed)
        return Pruned(len(removed), packed.clean(), packed.total_bytes())


def _opened(folder: Path) -> PackedFiles:
    if not (folder / "index.sqlite").is_file():
        raise InputError(
            f"--store {folder}: is no store; wanted a folder that telltale cache build or --store made"
        )
    return PackedFiles(folder, max_bytes=float("inf"), keep_free_bytes=0.0, per_shard=1000)
