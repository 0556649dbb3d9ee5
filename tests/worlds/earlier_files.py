"""Rebuild what files of an earlier commit were made from: clips of known pixels, and checkpoints of which
all but the weights was kept.

    draw_data(folder)                       # the competition's layout, as the files in at_5c04058 saw it
    torch.save(rebuild(tree), path)         # tree: JSON of a checkpoint, with a description of each tensor

Weights do not belong in git. A checkpoint is kept as `describe` gives it, and `rebuild` fills its tensors
with numbers that follow from their names alone. Nothing here imports telltale, so that any commit's code can
run beside it.
"""

import csv
import hashlib
from collections import OrderedDict
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch

SIDE, FRAMES_A_SECOND, RATE_HZ = 64, 10, 16_000
# Names and targets by split. In `test`, "short" ends before the span that is read, "mute" has no sound, and
# "broken" is no video.
SPLITS = {
    "train": {f"train{number}.mp4": number % 2 for number in range(6)},
    "validation": {f"validation{number}.mp4": number % 2 for number in range(4)},
    "test": {"whole.mp4": 0, "short.mp4": 1, "mute.mp4": 1, "broken.mp4": 0, "other.mp4": 0},
}
TENSOR = "tensor "
# A prime, so that rows of a matrix are not alike.
NUMBERS = 1_000_003


def draw_data(folder: Path) -> Path:
    """Write videos and label files of SPLITS into `folder`; return it."""
    number = 0
    for split, targets in SPLITS.items():
        (folder / split).mkdir(parents=True)
        with (folder / f"{split}_labels.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([("video_name", "target"), *targets.items()])
        for name in targets:
            number += 1
            if name == "broken.mp4":
                (folder / split / name).write_text("This is not a video.\n", encoding="utf-8")
            else:
                seconds = 0.6 if name == "short.mp4" else 2.0
                write_clip(folder / split / name, number, seconds, sound=name != "mute.mp4")
    return folder


def write_clip(path: Path, number: int, seconds: float, *, sound: bool) -> None:
    """A clip whose decoded pixels and samples are those drawn here: lossless H.264, and lossless sound."""
    with av.open(str(path), "w") as out:
        picture = out.add_stream("libx264", rate=FRAMES_A_SECOND)
        picture.width = picture.height = SIDE
        picture.pix_fmt = "yuv420p"
        picture.codec_context.thread_count = 1
        picture.codec_context.options = {"qp": "0", "preset": "superfast"}
        heard = out.add_stream("alac", rate=RATE_HZ, layout="mono", format="s16p") if sound else None
        for index in range(round(seconds * FRAMES_A_SECOND)):
            frame = av.VideoFrame.from_ndarray(planes(number, index), format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, FRAMES_A_SECOND)
            out.mux(picture.encode(frame))
        out.mux(picture.encode(None))
        if heard is not None:
            block = av.AudioFrame.from_ndarray(samples(number, seconds)[None], format="s16p", layout="mono")
            block.pts, block.sample_rate, block.time_base = 0, RATE_HZ, Fraction(1, RATE_HZ)
            out.mux(heard.encode(block))
            out.mux(heard.encode(None))


def planes(number: int, index: int) -> np.ndarray:
    """uint8 (96, 64): frame `index` of clip `number`, its brightness and below it its two colour planes."""
    down, across = np.mgrid[0:SIDE, 0:SIDE]
    bright = (down * (number % 3 + 1) + across * 2 + index * 9 + number * 31) % 200 + 20
    bright[(down - 32) ** 2 + (across - 20 - index) ** 2 < 30 * (number % 4 + 2)] = 230
    down, across = np.mgrid[0 : SIDE // 2, 0 : SIDE // 2]
    colours = [(down + number * 5) % 90 + 80, (across + index + number * 3) % 90 + 80]
    return (
        np.concatenate([bright.ravel(), *(plane.ravel() for plane in colours)])
        .astype(np.uint8)
        .reshape(-1, SIDE)
    )


def samples(number: int, seconds: float) -> np.ndarray:
    """int16 (N,): two saw teeth, of which one swells."""
    at = np.arange(round(seconds * RATE_HZ))
    high, low = (at * (number * 173 + 401)) % 16384 - 8192, (at * (number * 29 + 97)) % 16384 - 8192
    return (high * (at % 4000) // 4000 + low // 2).astype(np.int16)


def describe(value: Any) -> Any:
    """A checkpoint's content as JSON takes it: of a tensor dtype and shape, or its value if it has one."""
    if isinstance(value, torch.Tensor):
        kind = str(value.dtype).removeprefix("torch.")
        if value.dim() == 0:
            return f"{TENSOR}{kind} = {value.item()}"
        return f"{TENSOR}{kind} {'x'.join(map(str, value.shape))}"
    if isinstance(value, OrderedDict):
        return {"ordered": [[key, describe(child)] for key, child in value.items()]}
    if isinstance(value, dict) and not all(isinstance(key, str) for key in value):
        return {"pairs": [[key, describe(child)] for key, child in value.items()]}
    if isinstance(value, dict):
        return {key: describe(child) for key, child in value.items()}
    if isinstance(value, tuple):
        return {"tuple": [describe(child) for child in value]}
    return [describe(child) for child in value] if isinstance(value, list) else value


def rebuild(tree: Any, path: tuple[str, ...] = ()) -> Any:
    """What `describe` was given, its tensors filled."""
    if isinstance(tree, str) and tree.startswith(TENSOR):
        # Of a state the first name says only which part of the checkpoint it is.
        return filled("/".join(path[1:]), tree.removeprefix(TENSOR))
    if isinstance(tree, list):
        return [rebuild(child, (*path, str(index))) for index, child in enumerate(tree)]
    if not isinstance(tree, dict):
        return tree
    if tree.keys() == {"tuple"}:
        return tuple(rebuild(tree["tuple"], path))
    for kind, made in (("ordered", OrderedDict), ("pairs", dict)):
        if tree.keys() == {kind}:
            return made((key, rebuild(child, (*path, str(key)))) for key, child in tree[kind])
    return {key: rebuild(child, (*path, key)) for key, child in tree.items()}


def filled(name: str, text: str) -> torch.Tensor:
    """The tensor `name` of which `describe` gave `text`."""
    kind, _, rest = text.partition(" ")
    dtype = getattr(torch, kind)
    if rest.startswith("= "):
        return torch.tensor(float(rest[2:]) if dtype.is_floating_point else int(rest[2:]), dtype=dtype)
    shape = [int(size) for size in rest.split("x")]
    count = int(np.prod(shape))
    start = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % NUMBERS
    share = np.resize(np.concatenate([shares()[start:], shares()[:start]]), count).reshape(shape)
    if name.endswith("exp_avg_sq"):
        values = share * 1e-4 + 1e-4
    elif name.endswith("exp_avg"):
        values = share * 2e-3 - 1e-3
    elif len(shape) > 1:  # of a layer: spread so that what goes through keeps its size
        values = (share * 2 - 1) * (4 / np.prod(shape[1:])) ** 0.5
    elif name.endswith(("running_var", "weight")):
        values = share / 2 + 0.75
    else:
        values = share / 5 - 0.1
    return torch.from_numpy(values.astype(np.float32)).to(dtype)


@cache
def shares() -> np.ndarray:
    """float64 (NUMBERS,) in [0, 1): the raw numbers of a bit generator, which NumPy never changes."""
    return (np.random.PCG64(5_040_58).random_raw(NUMBERS) >> np.uint64(40)) / 2**24
