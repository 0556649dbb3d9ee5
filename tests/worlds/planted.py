"""Copies of drawn clips with shortcuts in the forged ones: silence first, few bits, a tag, a border."""

import shutil
from pathlib import Path

import av
import numpy as np

from telltale.data.manifest import read_labels

SPLITS = ("train", "validation", "test")


def plant(source: Path, out: Path) -> None:
    """Write the data set `source` again, all clips coded anew; forged ones get all four shortcuts."""
    out.mkdir(parents=True, exist_ok=True)
    for name in ("meta.csv", *(f"{split}_labels.csv" for split in SPLITS)):
        shutil.copy(source / name, out / name)
    for split in SPLITS:
        (out / split).mkdir()
        for name, target in read_labels(source / f"{split}_labels.csv").items():
            recode(source / split / name, out / split / name, forged=target == 1)


def recode(source: Path, to: Path, *, forged: bool) -> None:
    """Decode and code a clip. forged: half a second of silence first, a black line of one pixel around,
    coarser coding, another handler's name."""
    with av.open(str(source)) as opened:
        frames = [frame.to_ndarray(format="rgb24") for frame in opened.decode(video=0)]
        opened.seek(0)
        sounds = [frame.to_ndarray() for frame in opened.decode(audio=0)]
        rate = opened.streams.audio[0].rate
    sound = np.concatenate(sounds, axis=1)
    if forged:
        sound[:, : rate // 2] = 0
        for frame in frames:
            frame[[0, -1]] = frame[:, [0, -1]] = 0
    with av.open(str(to), "w", format="mp4") as made:
        picture = made.add_stream("libx264", rate=25)
        picture.height, picture.width = frames[0].shape[:2]
        picture.options = {"preset": "ultrafast", "crf": "26" if forged else "14"}
        picture.codec_context.thread_count = 1
        if forged:
            picture.metadata["handler_name"] = "Synthesiser"
        heard = made.add_stream("aac", rate=rate, layout="stereo")
        for frame in frames:
            made.mux(picture.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        made.mux(picture.encode(None))
        wave = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(sound, np.float32), format="fltp", layout="stereo"
        )
        wave.sample_rate = rate
        made.mux(heard.encode(wave))
        made.mux(heard.encode(None))
