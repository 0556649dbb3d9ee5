"""`telltale submit-log add`: the limits of a day, equal bytes, and one model for each submission."""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from submissions import add, bundle, run, submission

from telltale.competition.ledger_file import read
from telltale.errors import InputError

MODEL, OTHER = "ab" * 32, "cd" * 32


@pytest.fixture(autouse=True)
def _work_in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_first_submission_creates_the_ledger(capsys: pytest.CaptureFixture[str]) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    options = (
        "--bundle",
        bundle("B", model_sha256=MODEL, validation_auc=0.91),
        "--unseen-auc=0.83",
        "--note=try #1, x",
    )
    assert run("add", submission("out/s.csv"), "--phase", "test", "--timezone", "Europe/Rome", *options) == 0
    printed = capsys.readouterr().out
    assert "submissions.csv: begun; its days are those of Europe/Rome" in printed
    assert (
        f"submission 1: out/s.csv, sha256 {hashlib.sha256(Path('out/s.csv').read_bytes()).hexdigest()[:16]}"
        in printed
    )
    assert "1 of 2 test submissions of" in printed
    assert "warning" not in printed
    ledger = read(Path("submissions.csv"))
    (entry,) = ledger.entries
    assert ledger.zone.key == "Europe/Rome"
    assert before <= entry.submitted <= datetime.now(UTC)
    assert entry.sha256 == hashlib.sha256(Path("out/s.csv").read_bytes()).hexdigest()
    assert (entry.id, entry.phase, entry.file, entry.bundle, entry.model_sha256) == (
        1,
        "test",
        "out/s.csv",
        "B",
        MODEL,
    )
    assert (entry.own_auc, entry.unseen_auc, entry.score_auc, entry.note) == (0.91, 0.83, None, "try #1, x")


def test_the_default_zone_is_utc_and_a_later_other_zone_is_refused() -> None:
    add(1, "2024-01-05T12:00")
    add(2, "2024-01-05T12:00", "--timezone", "UTC")
    assert read(Path("submissions.csv")).zone.key == "UTC"
    with pytest.raises(
        InputError, match=r"--timezone Europe/Rome: the days of submissions.csv are those of UTC"
    ):
        add(3, "2024-01-05T12:00", "--timezone", "Europe/Rome")
    with pytest.raises(InputError, match=r"time zone 'Mars/Olympus' is not known"):
        add(3, "2024-01-05T12:00", "--timezone", "Mars/Olympus", "--ledger", "new.csv")
    assert not Path("new.csv").exists()


@pytest.mark.parametrize(("phase", "limit"), [("validation", 5), ("test", 2)])
def test_a_day_has_a_limit_which_force_overrides_with_a_note(
    phase: str, limit: int, capsys: pytest.CaptureFixture[str]
) -> None:
    for k in range(1, limit + 1):
        add(k, "2024-01-05T12:00", phase=phase)
        last = f"warning: that was the last {phase} submission of 2024-01-05" in capsys.readouterr().out
        assert last == (k == limit)
    with pytest.raises(
        InputError, match=rf"{limit} of {limit} {phase} submissions of 2024-01-05 \(UTC\) are .*--force"
    ):
        add(90, "2024-01-05T23:59:59", phase=phase)
    assert len(read(Path("submissions.csv")).entries) == limit
    add(91, "2024-01-06T00:00", phase=phase)  # the next day and the other phase have no submission yet
    add(92, "2024-01-05T12:00", phase="test" if phase == "validation" else "validation")
    capsys.readouterr()
    add(93, "2024-01-05T12:00", "--force", phase=phase)
    assert "warning: noted by force: limit" in capsys.readouterr().out
    assert [entry.forced for entry in read(Path("submissions.csv")).entries] == [""] * (limit + 2) + ["limit"]


def test_the_limit_holds_on_the_days_of_23_and_25_hours() -> None:
    add(1, "2024-03-30T23:30", "--timezone", "Europe/Rome", phase="test")
    add(2, "2024-03-31T00:00", phase="test")
    add(3, "2024-03-31T23:59", phase="test")
    with pytest.raises(InputError, match="2 of 2 test submissions of 2024-03-31"):
        add(4, "2024-03-30T23:00Z", phase="test")  # midnight in Rome
    add(4, "2024-03-30T22:59Z", phase="test")
    add(5, "2024-03-31T22:00Z", phase="test")  # 1 April in Rome: 31 March had 23 hours
    add(6, "2024-10-26T22:00Z", phase="test")  # 27 October begins in Rome and has 25 hours
    add(7, "2024-10-27T22:59Z", phase="test")
    with pytest.raises(InputError, match="2 of 2 test submissions of 2024-10-27"):
        add(8, "2024-10-27T02:30+01:00", phase="test")
    add(8, "2024-10-27T23:00Z", phase="test")


