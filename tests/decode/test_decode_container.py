"""What a file is goes by its bytes; nothing but the file itself is ever opened; the metadata give the clip's
contents."""

import os
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from decode_clips import LIMITS, contents_of, frames_of, wave_of, write_sound, write_video

from telltale.decode import container as container_file
from telltale.decode import decord_frames
from telltale.decode.container import DecodeError, Limits, open_container, sniff
from telltale.errors import InputError


def status(call, *arguments, **named) -> str:
    with pytest.raises(DecodeError) as caught:
        call(*arguments, **named)
    return caught.value.status


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("concat", "refused"),
        ("playlist", "refused"),
        ("text", "refused"),
        ("rand", "refused"),
        ("empty", "empty"),
        ("absent", "missing"),
    ],
)
def test_what_is_no_video_is_told_by_its_first_bytes(hostile: Path, name, wanted):
    path = hostile / f"{name}.mp4"
    assert status(sniff, path) == wanted
    assert status(contents_of, path) == wanted
    assert status(frames_of, path, np.zeros(1)) == wanted
    assert status(frames_of, path, np.zeros(1), backend="decord") == wanted
    assert status(wave_of, path, 0.0, 1.0, rate_hz=8000) == wanted


def test_kinds(hostile: Path):
    assert sniff(hostile / "plain.mp4") == "mov"
    assert sniff(hostile / "matroska_inside.mp4") == "matroska"
    with open_container(hostile / "matroska_inside.mp4") as container:
        assert container.format.name == "matroska"


def test_folders_and_pipes_are_refused(tmp_path):
    assert status(sniff, tmp_path) == "refused"
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    assert status(sniff, pipe) == "refused"


def _references(name: str) -> dict[str, str]:
    return {
        "concat": f"ffconcat version 1.0\nfile '{name}'\n",
        "playlist": f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{name}\n#EXT-X-ENDLIST\n",
        "sdp": f"v=0\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\na={name}\n",
    }


@pytest.mark.parametrize("script", ["concat", "playlist", "sdp"])
@pytest.mark.parametrize("backend", ["pyav", "decord"])
def test_a_script_that_names_a_readable_video_reads_nothing(tmp_path, script, backend):
    sentinel = write_video(tmp_path / "sentinel.mp4", 5)
    path = tmp_path / "clip.mp4"
    path.write_text(_references(sentinel.name)[script])
    assert status(frames_of, path, np.zeros(1), backend=backend) == "refused"
    assert status(wave_of, path, 0.0, 1.0, rate_hz=8000) == "refused"


def test_the_format_is_forced_even_if_a_script_had_the_right_first_bytes(tmp_path):
    sentinel = write_video(tmp_path / "sentinel.mp4", 5)
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"\0\0\0\x08ftyp" + _references(str(sentinel))["concat"].encode())
    assert status(contents_of, path) == "damaged"


def _external_reference(tmp_path: Path) -> Path:
    """A movie without media data of its own: its data reference is a Macintosh alias to the file beside
    it."""
    data = write_video(tmp_path / "other.mov", 5, container_options={"movflags": "faststart"}).read_bytes()
    at = data.index(b"dref") + 12  # behind version, flags and count: the one entry, which says "in this file"
    name = b"/other.mov"
    alias = (
        bytes(10)
        + b"\x01v".ljust(28, b"\0")
        + bytes(12)
        + bytes([len(name)])
        + name.ljust(63, b"\0")
        + bytes(16)
    )
    alias += b"\0\1\0\1" + bytes(16) + b"\0\2" + len(name).to_bytes(2, "big") + name + b"\xff\xff\0\0"
    entry = (12 + len(alias)).to_bytes(4, "big") + b"alis\0\0\0\0" + alias
    changed = bytearray(data[:at] + entry + data[at + 12 :])
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        place = changed.index(box) - 4
        size = int.from_bytes(changed[place : place + 4], "big") + len(entry) - 12
        changed[place : place + 4] = size.to_bytes(4, "big")
    media = changed.index(b"mdat") + 4  # a picture can only come from the other file
    changed[media:] = bytes(len(changed) - media)
    path = tmp_path / "clip.mp4"
    path.write_bytes(changed)
    return path


