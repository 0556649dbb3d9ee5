"""Which frame of a stream is on show at a time: asked forwards, seeking to keyframes, stopping at the first damage.

A seek is made when a keyframe lies between what was read and the wanted time, and its landing is checked, so that the frame is
always the one that reading from the start would give.
"""

from collections import deque
from collections.abc import Iterator
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from telltale.decode.container import DecodeError, Limits, check_pixels, reason
from telltale.decode.cut import is_cut


class Show:
    """The frames of a stream in the order of showing, asked by time, forwards."""

    def __init__(self, path: Path, container: InputContainer, stream: VideoStream, limits: Limits) -> None:
        self._path, self._container, self._stream, self._limits = path, container, stream, limits
        self._decoded = 0
        self._stopped: DecodeError | None = None
        self._seekable = True
        if container.format.name.startswith("matroska"):
            self._seek(stream.start_time or 0)  # its index is not read before the first seek
        self._begin(None)

    def _begin(self, keyframe: int | None) -> None:
        """Forget what was read; `keyframe` is the index time that was sought, None at the start of the file."""
        self._keyframe = keyframe
        self._packets: Iterator[Packet] = self._container.demux(self._stream)
        self._ready: deque[VideoFrame] = deque()
        self._reached = keyframe if keyframe is not None else -(2**62)
        self._ended = False
        self._shown: tuple[VideoFrame, int] | None = None  # a frame and its time
        self._ahead: tuple[VideoFrame, int] | None = None  # the one that comes after it

    def at(self, target: int) -> tuple[VideoFrame, int]:
        """The frame on show at a time in ticks, and when it came. Raises DecodeError where the damage is in between."""
        if self._stopped is None:
            self._jump(target)
        while not self._ended and (self._ahead is None or self._ahead[1] <= target):
            try:
                following = self._next()
            except DecodeError as error:
                self._stopped, following = error, None
            self._shown, self._ahead = self._ahead or self._shown, following
            self._ended = following is None
            if self._shown is None and self._keyframe is not None and self._stopped is None:
                self._check_landing(target)
        if self._ahead is not None and (self._shown is None or self._ahead[1] <= target):
            return self._ahead
        if self._ended and self._stopped is None and is_cut(self._path):
            self._stopped = DecodeError("damaged", f"{self._path}: the file is cut short")
        if self._shown is None:
            raise self._stopped or DecodeError("damaged", f"{self._path}: not one frame can be decoded")
        if self._stopped is not None and self._ahead is None and not self._covers(target):
            raise self._stopped
        return self._shown

    def _covers(self, target: int) -> bool:
        """Whether the last frame that came before the damage is still on show at a time, by its own duration."""
        assert self._shown is not None
        frame, pts = self._shown
        return target < pts + max(frame.duration or 0, 1)

    def _next(self) -> tuple[VideoFrame, int] | None:
        """The next frame and its time, None at the end. Raises DecodeError at damage and at the limits."""
        previous = self._ahead[1] if self._ahead is not None else None
        while True:
            while not self._ready:
                if not self._decode():
                    return None
            frame = self._ready.popleft()
            self._decoded += 1
            if self._decoded > self._limits.max_decoded_frames:
                raise DecodeError("too_large", f"{self._path}: more than {self._limits.max_decoded_frames} frames to decode")
            check_pixels(self._path, frame, self._limits)
            if frame.is_corrupt:
                raise DecodeError("damaged", f"{self._path}: a frame is damaged")
            pts = frame.pts if frame.pts is not None else frame.dts
            if pts is None:  # no time at all: one tick after the frame before
                pts = (self._stream.start_time or 0) if previous is None else previous + 1
            if previous is None or pts >= previous:  # a frame that goes back in time is never on show
                return frame, pts

    def _decode(self) -> bool:
        """Feed the decoder one packet; whether there was one."""
        try:
            packet = next(self._packets, None)
            if packet is None:
                return False
            if packet.is_corrupt:
                raise DecodeError("damaged", f"{self._path}: a packet is cut short")
            if packet.dts is not None:
                self._reached = max(self._reached, packet.dts)
            self._ready.extend(packet.decode())
        except av.error.ArgumentError:  # so the decoders answer to max_pixels; the packets are the file's, the rest is ours
            raise DecodeError(
                "too_large", f"{self._path}: a frame of more than {self._limits.max_frame_pixels} pixels"
            ) from None
        except av.FFmpegError as error:
            raise DecodeError("damaged", f"{self._path}: decoding stopped ({reason(error)})") from None
        return True

    def _jump(self, target: int) -> None:
        """Seek when a keyframe lies between what has been read and the wanted time; nothing before it is needed."""
        if not self._seekable or self._ended or (self._ahead is not None and self._ahead[1] > target):
            return
        entries = self._stream.index_entries
        found = entries.search_timestamp(target)
        if found >= 0 and entries[found].timestamp > self._reached and self._seek(target):
            self._begin(entries[found].timestamp)

    def _check_landing(self, target: int) -> None:
        """Look at the first frame behind a seek, and go to the keyframe before, or to the start, when it will not do.

        It will not when there is none, when it comes only after the wanted time (an open group of pictures), or when it is no
        whole picture (a picture refreshed bit by bit has "keyframes" behind which the decoder is blank for a while).
        """
        assert self._keyframe is not None
        if self._ahead is not None and self._ahead[0].pict_type != PictureType.I:
            self._seekable = False
        elif self._ahead is not None and self._ahead[1] <= target:
            return
        entries = self._stream.index_entries
        found = entries.search_timestamp(self._keyframe - 1)
        earlier = entries[found].timestamp if found >= 0 and self._seekable else None
        if not self._seek(earlier if earlier is not None else (self._stream.start_time or 0)):
            raise DecodeError("failed", f"{self._path}: cannot go back to an earlier keyframe")
        self._begin(earlier)

    def _seek(self, timestamp: int) -> bool:
        try:
            self._container.seek(timestamp, stream=self._stream)
        except av.FFmpegError:
            return False
        return True
