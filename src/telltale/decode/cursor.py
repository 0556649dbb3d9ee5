"""Which frame of a stream is on show at a time, or nearest to it: asked forwards, seeking to keyframes,
stopping at damage.

A seek is made when a keyframe lies between what was read and the wanted time, and its landing is checked, so
that the frame is always the one that reading from the start would give.
"""

from collections import deque

import av
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from telltale.decode.container import DecodeError, check_pixels, reason, tick
from telltale.decode.demux import Demuxer
from telltale.decode.truncation import is_truncated

# A second of pictures decodes in about 7 ms; a seek has the reader of the sound open the file anew, which
# takes 2.
_WORTH_SEEKING_SECONDS = 1


class FrameCursor:
    """The frames of a stream in the order of showing, asked by time, forwards."""

    def __init__(self, demuxer: Demuxer, stream: VideoStream) -> None:
        self._demuxer, self._stream, self._path, self._limits = demuxer, stream, demuxer.path, demuxer.limits
        self._decoded = 0
        self._stopped: DecodeError | None = None
        # AVI has times of decoding alone. Frames come in the order of showing, so the n-th one has the n-th
        # packet's time: if the decoder leaves none out and begins with the first.
        self._by_order = demuxer.container.format.name == "avi"
        self._seekable = not self._by_order
        if demuxer.container.format.name.startswith("matroska"):
            demuxer.seek(stream.start_time or 0, stream)  # its index is not read before the first seek
        entries = stream.index_entries
        self._first = entries[0].timestamp if len(entries) else (stream.start_time or 0)
        self._length_bytes = _length_bytes(stream)
        self._worth_seeking = int(_WORTH_SEEKING_SECONDS / tick(stream))
        self._begin(None)

    def _begin(self, keyframe: int | None) -> None:
        """Forget what was read; `keyframe` is the index time that was sought, None at the start of the
        file."""
        self._keyframe = keyframe
        self._ready: deque[VideoFrame] = deque()
        self._times: deque[int] = deque()  # of packets whose frame is still to come, where frames go by order
        self._reached = keyframe if keyframe is not None else self._first
        self._ended = False
        self._shown: tuple[VideoFrame, int] | None = None  # a frame and its time
        self._ahead: tuple[VideoFrame, int] | None = None  # the one that comes after it

    def at(self, target: int) -> tuple[VideoFrame, int]:
        """The frame on show at a time in ticks, and when it came. Raises DecodeError where the damage is in
        between."""
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
        if self._ended and self._stopped is None and is_truncated(self._path):
            self._stopped = DecodeError("damaged", f"{self._path}: the file is cut short")
        if self._shown is None:
            raise self._stopped or DecodeError("damaged", f"{self._path}: not one frame can be decoded")
        if self._stopped is not None and self._ahead is None and not self._covers(target):
            raise self._stopped
        return self._shown

    def nearest(self, target: int) -> tuple[VideoFrame, int]:
        """The frame that came nearest to a time in ticks, the earlier of two as near, and when. Raises
        DecodeError as `at`."""
        shown = self.at(target)
        if self._ahead is not None and abs(self._ahead[1] - target) < abs(shown[1] - target):
            return self._ahead
        return shown

    def _covers(self, target: int) -> bool:
        """Whether the last frame that came before the damage is still on show at a time, by its own
        duration."""
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
                raise DecodeError(
                    "too_large", f"{self._path}: more than {self._limits.max_decoded_frames} frames to decode"
                )
            check_pixels(self._path, frame, self._limits)
            if frame.is_corrupt:
                raise DecodeError("damaged", f"{self._path}: a frame is damaged")
            pts = frame.pts if frame.pts is not None else frame.dts
            if self._by_order:
                pts = self._times.popleft() if self._times else None
            if pts is None:  # no time at all: one tick after the frame before
                pts = (self._stream.start_time or 0) if previous is None else previous + 1
            if previous is None or pts >= previous:  # a frame that goes back in time is never on show
                return frame, pts

    def _decode(self) -> bool:
        """Feed the decoder one packet; whether there was one."""
        try:
            packet = self._demuxer.next(self._stream)
            if packet is None:
                return False
            if packet.is_corrupt:
                raise DecodeError("damaged", f"{self._path}: a packet is cut short")
            dts = packet.dts
            if dts is not None and dts > self._reached:
                self._reached = dts
            if self._by_order and dts is not None:
                self._times.append(dts)
            if not self._length_bytes or not _is_spare(packet, self._length_bytes):
                self._ready.extend(packet.decode())
        except (
            av.error.ArgumentError
        ):  # so the decoders answer to max_pixels; the packets are the file's, the rest is ours
            raise DecodeError(
                "too_large", f"{self._path}: a frame of more than {self._limits.max_frame_pixels} pixels"
            ) from None
        except av.FFmpegError as error:
            raise DecodeError("damaged", f"{self._path}: decoding stopped ({reason(error)})") from None
        return True

    def _jump(self, target: int) -> None:
        """Seek when a keyframe lies well between what has been read and the wanted time; nothing before it is
        needed."""
        if not self._seekable or self._ended or (self._ahead is not None and self._ahead[1] > target):
            return
        entries = self._stream.index_entries
        found = entries.search_timestamp(target)
        if (
            found >= 0
            and entries[found].timestamp > self._reached + self._worth_seeking
            and self._demuxer.seek(target, self._stream)
        ):
            self._begin(entries[found].timestamp)

    def _check_landing(self, target: int) -> None:
        """Look at the first frame behind a seek, and go to the keyframe before, or to the start, when it will
        not do.

        It will not when there is none, when it comes only after the wanted time (an open group of pictures),
        or when it is no whole picture (a picture refreshed bit by bit has "keyframes" behind which the
        decoder is blank for a while).
        """
        assert self._keyframe is not None
        if self._ahead is not None and self._ahead[0].pict_type != PictureType.I:
            self._seekable = False
        elif self._ahead is not None and self._ahead[1] <= target:
            return
        entries = self._stream.index_entries
        found = entries.search_timestamp(self._keyframe - 1)
        earlier = entries[found].timestamp if found >= 0 and self._seekable else None
        if not self._demuxer.seek(
            earlier if earlier is not None else (self._stream.start_time or 0), self._stream
        ):
            raise DecodeError("failed", f"{self._path}: cannot go back to an earlier keyframe")
        self._begin(earlier)


def _length_bytes(stream: VideoStream) -> int:
    """Bytes of the lengths before the units of an H.264 stream whose decoder skips what is not referred to;
    else 0."""
    codec = stream.codec_context
    facts = codec.extradata or b""
    if codec.name != "h264" or codec.skip_frame != "NONREF" or len(facts) < 5 or facts[0] != 1:
        return 0
    return (facts[4] & 3) + 1


def _is_spare(packet: Packet, length_bytes: int) -> bool:
    """Whether all pictures of an H.264 packet are ones that no other refers to. The decoder would find out,
    15 us later."""
    data, at, pictures = memoryview(packet), 0, 0
    while at + length_bytes < len(data):
        head = data[at + length_bytes]
        if 1 <= head & 31 <= 5:  # a slice of a picture
            if head & 96:  # to which others refer
                return False
            pictures += 1
        at += length_bytes + int.from_bytes(data[at : at + length_bytes], "big")
    return pictures > 0
