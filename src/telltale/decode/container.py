"""Opens the file of a clip safely and says what it holds.

    with open_container(path, limits) as container:
        stream = picture_stream(container)

The leading bytes decide the container format, which is then forced: a playlist or a script named `.mp4` is
    never
followed. Only the file protocol is allowed, and references to data in other files stay closed.

Picture and sound have one clock. Its zero is the time of the first frame, or of the first sound if the clip
has no picture. All times that leave `decode` are seconds on that clock.
"""

import stat
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import av.logging
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

DecodeStatus = Literal["missing", "empty", "refused", "damaged", "too_large", "no_stream", "failed"]
Kind = Literal["mov", "matroska", "avi"]

# libav logs a lot about damaged files. What matters of it comes as an exception or as a flag of a frame.
av.logging.set_level(None)

_MOV_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"}
_EBML = b"\x1aE\xdf\xa3"
_SEGMENT = b"\x18S\x80g"
_RIFF = b"RIFF"
# A fragmented file has a few boxes a second; a hostile one may have millions.
_MAX_BOXES = 100_000


class DecodeError(Exception):
    """A clip that cannot be read. status: one of `telltale.status`; message: one sentence that names the
    file."""

    def __init__(self, status: DecodeStatus, message: str) -> None:
        # Both go to Exception: otherwise the error cannot be unpickled when it comes back from a worker
        # process.
        super().__init__(status, message)
        self.status: DecodeStatus = status
        self.message = message

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Limits:
    """What one read may cost.

    max_frame_pixels: width times height of a frame, as stored and as scaled.
    max_decoded_frames: frames that the decoder gives, those included that are then dropped.
    """

    max_frame_pixels: int
    max_decoded_frames: int


@dataclass(frozen=True)
class Contents:
    """What the metadata say that a clip holds. Durations are seconds after the clip's first frame.

    duration_seconds: of the picture; of the sound if there is no picture.
    sound_seconds: when the sound ends, on the clock of the picture.
    """

    duration_seconds: float
    has_picture: bool
    has_sound: bool
    picture_seconds: float
    sound_seconds: float


def sniff(path: Path) -> Kind:
    """The container format by the file's leading bytes. Raises DecodeError: missing, empty, refused,
    failed."""
    try:
        info = path.stat()
        if not stat.S_ISREG(info.st_mode):  # opening a pipe would block for ever
            raise DecodeError("refused", f"{path}: is not a regular file")
        if info.st_size == 0:
            raise DecodeError("empty", f"{path}: holds no bytes")
        with path.open("rb") as file:
            head = file.read(12)
    except (FileNotFoundError, NotADirectoryError):
        raise DecodeError("missing", f"{path}: does not exist") from None
    except (OSError, ValueError) as error:
        raise DecodeError("failed", f"{path}: cannot be read ({error})") from None
    if head[4:8] in _MOV_BOXES:
        return "mov"
    if head[:4] == _EBML:
        return "matroska"
    if head[:4] == _RIFF and head[8:] == b"AVI ":
        return "avi"
    raise DecodeError("refused", f"{path}: begins like no MP4, MOV, Matroska, WebM or AVI file")


def open_container(path: Path, limits: Limits | None = None) -> InputContainer:
    """The opened file, a context manager that the caller closes. Raises DecodeError: those of `sniff`,
    damaged."""
    kind = sniff(path)
    options = {"protocol_whitelist": "file", "enable_drefs": "0", "use_absolute_path": "0"}
    if limits is not None:  # libav decodes the first packets of some codecs when it opens a file
        options["max_pixels"] = str(limits.max_frame_pixels)
    try:
        # The path is absolute because libav takes `concat:x.mp4` for a protocol and a name.
        return av.open(str(path.absolute()), format=kind, options=options, metadata_errors="replace")
    except (av.FFmpegError, ValueError) as error:
        is_system_error = isinstance(error, OSError) and not isinstance(error, ValueError)
        status: DecodeStatus = "failed" if is_system_error else "damaged"
        raise DecodeError(status, f"{path}: cannot be opened as {kind} ({error_text(error)})") from None


def error_text(error: Exception) -> str:
    """What libav says of an error, without the address of the failing call."""
    return str(getattr(error, "strerror", None) or error)


def picture_stream(container: InputContainer) -> VideoStream | None:
    """The picture stream that libav thinks best. Cover art is no picture."""
    stream = container.streams.best("video")
    if not isinstance(stream, VideoStream) or stream.disposition & Disposition.attached_pic:
        return None
    return stream


def sound_stream(container: InputContainer) -> AudioStream | None:
    """The sound stream that libav thinks best."""
    stream = container.streams.best("audio")
    return stream if isinstance(stream, AudioStream) else None


def tick_seconds(stream: VideoStream | AudioStream) -> Fraction:
    """The unit of the stream's own times, in seconds."""
    return stream.time_base if stream.time_base else Fraction(1, 1_000_000)


