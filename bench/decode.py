"""Decoding of 16 frames and all sound of a clip on one core, compared with decord and with bare decoding."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.measure import Row, in_turns, one_core, spread
from bench.peers import FRAMES, SIDE, bare, decord_both
from telltale.decode.container import Limits
from telltale.decode.demux import Demuxer
from telltale.decode.frames import read_frames
from telltale.decode.sound import read_wave

LIMITS = Limits(max_frame_pixels=7680 * 4320, max_decoded_frames=20_000)


def ours(path: Path) -> None:
    with Demuxer(path, LIMITS) as demuxer:
        seconds = demuxer.contents().duration_seconds
        times = np.linspace(0, seconds, FRAMES)
        read_frames(demuxer, times, short_side=SIDE, sampling="reference")
        read_wave(demuxer, 0.0, seconds, rate_hz=16_000)


def measure(paths: Sequence[Path], repeats: int) -> list[Row]:
    ways = {"ours": ours, "decord": decord_both, "bare": bare, "reference": lambda path: bare(path, "NONREF")}
    with one_core():
        taken = in_turns(ways, paths, repeats)
    middle = {name: float(np.median(values)) for name, values in taken.items()}
    detail = f"{len(paths)} clips: {spread(taken['ours'])} against"
    return [
        Row(
            "decode: picture + sound, against decord",
            middle["ours"] / middle["decord"],
            0.60,
            detail=f"{detail} {spread(taken['decord'])}",
        ),
        Row(
            "decode: the same, against bare decoding of all pictures",
            middle["ours"] / middle["bare"],
            0.95,
            detail=f"{detail} {spread(taken['bare'])}",
        ),
        Row(
            "decode: the same, against bare decoding of reference frames",
            middle["ours"] / middle["reference"],
            None,
            detail=f"{detail} {spread(taken['reference'])}",
        ),
    ]
