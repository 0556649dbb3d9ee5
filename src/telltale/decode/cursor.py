"""`FrameCursor`: the frames of a stream by time, forwards, with seeks to keyframes and a stop at damage.

The cursor seeks if a keyframe lies between what was read and the time that is asked for. It then checks the
frame at which the seek landed, so that it always gives the frame that reading from the start would give.
"""

from collections import deque

import av
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from telltale.decode.container import DecodeError, check_pixels, error_text, is_truncated, tick_seconds
from telltale.decode.demux import Demuxer

# A second of pictures decodes in about 7 ms. A seek costs 2 ms, because the reader of the sound then opens
# the file anew.
_WORTH_SEEKING_SECONDS = 1


class FrameCursor:
    """Moves forwards through the frames of a stream, in the order in which they are shown.

    Times are in ticks of the stream. `at` and `nearest` must be asked for times that never fall.
    """

    def __init__(self, demuxer: Demuxer, stream: VideoStream) -> None:
        self._demuxer, self._stream, self._path, self._limits = demuxer, stream, demuxer.path, demuxer.limits
        self._decoded = 0
        self._damage: DecodeError | None = None  # what ended reading, if anything did
        # AVI has times of decoding only. The decoder gives frames in the order of showing, so the n-th frame
        # has the time of the n-th packet. That holds if the decoder leaves no frame out and starts at the
        # first: no seeks.
        self._by_order = demuxer.container.format.name == "avi"
        self._seekable = not self._by_order
        if demuxer.container.format.name.startswith("matroska"):
            demuxer.seek(stream.start_time or 0, stream)  # Matroska's index is not read before the first seek
        entries = stream.index_entries
        self._first = entries[0].timestamp if len(entries) else (stream.start_time or 0)
        self._length_bytes = _length_bytes(stream)
        self._worth_seeking = int(_WORTH_SEEKING_SECONDS / tick_seconds(stream))
        self._restart(None)

    def _restart(self, keyframe: int | None) -> None:
        """Forget the frames that were read. keyframe: the index time that was sought, None at the file's
        start."""
        self._keyframe = keyframe
        self._ready: deque[VideoFrame] = deque()  # decoded, not yet looked at
        self._times: deque[int] = deque()  # by order only: times of packets whose frame is still to come
        # The last time of decoding that was read.
        self._reached = keyframe if keyframe is not None else self._first
        self._ended = False
        # Each a frame and its time. The frame on show is always `_current`, if there is one before the time
        # asked for; `_following` is read too, because only it says how long `_current` stays.
        self._current: tuple[VideoFrame, int] | None = None
        self._following: tuple[VideoFrame, int] | None = None

    def at(self, target: int) -> tuple[VideoFrame, int]:
        """The frame on show at `target`, and when it came. Raises DecodeError if there is damage before
        that."""
        if self._damage is None:
            self._seek_ahead(target)
        while not self._ended and (self._following is None or self._following[1] <= target):
            try:
                following = self._next()
            except DecodeError as error:
                self._damage, following = error, None
            self._current, self._following = self._following or self._current, following
            self._ended = following is None
            if self._current is None and self._keyframe is not None and self._damage is None:
                self._check_landing(target)
        if self._following is not None and (self._current is None or self._following[1] <= target):
            return self._following  # the stream's first frame, for a time before it
        if self._ended and self._damage is None and is_truncated(self._path):
            self._damage = DecodeError("damaged", f"{self._path}: the file is cut short")
        if self._current is None:
            raise self._damage or DecodeError("damaged", f"{self._path}: not one frame can be decoded")
        if self._damage is not None and self._following is None and not self._covers(target):
            raise self._damage
        return self._current

    def nearest(self, target: int) -> tuple[VideoFrame, int]:
        """The frame that came nearest to `target`, the earlier of two as near, and when. Raises DecodeError
        as `at`."""
        current = self.at(target)
        if self._following is not None and abs(self._following[1] - target) < abs(current[1] - target):
            return self._following
        return current

    def _covers(self, target: int) -> bool:
        """Whether the last frame before the damage is still on show at `target`, by its own duration."""
        assert self._current is not None
        frame, pts = self._current
        return target < pts + max(frame.duration or 0, 1)

    def _next(self) -> tuple[VideoFrame, int] | None:
        """The next frame and its time, None at the end. Raises DecodeError at damage and at the limits."""
        previous = self._following[1] if self._following is not None else None
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
        """Give the decoder one packet. False if there is none left."""
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
            if not self._length_bytes or not _is_unreferenced(packet, self._length_bytes):
                self._ready.extend(packet.decode())
        except av.error.ArgumentError:
            # The decoders' answer to max_pixels. Packets come from the file, and the other arguments are
            # valid.
            raise DecodeError(
                "too_large", f"{self._path}: a frame of more than {self._limits.max_frame_pixels} pixels"
            ) from None
        except av.FFmpegError as error:
            text = error_text(error)
            raise DecodeError("damaged", f"{self._path}: decoding stopped ({text})") from None
        return True

    def _seek_ahead(self, target: int) -> None:
        """Seek if a keyframe lies well between what was read and `target`: no frame before it is needed."""
        if not self._seekable or self._ended or (self._following is not None and self._following[1] > target):
            return
        entries = self._stream.index_entries
        index = entries.search_timestamp(target)
        if (
            index >= 0
            and entries[index].timestamp > self._reached + self._worth_seeking
            and self._demuxer.seek(target, self._stream)
        ):
            self._restart(entries[index].timestamp)

    def _check_landing(self, target: int) -> None:
        """Check the first frame after a seek. If it will not do, go to the keyframe before, or to the start.

        It will not do if there is none; if it comes only after `target` (an open group of pictures); or if it
        is no intra frame (a picture that is refreshed bit by bit has "keyframes" after which the decoder is
        blank for a while; then the stream is not sought again).
        """
        assert self._keyframe is not None
        if self._following is not None and self._following[0].pict_type != PictureType.I:
            self._seekable = False
        elif self._following is not None and self._following[1] <= target:
            return
        entries = self._stream.index_entries
        index = entries.search_timestamp(self._keyframe - 1)
        earlier = entries[index].timestamp if index >= 0 and self._seekable else None
        position = earlier if earlier is not None else (self._stream.start_time or 0)
        if not self._demuxer.seek(position, self._stream):
            raise DecodeError("failed", f"{self._path}: cannot go back to an earlier keyframe")
        self._restart(earlier)


def _length_bytes(stream: VideoStream) -> int:
    """Bytes of the length before each unit of an H.264 stream whose decoder skips unreferenced frames; else
    0."""
    codec = stream.codec_context
    extradata = codec.extradata or b""
    if codec.name != "h264" or codec.skip_frame != "NONREF" or len(extradata) < 5 or extradata[0] != 1:
        return 0
    return (extradata[4] & 3) + 1


def _is_unreferenced(packet: Packet, length_bytes: int) -> bool:
    """Whether no other frame is predicted from the pictures of an H.264 packet. The decoder would find out
    too, 15 us later."""
    data, at, pictures = memoryview(packet), 0, 0
    while at + length_bytes < len(data):
        header = data[at + length_bytes]
        if 1 <= header & 31 <= 5:  # a slice of a picture
            if header & 96:  # others are predicted from it
                return False
            pictures += 1
        at += length_bytes + int.from_bytes(data[at : at + length_bytes], "big")
    return pictures > 0
