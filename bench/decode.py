"""Which picture backend is the default: decord and PyAV side by side on real clips, one thread each.

    .venv/bin/python bench/decode.py [--clips ../shared/media/clips] [--count 24] [--repeats 3]

Each clip is read by each in turn; a row gives the medians over clips (of the best of the repeats) and their ratio. "decord" is
the backend as it stands, with the checks that make it right; "bare" is decord alone, told the size to scale to. Only clips that
decord reads by itself are counted. The last row is the sound, by PyAV.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import decord
import numpy as np

from telltale.decode import decord_frames, pyav_frames
from telltale.decode.audio import read_wave
from telltale.decode.container import Limits, probe

LIMITS = Limits(max_frame_pixels=7680 * 4320, max_decoded_frames=20_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, default=Path(__file__).resolve().parents[2] / "shared/media/clips")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    paths = sorted(arguments.clips.glob("*/*.mp4"))
    if not paths:
        parser.error(f"{arguments.clips}: holds no */*.mp4; name the folder of clips with --clips")
    paths = paths[:: max(1, len(paths) // arguments.count)][: arguments.count]
    print(f"{'what':34} {'clips':>5} {'decord ms':>10} {'bare ms':>8} {'PyAV ms':>8} {'PyAV/decord':>12} {'PyAV/bare':>10}")
    for count, seconds in ((8, 4.0), (16, None), (1, 4.0)):
        rows = [row for path in paths if (row := pictures(path, count, seconds, arguments.repeats)) is not None]
        decord, bare, pyav = 1e3 * np.median(np.array(rows), axis=0)
        what = f"{count} frames over {'the clip' if seconds is None else f'{seconds:g} s'}, side 224"
        print(f"{what:34} {len(rows):5} {decord:10.1f} {bare:8.1f} {pyav:8.1f} {pyav / decord:12.2f} {pyav / bare:10.2f}")
    sound = [
        best(lambda path=path: read_wave(path, 0.0, 4.0, rate_hz=16_000, limits=LIMITS), arguments.repeats) for path in paths
    ]
    print(f"{'sound of 4 s at 16 kHz':34} {len(sound):5} {'':10} {'':8} {1e3 * float(np.median(sound)):8.1f}")


def pictures(path: Path, count: int, seconds: float | None, repeats: int) -> np.ndarray | None:
    """Seconds taken by the decord backend, by decord alone and by PyAV; None where decord cannot read the clip."""
    times = np.linspace(0, min(seconds or 1e9, probe(path, LIMITS).duration_seconds), count)
    known = decord_frames.read(path, times, 224, LIMITS)
    if known is None:
        return None
    high, wide = known.pixels.shape[1:3]
    ways = (
        lambda: decord_frames.read(path, times, 224, LIMITS),
        lambda: bare(path, times, wide, high),
        lambda: pyav_frames.read(path, times, 224, LIMITS),
    )
    return np.array([[best(way, 1) for way in ways] for _ in range(repeats)]).min(axis=0)


def bare(path: Path, times: np.ndarray, wide: int, high: int) -> np.ndarray:
    """decord as its own documentation uses it."""
    reader = decord.VideoReader(str(path), width=wide, height=high, num_threads=1)
    starts = reader.get_frame_timestamp(np.arange(len(reader)))[:, 0]
    return reader.get_batch(np.maximum(np.searchsorted(starts, times + 1e-3, side="right") - 1, 0)).asnumpy()


def best(call: Callable[[], object], repeats: int) -> float:
    """The shortest of some runs, in seconds."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return min(taken)


if __name__ == "__main__":
    main()
