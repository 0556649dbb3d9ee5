"""Copies of a clip as people make them: re-encoded, cropped, mirrored, scaled."""

from pathlib import Path

import av
import cv2
import numpy as np

KINDS = ("reencoded", "cropped", "mirrored", "scaled")


def write_twin(source: Path, out: Path, kind: str) -> None:
    """Write a copy of `source`, its sound too, with other settings of the encoders."""
    with av.open(str(source)) as file:
        rate = file.streams.video[0].average_rate
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    high, wide = frames[0].shape[:2]
    if kind == "cropped":  # to 87 % of each side, nearer to one corner than to the others
        y, x = round(0.1 * high), round(0.04 * wide)
        frames = [frame[y : y + high * 87 // 100, x : x + wide * 87 // 100] for frame in frames]
    elif kind == "mirrored":
        frames = [frame[:, ::-1] for frame in frames]
    elif kind == "scaled":
        frames = [cv2.resize(frame, (wide * 3 // 4, high * 3 // 4)) for frame in frames]
    frames = [np.ascontiguousarray(f[: len(f) // 2 * 2, : f.shape[1] // 2 * 2]) for f in frames]
    with av.open(str(source)) as file, av.open(str(out), "w") as into:
        pictures = into.add_stream("libx264", rate=rate, options={"crf": "26", "preset": "veryfast"})
        pictures.height, pictures.width, pictures.pix_fmt = *frames[0].shape[:2], "yuv420p"
        own = file.streams.audio[0]
        sounds = into.add_stream("aac", rate=own.rate, layout="mono")
        sounds.bit_rate = 64_000
        for frame in frames:
            into.mux(pictures.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        into.mux(pictures.encode(None))
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=own.rate)
        for frame in file.decode(own):
            for part in resampler.resample(frame):
                into.mux(sounds.encode(part))
        into.mux(sounds.encode(None))
