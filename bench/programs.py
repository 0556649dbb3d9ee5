"""Whole programs: time and memory of predict.py against the published baseline, and the time to start."""

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.measure import Row, seconds
from bench.peers import AudioBaseline, missing
from telltale.runtime.memory import PeakMemory

ROOT = Path(__file__).resolve().parent.parent
FEW, MANY = 100, 800


def run(arguments: Sequence[str]) -> tuple[float, float]:
    """(seconds, peak memory in bytes) of a program with all its processes."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    with PeakMemory(process.pid, every_seconds=0.5) as memory:
        assert process.stderr is not None
        errors = process.stderr.read()
        status = process.wait()
    if status:
        raise SystemExit(f"{' '.join(arguments)} ended with {status}: {errors.decode()[-2000:]}")
    return time.perf_counter() - began, memory.peak_bytes


def checkpoint(clips: Path, folder: Path) -> Path:
    """Train the baseline for one epoch on the clips. Its quality does not matter for the measurements."""
    run(
        [
            "train.py",
            "--config",
            "configs/baseline.yaml",
            "--data",
            str(clips),
            "--out",
            str(folder),
            "--set",
            "optim.epochs=1",
        ]
    )
    return folder / "best.pt"


def many(paths: Sequence[Path], count: int, folder: Path) -> Path:
    """Make a folder with `count` links to the clips, each clip several times."""
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:04}.mp4").symlink_to(paths[number % len(paths)].resolve())
    return folder


def predict(trained: Path, videos: Path, folder: Path) -> dict:
    """The profile that predict.py writes, with `seconds` and `memory` measured from outside."""
    report = folder / "profile.json"
    taken, memory = run(
        [
            "predict.py",
            "--checkpoint",
            str(trained),
            "--videos",
            str(videos),
            "--out",
            str(folder / "submission.csv"),
            "--allow-unread",  # more than half of the real clips are silent
            "--profile",
            str(report),
        ]
    )
    return {**json.loads(report.read_text()), "seconds": taken, "memory": memory}


def measure(clips: Path, paths: Sequence[Path], repeats: int, few: int = FEW, count: int = MANY) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trained = checkpoint(clips, folder / "run")
        with_sound = [path for path in paths if _has_sound(path)]
        small, large, sounding = (
            many(source, size, folder / kind)
            for source, size, kind in (
                (paths, few, "few"),
                (paths, count, "many"),
                (with_sound, count, "sounding"),
            )
        )
        peer = None
        if reason := missing():
            print(f"bench: {reason}", file=sys.stderr, flush=True)
        else:
            peer = AudioBaseline(folder)
            peer(with_sound[0])
        found: dict[str, list[dict]] = {"few": [], "many": [], "sounding": []}
        theirs: list[float] = []
        for _ in range(repeats):
            for kind, videos in (("few", small), ("many", large), ("sounding", sounding)):
                found[kind].append(predict(trained, videos, folder))
            if peer is not None:
                theirs.append(1e3 * seconds(lambda: list(map(peer, with_sound))) / len(with_sound))
    return [*_predict_rows(found, np.array(theirs), few, count), *_start_rows(found["few"], repeats)]


def _predict_rows(found: dict[str, list[dict]], theirs: np.ndarray, few: int, count: int) -> list[Row]:
    """theirs: milliseconds a clip of the published steps, in each repeat; empty if they were not measured."""

    def middle(kind: str, name: str) -> float:
        return float(np.median([one[name] for one in found[kind]]))

    # Mean time of a clip over the same clips for both, without the start of the program.
    ours, whole = 1e3 / middle("sounding", "clips_per_second"), 1e3 * middle("sounding", "seconds") / count
    grown = [
        float(np.median([one["seconds"] - one["ready_seconds"] for one in found[kind]]))
        for kind in ("few", "many")
    ]
    rows = []
    if len(theirs):
        peer = float(np.median(theirs))
        detail = (
            f"{ours:.1f} ms a clip against {peer:.0f}; with its start, over {count} clips: {whole:.1f} ms"
        )
        rows.append(
            Row(
                "predict.py, sound only: times as fast as the published steps", peer / ours, 8.0, True, detail
            )
        )
    # From 100 to 800 clips is eight times the work. The limits allow 2.5 % more time and 10 % more memory.
    return [
        *rows,
        Row(
            f"predict.py: growth of time from {few} to {count} clips",
            grown[1] / grown[0],
            8.2,
            detail=f"{grown[0]:.1f} → {grown[1]:.1f} s",
        ),
        Row(
            f"predict.py: growth of peak memory from {few} to {count} clips",
            middle("many", "memory") / middle("few", "memory"),
            1.10,
            detail=f"{middle('few', 'memory') / 1e6:.0f} → {middle('many', 'memory') / 1e6:.0f} MB",
        ),
    ]


def _start_rows(found: list[dict], repeats: int) -> list[Row]:
    start = float(np.median([one["start_up_seconds"] for one in found]))
    ready = float(np.median([one["ready_seconds"] for one in found]))
    helped = float(np.median([run(["-m", "telltale", "--help"])[0] for _ in range(3 * repeats)]))
    imported = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import telltale.predict.prediction"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    lines = re.findall(r"(\d+) \|\s+(\d+) \|(\s+)(\S+)", imported.stderr)
    whole = {name: int(total) / 1e6 for _, total, _, name in lines}
    imports = ", ".join(
        f"{name} {whole[name]:.1f}"
        for name in ("torch", "numpy", "pydantic", "av", "telltale.predict.prediction")
        if name in whole
    )
    return [
        Row(
            "predict.py: seconds to the first decoded batch",
            start,
            8.0,
            detail=f"the model is ready after {ready:.1f} s; imports in s: {imports}",
        ),
        Row("telltale --help: seconds", helped, 0.5),
    ]


def _has_sound(path: Path) -> bool:
    import av

    with av.open(str(path)) as container:
        return bool(container.streams.audio)