def test_the_same_bytes_twice_in_a_phase_are_refused() -> None:
    add(1, "2024-01-05T12:00")
    add(2, "2024-01-05T12:00")
    Path("copy.csv").write_bytes(Path("s1.csv").read_bytes())
    with pytest.raises(
        InputError, match=r"copy.csv: has the same bytes as submission 1 of phase validation; .*--force"
    ):
        run("add", "copy.csv", "--phase", "validation", "--when", "2024-01-08T12:00")
    run("add", "copy.csv", "--phase", "test", "--when", "2024-01-08T12:00")
    for k in (3, 4, 5):
        add(k, "2024-01-05T12:00")
    run("add", "copy.csv", "--phase", "validation", "--when", "2024-01-08T12:00", "--force")
    run("add", "copy.csv", "--phase", "validation", "--when", "2024-01-05T12:00", "--force")
    assert [entry.forced for entry in read(Path("submissions.csv")).entries][-2:] == [
        "same bytes",
        "limit and same bytes",
    ]


def test_a_future_time_is_refused() -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    with pytest.raises(InputError, match=rf"--when {re.escape(soon)}: lies in the future"):
        add(1, soon)
    assert not Path("submissions.csv").exists()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("video_name,score\n", r"s.csv: has no rows; wanted a submission.csv"),
        (
            "video_name,fake_probability,status,seconds\na.mp4,0.5,ok,1.0\n",
            r"s.csv: holds scores with statuses; wanted",
        ),
        ("video_name,target\na.mp4,1\n", r"s.csv: is a label file, with video_name,target"),
        ("video_name,score\na.mp4,nan\n", r"s.csv:2: fake probability nan"),
        ("video_name,score\na.mp4,0.1\na.mp4,0.2\n", r"s.csv:3: 'a.mp4' is listed a second time"),
    ],
)
def test_a_file_that_is_no_submission_is_refused(text: str, why: str) -> None:
    Path("s.csv").write_text(text)
    with pytest.raises(InputError, match=why):
        run("add", "s.csv", "--phase", "test")
    assert not Path("submissions.csv").exists()


# One model


def test_a_given_auc_replaces_the_one_of_the_bundle() -> None:
    one, two = (
        bundle("B", model_sha256=MODEL, validation_auc=0.9),
        bundle("C", model_sha256=OTHER, validation_auc=None),
    )
    add(1, "2024-01-05T12:00", "--bundle", one)
    add(2, "2024-01-05T12:00", "--bundle", one, "--own-auc", "0.8")
    add(3, "2024-01-05T12:00", "--bundle", two)  # a later submission may be of another model
    add(4, "2024-01-05T12:00", "--own-auc", "0")
    entries = read(Path("submissions.csv")).entries
    assert [entry.own_auc for entry in entries] == [0.9, 0.8, None, 0.0]
    assert [entry.model_sha256 for entry in entries] == [MODEL, MODEL, OTHER, ""]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (
            None,
            r"bundle.json: cannot be read \(No such file or directory\); "
            r"wanted an object with model_sha256",
        ),
        ("{", r"bundle.json: is not JSON"),
        ("[]", r"bundle.json: has no such model_sha256"),
        ("{}", r"bundle.json: has no such model_sha256"),
        (
            json.dumps({"model_sha256": MODEL[1:]}),
            r"bundle.json: has no such model_sha256; wanted .* 64 lowercase hex digits",
        ),
        (
            json.dumps({"model_sha256": MODEL, "validation_auc": "0.9"}),
            r'validation_auc "0.9"; wanted a number',
        ),
        (
            json.dumps({"model_sha256": MODEL, "validation_auc": True}),
            r"validation_auc true; wanted a number",
        ),
        (
            json.dumps({"model_sha256": MODEL, "validation_auc": float("nan")}),
            r"validation_auc NaN; wanted a number",
        ),
    ],
)
def test_a_folder_that_is_no_bundle_is_refused(content: str | None, why: str) -> None:
    Path("B").mkdir()
    if content is not None:
        Path("B", "bundle.json").write_text(content)
    with pytest.raises(InputError, match=why):
        add(1, "2024-01-05T12:00", "--bundle", "B")


def test_two_models_cannot_have_written_the_same_bytes() -> None:
    one, two = bundle("B", model_sha256=MODEL), bundle("C", model_sha256=OTHER)
    add(1, "2024-01-05T12:00")
    add(1, "2024-01-05T12:00", "--bundle", one, phase="test")
    with pytest.raises(
        InputError, match=r"same bytes as submission 2, which is of model abababab.* not of cdcdcdcd"
    ):
        add(1, "2024-01-06T12:00", "--bundle", two, "--force")
    add(1, "2024-01-06T12:00", "--bundle", one, "--force")
