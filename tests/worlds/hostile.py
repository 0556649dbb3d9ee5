"""Files that break pipelines: a drawn twin of each file of ../shared/media/hostile, with the same name and
fault.

    write_all(folder)

The pictures are small drawings that count (see `worlds.coded`). The container, the codings, the durations,
the damage and the headers are those of the original.
"""

from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
from decode_clips import drawn, remuxed
from worlds.boxes import enlarged, turned
from worlds.coded import X264, Picture, Sound, write

# Where the files of a test come from: drawn by `write_all`, or real ones beside the repository.
Source = Literal["drawn", "real"]

FAST_VP9 = {"cpu-used": "8", "deadline": "realtime"}
# As x264 makes them with these settings, frame numbers repeat after 16 frames: see `_hour`.
BASELINE = {"preset": "ultrafast", "profile": "baseline", "qp": "1"}

ENCODED: dict[str, tuple[list[Picture], Sound | None]] = {
    "plain": ([Picture()], Sound()),
    "noaudio": ([Picture()], None),
    "audioonly": ([], Sound()),
    "audio_shorter": ([Picture(180, fps=30, wide=96, high=96)], Sound(1.0, codec="libmp3lame")),
    "audio_5point1_longer": ([Picture(60, fps=30, wide=96, high=96)], Sound(8.0, 48_000, layout="5.1")),
    "silent_audio": (
        [Picture(120, fps=30, wide=96, high=96)],
        Sound(codec="libmp3lame", layout="stereo", silent=True),
    ),
    "mono8k": ([Picture(52, times=[*range(50), 51, 53])], Sound(2.0, 8000)),
    "av1": ([Picture(25, codec="libsvtav1", options={"preset": "12"})], Sound(1.0)),
    "hevc": (
        [
            Picture(
                codec="libx265", options={"preset": "ultrafast", "x265-params": "log-level=none:bframes=3"}
            )
        ],
        Sound(),
    ),
    "vp9": ([Picture(codec="libvpx-vp9", options=FAST_VP9)], Sound(4.0, 48_000, codec="libopus")),
    "hi10": ([Picture(25, pix_fmt="yuv420p10le")], None),
    "odd444": ([Picture(25, pix_fmt="yuv444p")], None),
    "one": ([Picture(1)], None),
    "tiny_frame": ([Picture(30, fps=30, wide=16, high=16)], None),
    "counting": ([Picture(300, fps=30, wide=128, high=128)], None),
    "open_gop": (
        [
            Picture(
                90,
                fps=30,
                wide=96,
                high=96,
                options=X264 | {"g": "15", "x264-params": "open-gop=1:scenecut=0"},
            )
        ],
        None,
    ),
    "two_video_streams": ([Picture(20, fps=5, wide=100, high=100), Picture()], Sound()),
    "vfr": ([Picture(32, times=[*range(20), *range(21, 99, 7)])], Sound()),
}


def write_all(folder: Path) -> None:
    """Write all 30 files into an empty folder. It takes about three CPU seconds."""
    for name, (pictures, sound) in ENCODED.items():
        write(folder / f"{name}.mp4", pictures, sound, best=len(pictures) - 1)
    for name, content in _without_a_video().items():
        (folder / f"{name}.mp4").write_bytes(content)
    _from_plain(folder)
    _hour(folder / "hour.mp4")
    small = Picture(2, fps=1, wide=64, high=64, options=BASELINE)
    huge = write(folder / "huge_frame.mp4", [small])
    huge.write_bytes(enlarged(huge.read_bytes(), 8192))


def _without_a_video() -> dict[str, bytes]:
    """Files that are no video. The two scripts name plain.mp4, which a careless reader would open instead."""
    return {
        "concat": b"ffconcat version 1.0\nfile 'plain.mp4'\n",
        "empty": b"",
        "playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nplain.mp4\n#EXT-X-ENDLIST\n",
        "rand": np.random.default_rng(30).bytes(50_000),
        "text": b"video_name,target\n" + 30 * b"this file is text and not a video\n",
    }


def _from_plain(folder: Path) -> None:
    """plain.mp4 in Matroska, turned, cut and damaged."""
    plain = (folder / "plain.mp4").read_bytes()
    (folder / "rot90.mp4").write_bytes(turned(plain))
    (folder / "trunc.mp4").write_bytes(plain[: len(plain) // 7])  # its headers come last
    remuxed(folder / "plain.mp4", folder / "plain.mkv").rename(folder / "matroska_inside.mp4")
    pictures, sound = ENCODED["plain"]
    path = write(
        folder / "truncfs.mp4", pictures, sound, options={"movflags": "faststart"}
    )  # its headers come first
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        (stream,) = container.streams.video
        packets = [(packet.pos, packet.size) for packet in container.demux(stream) if packet.size]
    at, size = packets[17]
    path.write_bytes(data[: at + size // 2])
    media = data.index(b"mdat") + 4
    for changed in np.random.default_rng(9).choice(
        len(data) - media, (len(data) - media) // 1000, replace=False
    ):
        data[media + changed] ^= 0x55
    (folder / "corrupt.mp4").write_bytes(data)


def _hour(path: Path) -> None:
    """An hour of 90,000 frames, a keyframe every six minutes. Frame k shows 16 * (k // 9000) + k % 9000 % 16.

    Only the first 17 frames of each six minutes are coded. Frame 16 shows what frame 0 shows, and the
    decoder's count of frames has come round to 0. So frames 1 to 16 can follow again.
    """
    coder = av.CodecContext.create("libx264", "w")
    coder.width = coder.height = 64
    coder.pix_fmt, coder.time_base, coder.framerate, coder.thread_count = (
        "yuv420p",
        Fraction(1, 25),
        Fraction(25),
        1,
    )
    coder.options = BASELINE | {"x264-params": "keyint=17:min-keyint=17:scenecut=0:bframes=0"}
    coded: list[bytes] = []
    for index in range(10 * 17):
        frame = av.VideoFrame.from_ndarray(drawn(16 * (index // 17) + index % 17 % 16), format="rgb24")
        frame.pts, frame.time_base = index, Fraction(1, 25)
        coded += map(bytes, coder.encode(frame))
    coded += map(bytes, coder.encode(None))
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options=dict(coder.options))
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for index in range(90_000):
            minutes, behind = divmod(index, 9000)
            packet = av.Packet(coded[17 * minutes + ((behind - 1) % 16 + 1 if behind else 0)])
            packet.stream, packet.time_base = stream, Fraction(1, 25)
            packet.pts = packet.dts = index
            packet.duration, packet.is_keyframe = 1, not behind
            out.mux(packet)