def zero_seconds(container: InputContainer) -> Fraction:
    """The zero of the clip's clock, in seconds on the container's clock."""
    for stream in (picture_stream(container), sound_stream(container)):
        if stream is not None:
            return (stream.start_time or 0) * tick_seconds(stream)
    return Fraction(0)


def read_contents(path: Path, container: InputContainer, limits: Limits) -> tuple[Contents, bool]:
    """What an opened file holds, and whether its packets had to be read to know.

    Durations are those of the metadata. A recording that was streamed has none: then all packets are read for
    their times, and none is decoded. Raises DecodeError: no_stream, too_large, damaged.
    """
    pictures, sounds = picture_stream(container), sound_stream(container)
    if pictures is None and sounds is None:
        raise DecodeError("no_stream", f"{path}: holds neither picture nor sound")
    if pictures is not None:
        check_pixels(path, pictures.codec_context, limits)
    zero = zero_seconds(container)
    ends = {s.index: _promised_end(container, s) for s in (pictures, sounds) if s is not None}
    unknown = None in ends.values()
    if unknown:
        ends |= _packet_ends(path, container)
    picture_seconds, sound_seconds = (
        max(0.0, float((ends.get(s.index) or zero) - zero)) if s is not None else 0.0
        for s in (pictures, sounds)
    )
    contents = Contents(
        duration_seconds=sound_seconds if pictures is None else picture_seconds,
        has_picture=pictures is not None,
        has_sound=sounds is not None,
        picture_seconds=picture_seconds,
        sound_seconds=sound_seconds,
    )
    return contents, unknown


def check_pixels(path: Path, frame: VideoCodecContext | VideoFrame | None, limits: Limits) -> None:
    """Raises DecodeError too_large if a frame, or the metadata of its codec, has more pixels than allowed."""
    if frame is not None and frame.width * frame.height > limits.max_frame_pixels:
        raise DecodeError(
            "too_large",
            f"{path}: a frame of {frame.width}x{frame.height} pixels is more than the limit "
            f"{limits.max_frame_pixels}",
        )


def _promised_end(container: InputContainer, stream: VideoStream | AudioStream) -> Fraction | None:
    """When a stream ends by the metadata, on the container's clock. Matroska gives one end for all
    streams."""
    if stream.duration is not None:
        return ((stream.start_time or 0) + stream.duration) * tick_seconds(stream)
    return Fraction(container.duration, av.time_base) if container.duration is not None else None


def _packet_ends(path: Path, container: InputContainer) -> dict[int, Fraction]:
    """When the last packet of each stream ends, on the container's clock. Reads all packets, decodes none."""
    ends: dict[int, Fraction] = {}
    try:
        for packet in container.demux():
            if packet.pts is not None and packet.time_base:
                end = (packet.pts + (packet.duration or 0)) * packet.time_base
                ends[packet.stream_index] = max(end, ends.get(packet.stream_index, end))
    except av.FFmpegError:
        pass  # the file is damaged: what could be read has ends
    if not ends:
        raise DecodeError("damaged", f"{path}: has no duration and no packet with a time")
    return ends


def is_truncated(path: Path) -> bool:
    """Whether a file was cut short: its outermost elements promise more bytes than it has.

    A cut between two packets leaves no other trace. The file is one that `sniff` accepts.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(256)
        if head.startswith(_EBML):
            return _segment_end(head) > size
        length_of = _riff_length if head.startswith(_RIFF) else _box_length
        position = 0
        for _ in range(_MAX_BOXES):
            file.seek(position)
            head = file.read(16)
            length = length_of(head)
            if len(head) < 8 or length < 8:  # the end, a last box that gives no length, or no box
                return False
            position += length
            if position > size:
                return True
    return False


def _box_length(head: bytes) -> int:
    """Bytes of a box of MP4 or MOV, its header included."""
    length = int.from_bytes(head[:4], "big")
    return int.from_bytes(head[8:16], "big") if length == 1 else length


def _riff_length(head: bytes) -> int:
    """Bytes of a chunk of AVI, its header included; 0 if this is none, or if the recorder never wrote a
    length."""
    length = int.from_bytes(head[4:8], "little")
    return 8 + length + length % 2 if head.startswith(_RIFF) and length else 0


def _segment_end(head: bytes) -> int:
    """Where the one Segment of Matroska ends, from the file's first bytes; 0 if they do not say."""
    length, at = _number(head, 4)
    segment = at + length
    if head[segment : segment + 4] != _SEGMENT:
        return 0
    length, at = _number(head, segment + 4)
    return at + length if length else 0


def _number(head: bytes, at: int) -> tuple[int, int]:
    """EBML's variable-length number at a position, and the position behind it. "Unknown", which is all ones,
    and a number that is not there give 0."""
    if at >= len(head) or head[at] == 0:
        return 0, at
    width = 9 - head[at].bit_length()
    ones = (1 << 7 * width) - 1
    value = int.from_bytes(head[at : at + width], "big") & ones
    return (0 if value == ones else value), at + width
