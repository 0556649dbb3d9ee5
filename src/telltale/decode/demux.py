"""One walk through a file for its picture and its sound: opened once, each packet read once, each reader asks
for its own.

    with Demuxer(path, limits, ("picture", "sound")) as walk:
        frames = read_frames(path, times, short_side=224, limits=limits, walk=walk)
        wave = read_wave(path, 0.0, 4.0, rate_hz=16_000, limits=limits, walk=walk)

Sound that lies before the wanted pictures waits, compressed, until it is asked for. A reader that seeks goes
on alone: the walk is then `torn`, and the next reader opens the file for itself.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

import av
from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.stream import VideoStream

from telltale.decode.container import Contents, Limits, contents, open_container, picture, sound

# Waiting sound is bounded: 64 MiB is an hour of it; a file that has more between two pictures is read twice
# instead.
_MAX_WAITING_BYTES = 64 * 2**20


class Demuxer:
    """An opened file and the packets of the streams that are read. Raises DecodeError: those of opening."""

    def __init__(self, path: Path, limits: Limits, reads: Sequence[str]) -> None:
        self.path, self.limits, self.torn = path, limits, False
        self.container = open_container(path, limits)
        self.pictures, self.sounds = picture(self.container), sound(self.container)
        wanted = [
            stream for stream, name in ((self.pictures, "picture"), (self.sounds, "sound")) if name in reads
        ]
        self._waiting: dict[int, deque[Packet]] = {
            stream.index: deque() for stream in wanted if stream is not None
        }
        self._waiting_bytes = 0
        self._packets: Iterator[Packet] | None = None
        self._failure: av.FFmpegError | None = None

    def __enter__(self) -> "Demuxer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.container.close()

    def contents(self) -> Contents:
        """What the file holds. Raises DecodeError: no_stream, too_large."""
        found, was_read = contents(self.path, self.container, self.limits)
        self.torn |= was_read
        return found

    def next(self, stream: VideoStream | AudioStream) -> Packet | None:
        """The stream's next packet, None at the end. Raises av.FFmpegError where the file cannot be read
        on."""
        index = stream.index
        if index not in self._waiting:
            raise ValueError(f"stream {index}: wanted one that this walk reads, {list(self._waiting)}")
        waiting = self._waiting[index]
        while not waiting:
            packet = self._read()
            if packet is None or packet.stream.index == index:
                return packet
            self._keep(packet)
        packet = waiting.popleft()
        self._waiting_bytes -= packet.size
        return packet

    def seek(self, timestamp: int, stream: VideoStream | AudioStream) -> bool:
        """Go to the keyframe at or before a time in the stream's ticks, for this stream alone; whether that
        was possible."""
        try:
            self.container.seek(timestamp, stream=stream)
        except av.FFmpegError:
            return False
        self._alone(stream.index)
        self._packets, self._failure = None, None
        return True

    def _read(self) -> Packet | None:
        if self._failure is not None:  # the reader behind it must hear of it too
            raise self._failure
        if self._packets is None:
            self._packets = self.container.demux(*(self.container.streams[index] for index in self._waiting))
        try:
            return next(self._packets, None)
        except av.FFmpegError as error:
            self._failure = error
            raise

    def _keep(self, packet: Packet) -> None:
        waiting = self._waiting.get(packet.stream.index)
        if waiting is None:
            return
        waiting.append(packet)
        self._waiting_bytes += packet.size
        if self._waiting_bytes > _MAX_WAITING_BYTES:
            self._alone(next(index for index in self._waiting if index != packet.stream.index))

    def _alone(self, index: int) -> None:
        self.torn |= len(self._waiting) > 1
        self._waiting, self._waiting_bytes = {index: deque()}, 0