@pytest.mark.parametrize("backend", ["pyav", "decord"])
def test_a_reference_to_another_file_is_not_followed(tmp_path, backend):
    path = _external_reference(tmp_path)
    with av.open(str(path), format="mov", options={"enable_drefs": "1"}) as container:
        assert sum(1 for _ in container.decode(video=0)) == 5  # so would a careless reader be led away
    assert status(frames_of, path, np.zeros(1), backend=backend) == "damaged"


def test_every_opening_is_by_absolute_path_forced_and_file_only(hostile: Path, monkeypatch):
    calls = []

    def recorded(name, **named):
        calls.append((name, named))
        return real(name, **named)

    real = av.open
    monkeypatch.setattr(container_file.av, "open", recorded)
    path = hostile / "plain.mp4"
    monkeypatch.chdir(hostile)
    contents_of(Path(path.name))
    for backend in ("pyav", "decord"):
        frames_of(Path(path.name), np.zeros(1), short_side=16, backend=backend)
    wave_of(Path(path.name), 0.0, 0.1, rate_hz=8000)
    assert len(calls) == 5  # decord gets the times of the packets from a demuxer of its own
    for name, named in calls:
        assert Path(name).is_absolute()
        assert named["format"] == "mov"
        assert named["options"]["protocol_whitelist"] == "file"
        assert named["options"]["enable_drefs"] == "0"


def test_a_colon_in_a_name_is_no_protocol(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "plain.mp4", 5).rename(tmp_path / "concat:a.mp4")
    for backend in ("pyav", "decord"):
        frames = frames_of(Path("concat:a.mp4"), np.zeros(1), backend=backend)
        assert len(frames.pixels) == 1


@pytest.mark.parametrize(
    ("name", "picture", "sound"),
    [
        ("plain", 4.0, 4.0),
        ("noaudio", 4.0, 0.0),
        ("audioonly", 0.0, 4.0),
        ("audio_5point1_longer", 2.0, 8.0),
        ("audio_shorter", 6.0, 1.0),
        (
            "matroska_inside",
            4.0,
            4.0,
        ),  # 4.023 s on the container's clock, on which the picture starts at 0.023 s
        ("two_video_streams", 4.0, 4.0),
        ("hour", 3600.0, 0.0),
        ("one", 0.04, 0.0),
    ],
)
def test_contents(hostile: Path, name, picture, sound):
    contents = contents_of(hostile / f"{name}.mp4")
    assert contents.picture_seconds == pytest.approx(picture, abs=1e-3)
    assert contents.sound_seconds == pytest.approx(sound, abs=1e-3)
    assert (contents.has_picture, contents.has_sound) == (picture > 0, sound > 0)
    assert contents.duration_seconds == (contents.picture_seconds if picture else contents.sound_seconds)


def test_a_streamed_recording_without_a_duration_is_measured(tmp_path):
    path = write_video(tmp_path / "v.mkv", 50, container_options={"live": "1"})
    with av.open(str(path)) as container:
        assert container.duration is None
    assert contents_of(path).duration_seconds == pytest.approx(2.0, abs=0.05)


def test_pixels_are_limited_by_the_metadata(tmp_path):
    path = write_video(tmp_path / "v.mp4", 2)
    assert status(contents_of, path, Limits(64 * 64 - 1, 10)) == "too_large"
    assert contents_of(path, Limits(64 * 64, 10)).has_picture


def test_cover_art_is_no_picture(tmp_path):
    path = write_sound(tmp_path / "v.mov", np.zeros((1, 8000)), 8000, video_frames=3)
    with open_container(path) as container:
        assert container_file.picture_stream(container) is not None
        stream = container.streams.video[0]
        stream.disposition = container_file.Disposition.attached_pic
        assert container_file.picture_stream(container) is None


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    path = write_video(tmp_path / "v.mp4", 2)
    monkeypatch.setattr(Path, "open", denied)
    assert status(sniff, path) == "failed"


def test_decord_missing_is_one_sentence(tmp_path, monkeypatch):
    path = write_video(tmp_path / "v.mp4", 2)
    monkeypatch.setitem(sys.modules, "decord", None)
    with pytest.raises(InputError, match=r"clip\.backend=pyav"):
        decord_frames.read(path, LIMITS, np.zeros(1), None)
    assert len(frames_of(path, np.zeros(1)).pixels) == 1
