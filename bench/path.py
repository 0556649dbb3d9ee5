"""The data path without a model, from files and from a store, against bare loops and DataLoader."""

import multiprocessing
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from bench.measure import Row, seconds
from bench.peers import FRAMES, DecordDataset, bare
from telltale import config
from telltale.data.batch import Batch
from telltale.data.dataset import ClipDataset, open_store
from telltale.data.loader import ClipLoader
from telltale.data.manifest import Row as Clip
from telltale.data.order import evaluation_batches, file_sizes
from telltale.runtime import threads

BOTH = ("picture", "sound")
BATCH = 8


def settings(quality: int | None = None) -> config.Config:
    clip = config.ClipSettings(seconds=6.0, frames=FRAMES, jpeg_quality=quality)
    return config.Config(model=config.ModelSettings(name="audiovisual"), clip=clip)


class WholeLoader(ClipLoader):
    """Each iteration reads all clips, the largest files first."""

    def __init__(self, dataset: ClipDataset) -> None:
        super().__init__(dataset, threads.cores(), timeout_seconds=60)
        self.store = dataset.store
        self.batches = evaluation_batches(file_sizes(dataset.rows), BATCH)

    def __iter__(self) -> Iterator[Batch]:
        return self.read(self.batches)


def loader_of(paths: Sequence[Path], store: Path | None = None, quality: int | None = None) -> WholeLoader:
    rows = [Clip(path.name, path, 0) for path in paths]
    chosen = settings(quality)
    kept = None if store is None else open_store(store, chosen, BOTH)
    return WholeLoader(ClipDataset(rows, chosen, BOTH, store=kept))


def drain(batches: Iterable[Batch]) -> dict[str, float]:
    """Read all batches. Returns mean milliseconds of a clip for each stage, and its kB."""
    infos = [info for batch in batches for info in batch.infos]
    return {
        "open": 1e3 * float(np.mean([info.cost.open_seconds for info in infos])),
        "picture": 1e3 * float(np.mean([info.cost.picture_seconds for info in infos])),
        "sound": 1e3 * float(np.mean([info.cost.sound_seconds for info in infos])),
        "store": 1e3 * float(np.mean([info.cost.store_seconds for info in infos])),
        "prepare": 1e3 * float(np.mean([info.cost.prepare_seconds for info in infos])),
        "mel": 1e3 * float(np.mean([info.cost.mel_seconds for info in infos])),
        "kB": 1e-3 * float(np.mean([info.cost.bytes for info in infos])),
    }


def bare_loops(paths: Sequence[Path], workers: int) -> float:
    """Seconds in which `workers` processes decode all pictures of all files, each the next free one."""
    ready, following = multiprocessing.Barrier(workers + 1), multiprocessing.Value("i", 0)

    def loop() -> None:
        bare(paths[0])
        ready.wait()
        while True:
            with following.get_lock():
                index, following.value = following.value, following.value + 1
            if index >= len(paths):
                return
            bare(paths[index])

    loops = [multiprocessing.get_context("fork").Process(target=loop) for _ in range(workers)]
    for process in loops:
        process.start()
    ready.wait()
    began = time.perf_counter()
    for process in loops:
        process.join()
    return time.perf_counter() - began


def measure(paths: Sequence[Path], repeats: int) -> list[Row]:
    workers, longest = threads.cores(), sorted(paths, key=lambda path: -path.stat().st_size)
    loader = loader_of(paths)
    theirs = torch.utils.data.DataLoader(DecordDataset(list(paths)), BATCH, num_workers=4)
    stages = drain(loader)  # the workers have started
    taken: dict[str, list[float]] = {"feed": [], "bare": [], "decord": []}
    for _ in range(repeats):
        taken["feed"].append(seconds(lambda: drain(loader)))
        taken["bare"].append(bare_loops(longest, workers))
        taken["decord"].append(seconds(lambda: list(map(len, theirs))))
    loader.close()
    rate = {name: len(paths) / float(np.median(values)) for name, values in taken.items()}
    spent = ", ".join(f"{name} {value:.1f}" for name, value in stages.items())
    return [
        Row(
            f"data path, all cores: rate against {workers} bare loops",
            rate["feed"] / rate["bare"],
            0.90,
            True,
            f"{rate['feed']:.1f} against {rate['bare']:.1f} clips/s; ms and kB a clip: {spent}",
        ),
        Row(
            "data path: rate against decord, 16 frames, 4 DataLoader workers",
            rate["feed"] / rate["decord"],
            None,
            True,
            f"ours with sound and mel: {rate['feed']:.1f}, theirs without: {rate['decord']:.1f} clips/s, "
            "their start included",
        ),
        *store_rows(paths, repeats),
    ]


def store_rows(paths: Sequence[Path], repeats: int) -> list[Row]:
    """The second epoch, from a store, against the first, from the files; both without a model."""
    rows = []
    for form, quality, target in (("uint8", None, 0.08), ("JPEG 95", 95, 0.30)):
        with tempfile.TemporaryDirectory() as folder:
            # An epoch from a store is short. It reads each clip four times, so that its ends matter less.
            files, kept = (
                loader_of(paths, None, quality),
                loader_of([*paths] * 4, Path(folder) / "store", quality),
            )
            drain(files)
            drain(kept)
            first, second, stages = [], [], {}
            for _ in range(repeats):
                first.append(seconds(lambda files=files: drain(files)))
                began = time.perf_counter()
                stages = drain(kept)
                second.append((time.perf_counter() - began) / 4)
            files.close()
            kept.close()
            ours, theirs = (1e3 * float(np.median(values)) / len(paths) for values in (second, first))
            assert kept.store is not None
            size = kept.store.packed.total_bytes() / len(set(paths)) / 1e3
            detail = (
                f"{ours:.2f} against {theirs:.1f} ms a clip, of {size:.0f} kB; looking it up "
                f"{stages['store']:.1f} ms"
            )
            rows.append(
                Row(
                    f"store, {form}: second epoch against the first from files",
                    ours / theirs,
                    target,
                    detail=detail,
                )
            )
    return rows
