"""`telltale cache build|info|prune`: the decode-once store of a data set.

telltale cache build --config configs/audiovisual.yaml --set data.spans=4 --data DIR --store STORE
telltale cache info --store STORE
telltale cache prune --store STORE --keep-gb 50
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telltale import config
    from telltale.data.clip import View
    from telltale.data.manifest import Row
    from telltale.data.shards import PackedFiles
    from telltale.data.store import ClipStore

ESTIMATE_CLIPS = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    build = actions.add_parser("build", help="decode the training and validation clips into a store")
    build.add_argument("--config", type=Path, required=True, help="a file of configs/, or your own")
    build.add_argument("--data", type=Path, required=True, help="folder in the competition's layout")
    build.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override one key, such as data.spans=4",
    )
    info = actions.add_parser("info", help="what a store holds")
    info.add_argument("--json", action="store_true", help="print numbers for programs")
    prune = actions.add_parser("prune", help="free what no entry needs, and the entries that are named")
    chosen = prune.add_mutually_exclusive_group()
    chosen.add_argument(
        "--spec", action="append", default=[], metavar="FP", help="entries decoded so; as `info` prints it"
    )
    chosen.add_argument("--keep-gb", type=float, metavar="X", help="the oldest entries, until X GB are left")
    chosen.add_argument("--all", action="store_true", help="all entries")
    for action in (build, info, prune):
        action.add_argument("--store", type=Path, required=True, metavar="DIR", help="the store")


def run(args: argparse.Namespace) -> int:
    return {"build": _build, "info": _info, "prune": _prune}[args.action](args)


def _build(args: argparse.Namespace) -> int:
    from telltale import config
    from telltale.data import manifest
    from telltale.errors import InputError

    settings = config.read(args.config, args.set)
    if not settings.data.spans:
        raise InputError(
            "training takes a span anywhere in the clip, which no store can hold; wanted --set data.spans=N"
        )
    train, validation = manifest.read_data(args.data, settings.data)
    # Now torch, which takes seconds to load.
    from telltale.config.detectors import DETECTORS
    from telltale.data.dataset import open_store

    store = open_store(args.store, settings, DETECTORS[settings.model.name].reads, required=True)
    work = [(train.rows, settings.data.spans), (validation.rows, 1)]
    _estimate(work, settings, store)
    done = {"hits": 0, "misses": 0, "failures": 0}
    failures: list[str] = []
    began = time.monotonic()
    for rows, spans in work:
        _decode(rows, spans, settings, store, done, failures)
    print(
        f"{args.store}: {done['misses']} clips decoded, {done['hits']} were there, {done['failures']} "
        "cannot be read, "
        f"in {time.monotonic() - began:.0f} s; it holds {store.packed.total_bytes() / 1e9:.3f} GB"
    )
    if failures:
        print(
            "not read: "
            + "; ".join(failures[:5])
            + (f" and {len(failures) - 5} more" if len(failures) > 5 else "")
        )
    return 0


def _estimate(
    work: Sequence[tuple[Sequence["Row"], int]], settings: "config.Config", store: "ClipStore"
) -> None:
    """Decode a few clips, say what all will take, and refuse what does not fit. Raises InputError."""
    from telltale.data.clip import read_clip, whole_spans
    from telltale.data.store import StoredClip, pack
    from telltale.errors import InputError
    from telltale.runtime import threads

    size = seconds = 0.0
    for rows, spans in work:
        chosen = rows[:: max(1, len(rows) // ESTIMATE_CLIPS)][:ESTIMATE_CLIPS]
        began, held = time.perf_counter(), 0
        for row in chosen:
            clip = read_clip(
                row.path, whole_spans(spans), settings.clip, settings.mel.rate_hz, _reads(settings)
            )
            for view in clip.views:
                entry = StoredClip(view.start_seconds, view.frames, view.wave, "ok", 0.0)
                held += sum(memoryview(part).nbytes for part in pack(entry, _coded(view, settings)))
        size += held * len(rows) / max(len(chosen), 1)
        seconds += (time.perf_counter() - began) * len(rows) / max(len(chosen), 1)
    workers = threads.cores() if settings.data.workers is None else max(settings.data.workers, 1)
    held, free_bytes = store.packed.total_bytes(), store.packed.free_bytes()
    count = sum(len(rows) for rows, _ in work)
    print(
        f"{count} clips: about {size / 1e9:.3f} GB and {seconds / workers / 60:.1f} min with {workers} "
        "processes;"
        f" {held / 1e9:.3f} GB are there, room for {max(free_bytes, 0) / 1e9:.3f} GB more",
        flush=True,
    )
    if size - held > free_bytes:
        raise InputError(
            f"--store {store.packed.folder}: about {size / 1e9:.2f} GB are more than the room for "
            f"{max(free_bytes, 0) / 1e9:.2f} GB"
            " (store.max_gb, store.keep_free_gb); wanted fewer data.spans, clip.jpeg_quality set, or a "
            "larger disk"
        )


def _coded(view: "View", settings: "config.Config") -> list[bytes] | None:
    """A view's pictures as the store will hold them, None where it holds pixels."""
    from telltale.decode import jpeg

    quality = settings.clip.jpeg_quality
    return None if view.frames is None or quality is None else jpeg.encode(view.frames.pixels, quality)


