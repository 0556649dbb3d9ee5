"""What every reader of a clip starts with: is it a video file at all, open it safely, and which clock do its
times run on.

    with open_container(path, limits) as container:
        stream = picture(container)

The container is decided by the file's leading bytes and forced, so a playlist or a script named `.mp4` is
never followed; only the file protocol is allowed, and data references to other files stay closed.

One clock for picture and sound: its zero is the time of the first frame (without a picture, of the first
sound), in seconds.
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

Status = Literal["missing", "empty", "refused", "damaged", "too_large", "no_stream", "failed"]
Kind = Literal["mov", "matroska", "avi"]

# libav's chatter about damaged files goes nowhere: what it has to say comes as an exception or as a flag on a
# frame.
av.logging.set_level(None)

_MOV_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"}
_EBML = b"\x1aE\xdf\xa3"


class DecodeError(Exception):
    """A clip that cannot be read: `status` is one word, the message one sentence naming the file."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(
            status, message
        )  # both, or the error does not survive the way back from a worker process
        self.status: Status = status
        self.message = message

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Limits:
    """What one read may cost: pixels of a frame (as stored, and as scaled), and frames decoded, wanted or
    not."""

    max_frame_pixels: int
    max_decoded_frames: int


@dataclass(frozen=True)
class Contents:
    """What the metadata promise, in seconds from the first frame; `sound_seconds` is where the sound ends on
    that clock."""

    duration_seconds: float
    has_picture: bool
    has_sound: bool
    picture_seconds: float
    sound_seconds: float


def sniff(path: Path) -> Kind:
    """The container by the file's leading bytes. Raises DecodeError: missing, empty, refused, failed."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe would block for ever
            raise DecodeError("refused", f"{path}: is not a regular file")
        if found.st_size == 0:
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
    if head[:4] == b"RIFF" and head[8:] == b"AVI ":
        return "avi"
    raise DecodeError("refused", f"{path}: begins like no MP4, MOV, Matroska, WebM or AVI file")


def open_container(path: Path, limits: Limits | None = None) -> InputContainer:
    """The opened file, to be closed by the caller (a context manager). Raises DecodeError."""
    kind = sniff(path)
    options = {"protocol_whitelist": "file", "enable_drefs": "0", "use_absolute_path": "0"}
    if limits is not None:  # libav looks into the first packets of some codecs when it opens a file
        options["max_pixels"] = str(limits.max_frame_pixels)
    try:
        # An absolute path: `concat:x.mp4` would be a protocol and a name.
        return av.open(str(path.absolute()), format=kind, options=options, metadata_errors="replace")
    except (av.FFmpegError, ValueError) as error:
        status: Status = (
            "failed" if isinstance(error, OSError) and not isinstance(error, ValueError) else "damaged"
        )
        raise DecodeError(status, f"{path}: cannot be opened as {kind} ({reason(error)})") from None


def reason(error: Exception) -> str:
    """What libav says, without the address of the failing call."""
    return str(getattr(error, "strerror", None) or error)


def picture(container: InputContainer) -> VideoStream | None:
    """The picture stream libav thinks best; cover art is no picture."""
    stream = container.streams.best("video")
    if not isinstance(stream, VideoStream) or stream.disposition & Disposition.attached_pic:
        return None
    return stream


def sound(container: InputContainer) -> AudioStream | None:
    """The sound stream libav thinks best."""
    stream = container.streams.best("audio")
    return stream if isinstance(stream, AudioStream) else None


def tick(stream: VideoStream | AudioStream) -> Fraction:
    """One unit of the stream's own times, in seconds."""
    return stream.time_base if stream.time_base else Fraction(1, 1_000_000)


def zero(container: InputContainer) -> Fraction:
    """The container's time of the shared clock's zero, in seconds."""
    for stream in (picture(container), sound(container)):
        if stream is not None:
            return (stream.start_time or 0) * tick(stream)
    return Fraction(0)


def probe(path: Path, limits: Limits) -> Contents:
    """What the clip holds, without decoding. Raises DecodeError: those of opening, no_stream, too_large."""
    with open_container(path, limits) as container:
        return contents(path, container, limits)[0]


def contents(path: Path, container: InputContainer, limits: Limits) -> tuple[Contents, bool]:
    """What an opened file holds, and whether its packets were read to learn it. Raises DecodeError:
    no_stream, too_large.

    Durations are the container's word; where it has none (a recording that was streamed) the packets' times
    are read instead.
    """
    pictures, sounds = picture(container), sound(container)
    if pictures is None and sounds is None:
        raise DecodeError("no_stream", f"{path}: holds neither picture nor sound")
    if pictures is not None:
        check_pixels(path, pictures.codec_context, limits)
    start = zero(container)
    ends = {s.index: _promised_end(container, s) for s in (pictures, sounds) if s is not None}
    unknown = None in ends.values()
    if unknown:
        ends |= _packet_ends(path, container)
    picture_seconds, sound_seconds = (
        max(0.0, float((ends.get(s.index) or start) - start)) if s is not None else 0.0
        for s in (pictures, sounds)
    )
    found = Contents(
        duration_seconds=sound_seconds if pictures is None else picture_seconds,
        has_picture=pictures is not None,
        has_sound=sounds is not None,
        picture_seconds=picture_seconds,
        sound_seconds=sound_seconds,
    )
    return found, unknown


def check_pixels(path: Path, what: VideoCodecContext | VideoFrame | None, limits: Limits) -> None:
    """Raises DecodeError too_large when a picture (by its metadata, or as it came) has more pixels than
    allowed."""
    if what is not None and what.width * what.height > limits.max_frame_pixels:
        raise DecodeError(
            "too_large",
            f"{path}: a frame of {what.width}x{what.height} pixels is more than the limit "
            f"{limits.max_frame_pixels}",
        )


def _promised_end(container: InputContainer, stream: VideoStream | AudioStream) -> Fraction | None:
    """Where the metadata say a stream ends, on the container's clock; Matroska gives one end for all
    streams."""
    if stream.duration is not None:
        return ((stream.start_time or 0) + stream.duration) * tick(stream)
    return Fraction(container.duration, av.time_base) if container.duration is not None else None


def _packet_ends(path: Path, container: InputContainer) -> dict[int, Fraction]:
    """Where each stream's last packet ends, on the container's clock, by reading all packets and decoding
    none."""
    ends: dict[int, Fraction] = {}
    try:
        for packet in container.demux():
            if packet.pts is not None and packet.time_base:
                end = (packet.pts + (packet.duration or 0)) * packet.time_base
                ends[packet.stream_index] = max(end, ends.get(packet.stream_index, end))
    except av.FFmpegError:
        pass  # the ends of what can be read
    if not ends:
        raise DecodeError("damaged", f"{path}: has no duration and no packet with a time")
    return ends
