"""Prediction over the files that break pipelines: every one gets its row, the right status, and nothing else
is read."""

import csv
from pathlib import Path

import pytest
import torch
from programs import trained

import predict
from telltale.scores.table import read_scores

# What a model that reads both gives each file; "no_sound" and "no_picture" are scored from the other
# modality.
EXPECTED = {
    "ok": "audio_5point1_longer audio_shorter av1 hevc matroska_inside mono8k plain rot90 silent_audio"
    " two_video_streams vfr vp9",
    "no_sound": "counting hi10 hour noaudio odd444 one open_gop tiny_frame",
    "no_picture": "audioonly",
    "partial": "corrupt truncfs",
    "refused": "concat playlist rand text",
    "damaged": "trunc",
    "empty": "empty",
    "too_large": "huge_frame",
    "missing": "nothere",
}
BOTH = {f"{name}.mp4": status for status, names in EXPECTED.items() for name in names.split()}
# A model that only hears, or only sees, cannot score what lacks that; what it does not read cannot make it
# fail.
SOUND = BOTH | {"audioonly.mp4": "ok", "huge_frame.mp4": "too_large"}
PICTURE = (
    BOTH | {name: "ok" for name, status in BOTH.items() if status == "no_sound"} | {"corrupt.mp4": "damaged"}
)
UNSCORED = {"refused", "damaged", "empty", "too_large", "missing"}


@pytest.mark.parametrize(
    ("name", "expected", "unscored"),
    [
        ("audiovisual", BOTH, UNSCORED),
        ("mel_cnn", SOUND, UNSCORED | {"no_sound"}),
        ("frame_cnn", PICTURE, UNSCORED | {"no_picture"}),
    ],
)
def test_each_file_gets_its_row_and_its_status(
    hostile: Path,
    tmp_path: Path,
    name: str,
    expected: dict[str, str],
    unscored: set[str],
    capsys: pytest.CaptureFixture,
) -> None:
    names = [*sorted(path.name for path in hostile.iterdir()), "nothere.mp4"]
    assert set(names) == set(expected)
    (tmp_path / "list.csv").write_text("video_name\n" + "\n".join(names) + "\n")
    given = [
        "--checkpoint",
        str(trained(tmp_path, name)),
        "--videos",
        str(hostile),
        "--list",
        str(tmp_path / "list.csv"),
    ]
    torch.set_num_threads(1)
    given += ["--out", str(tmp_path / "submission.csv")]
    before = ""
    if name == "mel_cnn":  # 15 of 31 get a score
        assert predict.predict(predict.arguments(given)) == 1
        assert not (tmp_path / "submission.csv").exists()
        said = capsys.readouterr()
        before = said.err
        assert "only 15 of 31 videos got a score" in said.out
        given.append("--allow-unread")
    assert predict.predict(predict.arguments(given)) == 0
    scores = read_scores(tmp_path / "scores.csv")
    assert {video: score.status for video, score in scores.items()} == expected
    without = {video for video, score in scores.items() if score.fake_probability is None}
    assert without == {video for video, status in expected.items() if status in unscored}
    with (tmp_path / "submission.csv").open() as file:
        rows = {row["video_name"]: float(row["score"]) for row in csv.DictReader(file)}
    assert list(rows) == names
    assert {video for video in rows if rows[video] == 0.625} == without
    said = capsys.readouterr()
    assert f"{len(without)} could not be scored and got 0.625000, the mean training score" in said.out
    for video in without:
        if expected[video] not in ("no_sound", "no_picture"):
            (line,) = [line for line in (before + said.err).splitlines() if video in line]
            assert line.strip("\r").startswith(
                f"{expected[video]}: "
            )  # the status, and a sentence that says why
