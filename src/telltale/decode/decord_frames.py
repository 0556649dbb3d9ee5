"""Reads frames by decord 0.6.0, as far as it goes; `frames.read_frames` has PyAV read the rest.

decord opens a file by its path with its own FFmpeg 4. So it is given only files that PyAV opened with the
container format forced. The frames' times are those of the packets, read by PyAV, because decord keeps times
as float32.

decord is not given what it cannot read correctly: AV1; AVI, whose packets have no times of showing; frames 16
    pixels
wide; clips whose keyframes are not clean cuts (open groups of pictures, gradual refresh), where it lands some
frames off after a seek; edit lists that skip frames; reads with a small limit on decoded frames; files that
are cut short.

At other damage decord mostly raises. Unlike PyAV it does not report a frame that the decoder patched up, and
it can end the process. So use PyAV for files of unknown origin.
"""

from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from telltale.decode.container import Limits, error_text, is_truncated, tick_seconds, zero_seconds
from telltale.decode.demux import Demuxer
from telltale.errors import InputError


def read(
    path: Path,
    limits: Limits,
    times: NDArray[np.float64],
    short_side: int | None,
    enlarge: bool = True,
) -> tuple[NDArray[np.uint8], NDArray[np.float64]] | None:
    """Pixels and seconds as of `frames.Frames`, of `read_frames` with sampling "exact"; None if decord cannot
    read the clip correctly.

    Raises DecodeError if PyAV cannot open the file either, and InputError if decord is not installed.
    """
    decord = _decord()
    with Demuxer(path, limits, ("picture",)) as demuxer:
        container, stream = demuxer.container, demuxer.open_pictures("exact")
        if container.format.name == "avi":
            return None
        tick, zero = tick_seconds(stream), zero_seconds(container)
        try:
            frame = next(container.decode(stream), None)  # only the frame knows whether the picture is turned
            pts = _closed_times(container, stream)
        except av.FFmpegError:
            return None
        # decord believes the number of frames in the metadata, and ends the process if it cannot allocate
        # them.
        if frame is None or not pts or is_truncated(path) or stream.frames not in (0, len(pts)):
            return None
        seconds = np.array([float(at * tick - zero) for at in pts])
        wide, high = demuxer.scaled_size(frame, short_side, enlarge)
        if round(frame.rotation / 90) % 2:
            wide, high = high, wide
    chosen = np.maximum(np.searchsorted(seconds, times + float(tick / 2), side="right") - 1, 0)
    try:
        reader = decord.VideoReader(str(path.absolute()), width=wide, height=high, num_threads=1)
        keyframes = np.array(reader.get_key_indices())
        if len(reader) != len(seconds) or _to_decode(chosen, keyframes) > limits.max_decoded_frames:
            return None
        unique, inverse = np.unique(chosen, return_inverse=True)
        pixels = reader.get_batch(unique).asnumpy()[inverse]
    except Exception:  # decord's own error class, RuntimeError, IndexError: all of them mean that it cannot
        return None
    if pixels.shape != (len(times), high, wide, 3):
        return None
    return pixels, seconds[chosen]


def _closed_times(container: InputContainer, stream: VideoStream) -> list[int]:
    """All frames' times in ticks, rising, by the packets; [] if a keyframe is no clean cut."""
    container.seek(stream.start_time or 0, stream=stream)
    times: list[int] = []
    keyframe = None
    for packet in container.demux(stream):
        if packet.size:
            crosses = packet.pts is not None and keyframe is not None and packet.pts < keyframe
            if packet.pts is None or packet.is_corrupt or packet.is_discard or crosses:
                return []
            if packet.is_keyframe and not _restarts_decoder(packet, stream):
                return []
            keyframe = packet.pts if packet.is_keyframe else keyframe
            times.append(packet.pts)
    return sorted(times)


def _restarts_decoder(packet: Packet, stream: VideoStream) -> bool:
    """Whether a keyframe stands alone. H.264 also marks packets as keyframes from which on the picture is
    refreshed bit by bit."""
    if stream.codec_context.name != "h264":
        return True
    data, at = bytes(packet), 0
    while at + 4 < len(data):
        if data[at + 4] & 31 == 5:  # a slice of an IDR picture
            return True
        at += 4 + int.from_bytes(data[at : at + 4], "big")
    return False


def _to_decode(chosen: NDArray[np.intp], keyframes: NDArray[np.intp]) -> int:
    """How many frames lie between the keyframes and the chosen frames, each counted once."""
    before = keyframes[np.searchsorted(keyframes, chosen, side="right") - 1]
    return sum(int(chosen[before == key].max()) - int(key) + 1 for key in np.unique(before))


def _decord() -> Any:
    try:
        import decord
    except (ImportError, OSError) as error:
        raise InputError(
            f"backend 'decord' cannot be loaded here ({error_text(error)}); install it if it can be had, "
            "or set clip.backend=pyav"
        ) from None
    decord.logging.set_level(decord.logging.QUIET)
    return decord
