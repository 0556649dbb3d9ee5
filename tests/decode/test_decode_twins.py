"""Every hostile file has the property it is known for: drawn and real ones have the same streams and
statuses."""

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
from decode_clips import contents_of, frames_of, number, wave_of

from telltale.decode.container import DecodeError, open_container, picture_stream
from telltale.decode.sound import NoSound

PLAIN, AAC = "h264 yuv420p 100 of 100, 1 key, reordered", "aac 44100 mono"


@dataclass(frozen=True)
class File:
    """What a hostile file holds, and what becomes of reading four seconds of it.

    streams: as `described` puts it. seconds: where picture and sound end by the metadata; 0 without.
    """

    streams: str
    seconds: tuple[float, float] = (0.0, 0.0)
    pictures: str = "ok"
    sound: str = "no sound stream"


FILES = {
    "audio_5point1_longer": File(
        "h264 yuv420p 60 of 60, 1 key, reordered; aac 48000 5.1", (2, 8), sound="4 s"
    ),
    "audio_shorter": File(
        "h264 yuv420p 180 of 180, 1 key, reordered; mp3float 44100 mono", (6, 1), sound="1 s"
    ),
    "audioonly": File(AAC, (0, 4), "no_stream", "4 s"),
    "av1": File(f"libdav1d yuv420p 25 of 25, 1 key; {AAC}", (1, 1), sound="1 s"),
    "concat": File("refused", pictures="refused", sound="refused"),
    "corrupt": File(f"{PLAIN}; {AAC}", (4, 4), "damaged", "partial"),
    "counting": File("h264 yuv420p 300 of 300, 2 keys, reordered", (10, 0)),
    "empty": File("empty", pictures="empty", sound="empty"),
    "hevc": File(f"hevc yuv420p 100 of 100, 1 key, reordered; {AAC}", (4, 4), sound="4 s"),
    "hi10": File("h264 yuv420p10le 25 of 25, 1 key, reordered", (1, 0)),
    "hour": File("h264 yuv420p 90000 of 90000, 10 keys", (3600, 0)),
    "huge_frame": File("h264 yuv420p 2 of 2, 1 key, 8192x8192", pictures="too_large"),
    "matroska_inside": File(f"h264 yuv420p 100 of 0, 1 key, reordered; {AAC}", (4, 4), sound="4 s"),
    "mono8k": File("h264 yuv420p 52 of 52, 1 key, uneven, reordered; aac 8000 mono", (2.08, 2), sound="2 s"),
    "noaudio": File(PLAIN, (4, 0)),
    "odd444": File("h264 yuv444p 25 of 25, 1 key, reordered", (1, 0)),
    "one": File("h264 yuv420p 1 of 1, 1 key", (0.04, 0)),
    "open_gop": File("h264 yuv420p 90 of 90, 6 keys, open, reordered", (3, 0)),
    "plain": File(f"{PLAIN}; {AAC}", (4, 4), sound="4 s"),
    "playlist": File("refused", pictures="refused", sound="refused"),
    "rand": File("refused", pictures="refused", sound="refused"),
    "rot90": File(f"{PLAIN}; {AAC}", (4, 4), sound="4 s"),
    "silent_audio": File(
        "h264 yuv420p 120 of 120, 1 key, reordered; mp3float 44100 stereo", (4, 4), sound="4 s of zeros"
    ),
    "text": File("refused", pictures="refused", sound="refused"),
    "tiny_frame": File("h264 yuv420p 30 of 30, 1 key, reordered, 16x16", (1, 0)),
    "trunc": File("damaged", pictures="damaged", sound="damaged"),
    "truncfs": File(f"h264 yuv420p 18 of 100, 1 key, uneven, reordered; {AAC}", (4, 4), "partial", "partial"),
    "two_video_streams": File(
        f"h264 yuv420p 20 of 20, 1 key, not the default, reordered; {PLAIN}; {AAC}", (4, 4), sound="4 s"
    ),
    # Less than its last frame's time, 3.92 s: so a muxer writes it that adds up the steps of decoding.
    "vfr": File(f"h264 yuv420p 32 of 32, 1 key, uneven, reordered; {AAC}", (3.48, 4), sound="4 s"),
    "vp9": File("vp9 yuv420p 100 of 100, 1 key; opus 48000 mono", (4, 4), sound="4 s"),
}