def _reads(settings: "config.Config") -> tuple[str, ...]:
    from telltale.config.detectors import DETECTORS

    return DETECTORS[settings.model.name].reads


def _decode(
    rows: Sequence["Row"],
    spans: int,
    settings: "config.Config",
    store: "ClipStore",
    done: dict[str, int],
    failures: list[str],
) -> None:
    """Read every clip once through the store, by as many processes as the settings say."""
    from telltale.data.dataset import ClipDataset
    from telltale.data.loader import ClipLoader
    from telltale.data.order import evaluation_batches, file_sizes
    from telltale.runtime import distributed
    from telltale.runtime.progress import bar
    from telltale.status import MAY_BE_SCORED

    dataset = ClipDataset(rows, settings, _reads(settings), spans=spans, store=store)
    with distributed.join() as process:
        workers = process.workers(settings.data.workers, len(rows))
        batches = evaluation_batches(file_sizes(rows), 4)
        loader = ClipLoader(dataset, batches, workers, timeout_seconds=settings.data.timeout_seconds)
        shown = bar(len(rows), "decode", "clip", True)
        try:
            for batch in loader:
                for info in batch.infos:
                    failed = info.status not in MAY_BE_SCORED
                    done["failures" if failed else "misses" if info.cost.bytes else "hits"] += 1
                    if failed:
                        failures.append(f"{info.video_name} ({info.status})")
                shown.update(len(batch.infos))
        finally:
            shown.close()
            loader.close()


def _open(folder: Path) -> "PackedFiles":
    from telltale.data.shards import PackedFiles
    from telltale.errors import InputError

    if not (folder / "index.sqlite").is_file():
        raise InputError(
            f"--store {folder}: is no store; wanted a folder that telltale cache build or --store made"
        )
    return PackedFiles(folder, max_bytes=float("inf"), keep_free_bytes=0.0, per_shard=1000)


def _info(args: argparse.Namespace) -> int:
    with _open(args.store) as packed:
        query = (
            "SELECT entries.spec, text, COUNT(*), COUNT(DISTINCT content), SUM(length) FROM entries"
            " LEFT JOIN specs USING (spec) GROUP BY entries.spec ORDER BY MAX(added)"
        )
        specs = packed.index().execute(query).fetchall()
        shards = [path.stat().st_size for path in (packed.folder / "shards").glob("*.shard")]
        held, unused = packed.total_bytes(), sum(shards) - packed.total_bytes()
    if args.json:
        names = ("spec", "decoded", "entries", "clips", "bytes")
        table = [dict(zip(names, row, strict=True)) for row in specs]
        print(
            json.dumps(
                {"specs": table, "bytes": held, "shards": len(shards), "unreferenced_bytes": unused}, indent=1
            )
        )
        return 0
    print(
        f"{args.store}: {held / 1e9:.3f} GB in {len(shards)} shards, and {unused / 1e9:.3f} GB without an "
        "entry"
    )
    for spec, decoded, entries, clips, size in specs:
        print(
            f"{spec}  {entries:,} entries of {clips:,} clips, {size / 1e9:.3f} GB, {size / clips / 1e3:.0f} "
            "kB a clip"
        )
        print(f"  {decoded}")
    return 0


def _prune(args: argparse.Namespace) -> int:
    from telltale.data.shards import EntryKey
    from telltale.errors import InputError

    with _open(args.store) as packed:
        rows = (
            packed.index()
            .execute("SELECT spec, content, place, length FROM entries ORDER BY added DESC")
            .fetchall()
        )
        unknown = set(args.spec) - {row[0] for row in rows}
        if unknown:
            raise InputError(
                f"--spec {', '.join(sorted(unknown))}: no entry of the store is decoded so; see telltale "
                "cache info"
            )
        kept, going = 0.0, []
        for *key, length in rows:
            kept += length
            if args.all or key[0] in args.spec or (args.keep_gb is not None and kept > args.keep_gb * 1e9):
                going.append(EntryKey(*key))
        packed.remove(going)
        freed = packed.clean()
        print(
            f"{args.store}: {len(going)} entries removed, {freed / 1e9:.3f} GB freed, "
            f"{packed.total_bytes() / 1e9:.3f} GB left"
        )
    return 0
