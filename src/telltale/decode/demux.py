"""`Demuxer`: reads the packets of a clip once, for the reader of its frames and the reader of its sound.

    with Demuxer(path, limits) as demuxer:
        frames = read_frames(demuxer, times, short_side=224)
        wave = read_wave(demuxer, 0.0, 4.0, rate_hz=16_000)

Picture and sound are interleaved in a file. Packets of sound that come while frames are read are kept,
compressed, until the sound is read. A reader that seeks moves the position in the file, which then no longer
serves the other reader: the demuxer is `moved`, and the other reader opens the file anew (`unmoved`).
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Literal

import av
from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from telltale.decode.container import (
    Contents,
    DecodeError,
    Limits,
    check_pixels,
    open_container,
    picture_stream,
    read_contents,
    sound_stream,
)

Sampling = Literal["reference", "exact", "keyframes"]
# Which frames libav's decoders leave out. Most encoders predict from every other frame at most, and a decoder
# that is told so skips the others: the frames that it gives are the same to the bit.
_SKIPPED: dict[Sampling, Literal["NONREF", "DEFAULT", "NONKEY"]] = {
    "reference": "NONREF",
    "exact": "DEFAULT",
    "keyframes": "NONKEY",
}
# Bound of the packets that are kept: 64 MiB is an hour of sound. A file with more between two frames is read
# twice.
_MAX_KEPT_BYTES = 64 * 2**20


class Demuxer:
    """An opened file and the packets of its streams.

    path: the file.
    limits: what reading may cost.
    reads: the streams that will be read, "picture" and "sound".

    Raises DecodeError if the file cannot be opened.
    """

    def __init__(self, path: Path, limits: Limits, reads: Sequence[str] = ("picture", "sound")) -> None:
        self.path, self.limits, self.moved = path, limits, False
        self.container = open_container(path, limits)
        self.pictures, self.sounds = picture_stream(self.container), sound_stream(self.container)
        streams = {"picture": self.pictures, "sound": self.sounds}
        chosen = [stream for name, stream in streams.items() if name in reads]
        # By the index of the stream: packets that were read and not yet asked for.
        self._kept: dict[int, deque[Packet]] = {s.index: deque() for s in chosen if s is not None}
        self._kept_bytes = 0
        self._packets: Iterator[Packet] | None = None
        self._failure: av.FFmpegError | None = None

    def __enter__(self) -> "Demuxer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.container.close()

    def unmoved(self, name: str) -> AbstractContextManager["Demuxer"]:
        """This demuxer, or if another reader has moved it the file opened anew for the stream `name`
        alone."""
        return Demuxer(self.path, self.limits, (name,)) if self.moved else nullcontext(self)

    def contents(self) -> Contents:
        """What the file holds. Raises DecodeError: no_stream, too_large, damaged."""
        contents, packets_were_read = read_contents(self.path, self.container, self.limits)
        self.moved |= packets_were_read
        return contents

    def open_pictures(self, sampling: Sampling) -> VideoStream:
        """The picture stream, its decoder set up to leave out what `sampling` does not need.

        Raises DecodeError: no_stream, failed, too_large.
        """
        stream, path = self.pictures, self.path
        if stream is None:
            raise DecodeError("no_stream", f"{path}: has no picture")
        codec = stream.codec_context
        if codec is None:
            raise DecodeError("failed", f"{path}: its picture is in a coding that this libav cannot decode")
        check_pixels(path, codec, self.limits)
        # One thread: the worker processes are the parallelism, and with several threads libav reports damage
        # at another frame from run to run.
        codec.thread_count = 1
        # AVI has no times of showing: a frame gets its time by counting all frames, so none may be left out.
        codec.skip_frame = "DEFAULT" if self.container.format.name == "avi" else _SKIPPED[sampling]
        # The stream itself may give another size than the metadata.
        codec.options = {"max_pixels": str(self.limits.max_frame_pixels)}
        return stream

    def scaled_size(self, frame: VideoFrame, short_side: int | None, enlarge: bool = True) -> tuple[int, int]:
        """(width, height) of a frame scaled so that the shorter side is `short_side`; unchanged if that is
        None, or if the frame would be enlarged and `enlarge` is False.

        Raises DecodeError too_large if the result has too many pixels: 8192x16 scaled up may have.
        """
        side = min(frame.width, frame.height)
        if short_side is None or (side < short_side and not enlarge):
            return frame.width, frame.height
        scale = short_side / side
        wide, high = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
        if wide * high > self.limits.max_frame_pixels:
            raise DecodeError(
                "too_large",
                f"{self.path}: {frame.width}x{frame.height} pixels scaled to {wide}x{high} is more than "
                f"{self.limits.max_frame_pixels}",
            )
        return wide, high

    def next(self, stream: VideoStream | AudioStream) -> Packet | None:
        """The stream's next packet, None at the end. Raises av.FFmpegError if the file cannot be read on."""
        index = stream.index
        if index not in self._kept:
            raise ValueError(f"stream {index}: wanted one that this demuxer reads, {list(self._kept)}")
        kept = self._kept[index]
        while not kept:
            packet = self._read()
            if packet is None or packet.stream.index == index:
                return packet
            self._keep(packet)
        packet = kept.popleft()
        self._kept_bytes -= packet.size
        return packet

    def seek(self, timestamp: int, stream: VideoStream | AudioStream) -> bool:
        """Go to the keyframe at or before a time in the stream's ticks, for this stream alone. False if the
        file cannot be sought."""
        try:
            self.container.seek(timestamp, stream=stream)
        except av.FFmpegError:
            return False
        self._serve_only(stream.index)
        self._packets, self._failure = None, None
        return True

    def _read(self) -> Packet | None:
        if self._failure is not None:  # the second reader must get the error, too
            raise self._failure
        if self._packets is None:
            self._packets = self.container.demux(*(self.container.streams[index] for index in self._kept))
        try:
            return next(self._packets, None)
        except av.FFmpegError as error:
            self._failure = error
            raise

    def _keep(self, packet: Packet) -> None:
        kept = self._kept.get(packet.stream.index)
        if kept is None:
            return
        kept.append(packet)
        self._kept_bytes += packet.size
        if self._kept_bytes > _MAX_KEPT_BYTES:
            self._serve_only(next(index for index in self._kept if index != packet.stream.index))

    def _serve_only(self, index: int) -> None:
        """From here on only the reader of the stream `index` gets packets."""
        self.moved |= len(self._kept) > 1
        self._kept, self._kept_bytes = {index: deque()}, 0