def described(path: Path) -> str:
    """The streams in their order. Of pictures: coding, format, packets of those promised, keyframes, what is
    unusual."""
    with open_container(path) as container:
        packets: dict[int, list[tuple[int, bool]]] = {stream.index: [] for stream in container.streams.get()}
        for packet in container.demux():
            if packet.size:
                packets[packet.stream_index].append((packet.pts, packet.is_keyframe))
        said = []
        for stream in container.streams.get():
            coded = stream.codec_context
            if stream.type == "audio":
                said.append(f"{coded.name} {coded.sample_rate} {coded.layout.name}")
                continue
            times = [time for time, _ in packets[stream.index]]
            keys = [time for time, is_key in packets[stream.index] if is_key]
            steps = np.diff(np.sort(times))
            special = {
                "not the default": stream is not picture_stream(container),
                "uneven": len(steps) and steps.max() > 1.5 * steps.min(),
                "open": any(min(times[times.index(key) :]) < key for key in keys),
                "reordered": times != sorted(times),
                f"{coded.width}x{coded.height}": coded.width in (16, 8192),
            }
            of = (
                f"{coded.name} {coded.pix_fmt} {len(times)} of {stream.frames}, {len(keys)} "
                f"key{'s' * (len(keys) > 1)}"
            )
            said.append(", ".join([of, *(word for word, true in special.items() if true)]))
    return "; ".join(said)


def pictures(path: Path) -> str:
    frames = frames_of(path, np.linspace(0, 4, 9))
    return "partial" if frames.partial else "ok"


def sound(path: Path) -> str:
    wave = wave_of(path, 0.0, 4.0, rate_hz=16_000)
    if isinstance(wave, NoSound):
        return wave.reason
    length = "partial" if wave.partial else f"{round(len(wave.samples) / 16_000)} s"
    return length if wave.samples.any() else f"{length} of zeros"


def status_or(call, path: Path) -> str:
    try:
        return call(path)
    except DecodeError as error:
        return error.status


def test_every_file_is_known(hostile: Path) -> None:
    assert {path.name for path in hostile.iterdir()} == {f"{name}.mp4" for name in FILES}


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_what_it_is_known_for(hostile: Path, name: str) -> None:
    path, wanted = hostile / f"{name}.mp4", FILES[name]
    assert status_or(described, path) == wanted.streams
    assert status_or(pictures, path) == wanted.pictures
    assert status_or(sound, path) == wanted.sound
    if wanted.seconds != (0.0, 0.0):
        contents = contents_of(path)
        assert (contents.picture_seconds, contents.sound_seconds) == pytest.approx(wanted.seconds, abs=0.03)


def test_the_drawn_hour_counts_within_every_six_minutes(drawn_hostile: Path) -> None:
    wanted = np.array([0, 15, 16, 8999, 9000, 45_017, 45_018, 89_999])
    frames = frames_of(drawn_hostile / "hour.mp4", wanted / 25)
    assert [number(pixels) for pixels in frames.pixels] == [16 * (k // 9000) + k % 9000 % 16 for k in wanted]


def test_a_careless_reader_follows_the_drawn_script_to_another_video(drawn_hostile: Path) -> None:
    with (
        av.open(str(drawn_hostile / "concat.mp4")) as script,
        av.open(str(drawn_hostile / "plain.mp4")) as plain,
    ):
        shown, other = next(script.decode(video=0)), next(plain.decode(video=0))
    np.testing.assert_array_equal(shown.to_ndarray(format="rgb24"), other.to_ndarray(format="rgb24"))
