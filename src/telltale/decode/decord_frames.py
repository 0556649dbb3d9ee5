"""Pictures by decord 0.6.0, as far as it goes; `frames.read_frames` has PyAV read the rest.

decord opens a file by its path with its own FFmpeg 4, so it is given only files that PyAV opened with the
container forced; the times are the packets', read by PyAV, for decord keeps them as float32. What it cannot
do, and does not get: AV1; AVI, whose packets have no times of showing; frames 16 pixels wide; clips whose
keyframes are not clean cuts (open groups of pictures, gradual refresh), in which it lands some frames off
after a seek; edit lists that skip frames; a limit on frames; files that are cut. At other damage it raises,
mostly: unlike PyAV it does not report a frame that the decoder patched up, and it can end the process, so
strangers' files are PyAV's.
"""

from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from telltale.decode.container import Limits, reason, tick, zero
from telltale.decode.demux import Demuxer
from telltale.decode.pictures import Pictures, scaled
from telltale.decode.pyav_frames import open_picture
from telltale.decode.truncation import is_truncated
from telltale.errors import InputError


def read(path: Path, times: NDArray[np.float64], short_side: int | None, limits: Limits) -> Pictures | None:
    """See `frames.read_frames`; None where decord cannot. Raises DecodeError where PyAV cannot, InputError
    without decord."""
    decord = _decord()
    with Demuxer(path, limits, ("picture",)) as demuxer:
        container, stream = demuxer.container, open_picture(demuxer, "exact")
        if container.format.name == "avi":
            return None
        unit, start = tick(stream), zero(container)
        try:
            frame = next(container.decode(stream), None)  # only it knows whether the picture is turned
            pts = _closed_times(container, stream)
        except av.FFmpegError:
            return None
        if frame is None or not pts or is_truncated(path) or stream.frames not in (0, len(pts)):
            # decord believes the promised number of frames, and ends the process when it has no room for them
            return None
        came = np.array([float(at * unit - start) for at in pts])
        wide, high = scaled(path, frame.width, frame.height, short_side, limits)
        if round(frame.rotation / 90) % 2:
            wide, high = high, wide
    wanted = np.maximum(np.searchsorted(came, times + float(unit / 2), side="right") - 1, 0)
    try:
        reader = decord.VideoReader(str(path.absolute()), width=wide, height=high, num_threads=1)
        if (
            len(reader) != len(came)
            or _to_decode(wanted, np.array(reader.get_key_indices())) > limits.max_decoded_frames
        ):
            return None
        unique, place = np.unique(wanted, return_inverse=True)
        pixels = reader.get_batch(unique).asnumpy()[place]
    except Exception:  # decord's own error class, RuntimeError, IndexError: all of them are "cannot"
        return None
    if pixels.shape != (len(times), high, wide, 3):
        return None
    return Pictures(pixels, came[wanted], partial=False)


def _closed_times(container: InputContainer, stream: VideoStream) -> list[int]:
    """All frames' times in ticks, rising, by the packets; none where a keyframe is no clean cut between
    before and after."""
    container.seek(stream.start_time or 0, stream=stream)
    times: list[int] = []
    keyframe = None
    for packet in container.demux(stream):
        if packet.size:
            crosses = packet.pts is not None and keyframe is not None and packet.pts < keyframe
            if packet.pts is None or packet.is_corrupt or packet.is_discard or crosses:
                return []
            if packet.is_keyframe and not _is_whole(packet, stream):
                return []
            keyframe = packet.pts if packet.is_keyframe else keyframe
            times.append(packet.pts)
    return sorted(times)


def _is_whole(packet: Packet, stream: VideoStream) -> bool:
    """Whether a keyframe restarts the decoder: H.264 marks others too, where the picture is refreshed bit by
    bit."""
    if stream.codec_context.name != "h264":
        return True
    data, at = bytes(packet), 0
    while at + 4 < len(data):
        if data[at + 4] & 31 == 5:  # a slice of an IDR picture
            return True
        at += 4 + int.from_bytes(data[at : at + 4], "big")
    return False


def _to_decode(wanted: NDArray[np.intp], keys: NDArray[np.intp]) -> int:
    """How many frames lie between the keyframes and the wanted frames, each counted once."""
    before = keys[np.searchsorted(keys, wanted, side="right") - 1]
    return sum(int(wanted[before == key].max()) - int(key) + 1 for key in np.unique(before))


def _decord() -> Any:
    try:
        import decord
    except (ImportError, OSError) as error:
        raise InputError(
            f"backend 'decord' cannot be loaded here ({reason(error)}); install it if it can be had, or set "
            "clip.backend=pyav"
        ) from None
    decord.logging.set_level(decord.logging.QUIET)
    return decord
