"""What predict.py leaves: a submission with its template's header and side files of its own, or a table on
the terminal."""

import shutil
from pathlib import Path

import pytest
from decode_clips import remuxed
from programs import trained

import predict
from telltale.data.manifest import Row
from telltale.errors import InputError
from telltale.files import sha256
from telltale.models import checkpoint
from telltale.predict import outputs, prediction
from telltale.predict.outputs import Outputs
from telltale.scores import sidecar
from telltale.scores.score import Score
from telltale.scores.submission import inspect_submission
from telltale.scores.table import read_scores


@pytest.fixture(scope="module")
def world(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """best.pt of a model that has learnt nothing, and videos/: 4 clips. Do not write into it."""
    folder = tmp_path_factory.mktemp("outputs")
    trained(folder, "mel_cnn")
    (folder / "videos").mkdir()
    for path in sorted((tiny / "test").glob("*.mp4"))[:4]:
        shutil.copy(path, folder / "videos" / path.name)
    return folder


def run(world: Path, *arguments: object) -> int:
    given = ["--checkpoint", world / "best.pt", *arguments, "--set", "data.workers=0"]
    return predict.predict(predict.arguments([str(argument) for argument in given]))


def listed(path: Path, header: str, names: list[str]) -> Path:
    path.write_text(header + "\n" + "".join(f"{name}{',' * header.count(',')}\n" for name in names))
    return path


def test_two_submissions_in_one_folder_each_with_the_templates_header(world: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in (world / "videos").iterdir())
    template = listed(tmp_path / "template.csv", "video_name,y_pred", names)
    assert run(world, "--videos", world / "videos", "--out", tmp_path / "a.csv", "--list", template) == 0
    assert (
        run(
            world,
            "--videos",
            world / "videos",
            "--out",
            tmp_path / "submission.csv",
            "--set",
            "predict.spans=2",
        )
        == 0
    )
    assert run(world, "--videos", world / "videos", "--out", tmp_path / "b.csv", "--score-column", "p") == 0
    written = ["a.csv", "a.scores.csv", "a.scores.json", "b.csv", "b.scores.csv", "b.scores.json"]
    written += ["scores.csv", "scores.json", "submission.csv", "template.csv"]
    assert sorted(path.name for path in tmp_path.iterdir()) == written
    for name, header in (
        ("a.csv", "video_name,y_pred"),
        ("b.csv", "video_name,p"),
        ("submission.csv", "video_name,score"),
    ):
        assert (tmp_path / name).read_text().splitlines()[0] == header
        scores, origin = sidecar.of_submission(tmp_path / name) or pytest.fail(name)
        assert origin.submission_sha256 == sha256(tmp_path / name)
        assert not sidecar.differences(read_scores(tmp_path / name), read_scores(scores))
        assert origin.videos == "videos"
    assert inspect_submission(tmp_path / "a.csv", template).problems == []
    assert sidecar.read(tmp_path / "scores.csv").overrides == ["predict.spans=2", "data.workers=0"]
    with pytest.raises(InputError, match="--score-column"):
        run(
            world,
            "--videos",
            world / "videos",
            "--out",
            tmp_path / "c.csv",
            "--list",
            tmp_path / "scores.csv",
        )


def test_few_scores_make_no_submission_until_asked_for(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [*sorted(path.name for path in (world / "videos").iterdir())[:2], "x.mp4", "y.mp4", "z.mp4"]
    out = tmp_path / "s.csv"
    given = (
        "--videos",
        world / "videos",
        "--out",
        out,
        "--list",
        listed(tmp_path / "t.csv", "video_name", names),
    )
    assert run(world, *given) == 1
    said = capsys.readouterr().out
    assert "5 rows: 2 ok; 3 not scored: 3 missing" in said
    assert (
        "s.csv: not written, only 2 of 5 videos got a score; see s.scores.csv" in said
        and "--allow-unread" in said
    )
    assert not out.exists() and (tmp_path / "s.csv.journal").exists()
    assert sidecar.read(tmp_path / "s.scores.csv").submission_sha256 == ""
    assert "of an earlier run" not in said
    # Now at once: everything is in the journal, so nothing is decoded.
    monkeypatch.setattr(prediction.ClipDataset, "fill", lambda *_: pytest.fail("a clip was read again"))
    assert run(world, *given, "--on-unreadable", "fail", "--allow-unread") == 1
    assert "3 videos could not be scored ('x.mp4', 'y.mp4', 'z.mp4')" in capsys.readouterr().out
    out.write_text("a submission of another day")
    assert run(world, *given) == 1
    assert "the s.csv there is of an earlier run" in capsys.readouterr().out
    assert out.read_text() == "a submission of another day"
    assert sidecar.read(tmp_path / "s.scores.csv").submission_sha256 == ""
    assert run(world, *given, "--allow-unread") == 0
    assert "3 could not be scored and got 0.625000" in capsys.readouterr().out
    assert len(read_scores(out)) == 5 and not (tmp_path / "s.csv.journal").exists()
    assert sidecar.of_submission(out) is not None


def test_half_is_enough_and_none_never_is(tmp_path: Path) -> None:
    found = [
        outputs.too_few(count, unscored)
        for count, unscored in ((4, 2), (5, 3), (1, 1), (1, 0), (3, 1), (2, 2))
    ]
    assert found == [False, True, True, False, False, True]


def test_the_journal_outlives_on_unreadable_fail(world: Path, tmp_path: Path) -> None:
    names = [*sorted(path.name for path in (world / "videos").iterdir()), "x.mp4"]
    given = (
        "--videos",
        world / "videos",
        "--out",
        tmp_path / "s.csv",
        "--list",
        listed(tmp_path / "t", "video_name", names),
    )
    assert run(world, *given, "--on-unreadable", "fail") == 1
    journal = (tmp_path / "s.csv.journal").read_bytes()
    assert len(journal.splitlines()) == 1 + len(names)
    assert run(world, *given, "--on-unreadable", "value") == 0
    assert "x.mp4,0.5000000000\n" in (tmp_path / "s.csv").read_text()


def test_files_and_folders_make_a_table(
    world: Path,
    tiny: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clip = min((world / "videos").iterdir())
    (tmp_path / "folder").mkdir()
    for name in ("a.mov", "b.mkv", "c.avi"):
        remuxed(clip, tmp_path / "folder" / name)
    for name in ("notes.txt", "more.txt", "face.jpg"):
        (tmp_path / "folder" / name).write_text("x")
    (tmp_path / "folder" / "deeper").mkdir()
    monkeypatch.chdir(tmp_path / "folder" / "deeper")
    before = sorted(tmp_path.rglob("*"))
    assert run(world, "--videos", clip, tmp_path / "folder", "gone.mp4") == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0] == "3 files left out: 2 .txt, 1 .jpg; 1 sub-folder left out"
    assert lines[1].split() == ["fake_probability", "status", "seconds", "video_name"]
    rows = {line.split()[3]: line.split()[:3] for line in lines[2:-1]}
    assert list(rows) == [clip.name, "a.mov", "b.mkv", "c.avi", "gone.mp4"]
    assert rows["gone.mp4"] == ["-", "missing", "-"] and "gone.mp4: does not exist" in said.err
    assert {rows[name][1] for name in list(rows)[:4]} == {"ok"}
    numbers = [float(rows[name][0]) for name in list(rows)[:4]]
    assert max(numbers) - min(numbers) < 0.01
    assert lines[-1] == "5 rows: 4 ok; 1 not scored: 1 missing"
    assert sorted(tmp_path.rglob("*")) == before
    assert run(world, "--videos", "gone.mp4") == 1
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "1 row: none scored; 1 not scored: 1 missing",
        "fewer than half of the videos got a score: exit status 1, or 0 with --allow-unread",
    ]


@pytest.mark.parametrize(
    "name", ["folder", "scores.csv", "a.scores.csv", "best.pt", "t.csv", "v.mp4", "b.csv", "file/s.csv"]
)
def test_out_is_judged_before_anything_is_loaded(
    world: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(world / "best.pt", tmp_path / "best.pt")
    for folder in ("folder", "b.scores.json"):
        (tmp_path / folder).mkdir()
    for file in ("v.mp4", "file"):
        (tmp_path / file).touch()
    template = listed(tmp_path / "t.csv", "video_name", ["v.mp4"])
    monkeypatch.setattr(checkpoint, "load", lambda *_: pytest.fail("the checkpoint was loaded"))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=f"--out .*{name}: ") as caught:
        run(tmp_path, "--videos", tmp_path, "--out", tmp_path / name, "--list", template)
    assert sorted(tmp_path.rglob("*")) == before
    reason = {
        "folder": "is a folder; wanted the name of a file",
        "scores.csv": "is the name of a submission's score file",
        "a.scores.csv": "is the name of a submission's score file",
        "best.pt": "would write .*best.pt, which is --checkpoint",
        "t.csv": "would write .*t.csv, which is --list",
        "v.mp4": "would write .*v.mp4, which is the video",
        "b.csv": r"b\.scores\.json is a folder",
        "file/s.csv": "file cannot be written",
    }[name]
    caught.match(reason)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(outputs.tempfile, "TemporaryFile", refused)
    with pytest.raises(
        InputError, match=r"--out .*new/s\.csv: .* cannot be written \(Read-only file system\)"
    ):
        Outputs(tmp_path / "new" / "s.csv").check({}, [Row("a.mp4", tmp_path / "a.mp4", None)])
    assert list(tmp_path.iterdir()) == []


def test_the_table_says_what_is_known() -> None:
    rows = [Score("a.mp4", 0.25, "ok", 4.0), Score("b c.mp4", None, "damaged")]
    assert outputs.table(rows).splitlines() == [
        "fake_probability  status   seconds  video_name",
        "        0.250000  ok          4.00  a.mp4",
        "               -  damaged        -  b c.mp4",
    ]
    assert outputs.describe([Path("/x/clips")]) == "clips"
    assert outputs.describe([Path("a.mp4"), Path("b.mp4")]) == "a.mp4 and 1 more"
