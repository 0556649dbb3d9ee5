"""What a clip's file tells without decoding: sizes, times, rates, and the tags that its writer left.

numbers, tags = file_facts(path, container, contents)
"""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer

from telltale.decode.container import Contents, picture_stream, sound_stream, tick_seconds

# The name of a number begins with that of the probe that reads it.
Numbers = dict[str, float]
Tags = dict[str, str]

_ENCODER = re.compile(rb"(x26[45]|Lavc|LAME|GPAC|HandBrake)[ -]{0,3}(?:core )?([\d.]*)")
_PRESET = re.compile(rb"\b(cabac|ref|subme|me|bframes|rc|keyint|threads)=(\w+)")
# Tags of the container whose text differs from clip to clip: only whether they are there counts.
_OWN_TEXT = ("creation_time", "title", "comment", "description", "date", "location")
_OF_CODEC = {
    "picture": ("name", "codec_tag", "profile", "pix_fmt", "color_range", "colorspace"),
    "sound": ("name", "codec_tag", "profile", "sample_rate"),
}
_MAX_BOXES = 12


def file_facts(path: Path, container: InputContainer, contents: Contents) -> tuple[Numbers, Tags]:
    """Numbers, which may lack what the file does not say, and tags, text of a few different values.

    container: the opened file, of which nothing was read yet. Its packets are read to the end or to the first
        damage, and none is decoded.
    """
    numbers: Numbers = {"size.bytes": float(path.stat().st_size)}
    numbers["duration.seconds"] = contents.duration_seconds
    numbers["presence.sound"] = float(contents.has_sound)
    if contents.has_picture and contents.has_sound:
        numbers["lengths.sound_less_picture"] = contents.sound_seconds - contents.picture_seconds
    tags = _container_tags(path, container) | _stream_tags(container)
    numbers |= _packet_facts(container, tags)
    if contents.duration_seconds > 0:
        numbers["bitrate.file"] = 8 * numbers["size.bytes"] / contents.duration_seconds
    pictures = picture_stream(container)
    if pictures is not None and pictures.codec_context is not None:
        wide, high = pictures.codec_context.width, pictures.codec_context.height
        numbers |= {"dimensions.width": float(wide), "dimensions.height": float(high)}
        if pictures.average_rate:
            numbers["framerate.mean"] = float(pictures.average_rate)
        if "bitrate.picture" in numbers and wide * high and pictures.average_rate:
            bits = numbers["bitrate.picture"] / (wide * high * float(pictures.average_rate))
            numbers["compression.bits_per_pixel"] = bits
    return numbers, tags


def _packet_facts(container: InputContainer, tags: Tags) -> Numbers:
    """Bit rates, key frames and the spread of the frames' distances, from the packets themselves."""
    bytes_of = {"picture": 0, "sound": 0}
    times: list[float] = []
    frames = keys = 0
    streams = {"picture": picture_stream(container), "sound": sound_stream(container)}
    index_of = {stream.index: name for name, stream in streams.items() if stream is not None}
    ends = dict.fromkeys(bytes_of, 0.0)
    try:
        for packet in container.demux():
            name = index_of.get(packet.stream_index)
            if name is None or not packet.size or packet.pts is None:
                continue
            if name == "picture":
                if not frames:
                    _encoder_tags(bytes(packet)[:8192], tags)
                frames, keys = frames + 1, keys + packet.is_keyframe
                times.append(float(packet.pts * packet.time_base))
            bytes_of[name] += packet.size
            ends[name] = max(ends[name], float((packet.pts + (packet.duration or 0)) * packet.time_base))
    except av.FFmpegError:
        pass  # the file is damaged: what could be read counts
    numbers: Numbers = {}
    for name, stream in streams.items():
        if stream is not None and bytes_of[name]:
            start = float((stream.start_time or 0) * tick_seconds(stream))
            if ends[name] > start:
                numbers[f"bitrate.{name}"] = 8 * bytes_of[name] / (ends[name] - start)
    if frames:
        numbers["framerate.key_share"] = keys / frames
    if frames > 2:
        times.sort()
        steps = [later - earlier for earlier, later in pairwise(times)]
        mean = sum(steps) / len(steps)
        numbers["framerate.largest_step"] = round(max(steps) / mean, 2) if mean else 0.0
    return numbers


def _container_tags(path: Path, container: InputContainer) -> Tags:
    tags = {"tags.format": container.format.name, "tags.boxes": _boxes(path)}
    for key, text in container.metadata.items():
        name = key.lower()
        tags[f"tags.{name}"] = "set" if name.startswith(_OWN_TEXT) else text
    return tags


def _stream_tags(container: InputContainer) -> Tags:
    tags: Tags = {"tags.streams": ",".join(stream.type for stream in container.streams)}
    for name, stream in (("picture", picture_stream(container)), ("sound", sound_stream(container))):
        if stream is None:
            continue
        codec: Any = stream.codec_context
        found: dict[str, object] = {"time_base": stream.time_base}
        for key in _OF_CODEC[name]:
            found[key] = getattr(codec, key, None)
        if name == "sound" and codec is not None:
            found["layout"] = codec.layout.name
        found |= {k.lower(): v for k, v in stream.metadata.items() if not k.lower().startswith(_OWN_TEXT)}
        tags |= {f"tags.{name}_{key}": str(value) for key, value in found.items() if value is not None}
    return tags


def _encoder_tags(first: bytes, tags: Tags) -> None:
    """Add what the encoder wrote into the first frame: its name, version and settings."""
    if found := _ENCODER.search(first):
        tags["tags.picture_writer"] = b" ".join(found.groups()).decode("ascii", "replace").strip()
    if found_all := _PRESET.findall(first):
        tags["tags.picture_settings"] = b" ".join(b"=".join(pair) for pair in found_all).decode()


def _boxes(path: Path) -> str:
    """The order of the outermost boxes of MP4 and MOV; "" for other files."""
    names: list[str] = []
    size, position = path.stat().st_size, 0
    with path.open("rb") as file:
        while position + 8 <= size and len(names) < _MAX_BOXES:
            file.seek(position)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            length = int.from_bytes(head[8:16], "big") if length == 1 else length
            if not head[4:8].isalnum() or length < 8:
                break
            names.append(head[4:8].decode("ascii"))
            position += length
    return ",".join(name for place, name in enumerate(names) if not place or name != names[place - 1])
