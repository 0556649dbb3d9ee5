"""`telltale submit-log`: the day's limits, one model a submission, the scores that come back, and what is
left today."""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from telltale.cli import main, parse
from telltale.competition.ledger import read
from telltale.errors import InputError

MODEL, OTHER = "ab" * 32, "cd" * 32


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> int:
    module, parsed = parse(["submit-log", *arguments])
    return module.run(parsed)


def submission(name: str, score: float = 0.5) -> str:
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"video_name,score\na.mp4,{score}\nb.mp4,0.25\n")
    return name


def bundle(name: str, **facts: object) -> str:
    Path(name).mkdir()
    Path(name, "bundle.json").write_text(json.dumps(facts))
    return name


def add(k: int, when: str, *more: str, phase: str = "validation") -> int:
    return run("add", submission(f"s{k}.csv", k / 1000), "--phase", phase, "--when", when, *more)


def test_the_first_use_begins_the_ledger(capsys: pytest.CaptureFixture[str]) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    facts = (
        "--bundle",
        bundle("B", model_sha256=MODEL, validation_auc=0.91),
        "--unseen-auc=0.83",
        "--note=try #1, x",
    )
    assert run("add", submission("out/s.csv"), "--phase", "test", "--timezone", "Europe/Rome", *facts) == 0
    printed = capsys.readouterr().out
    assert "submissions.csv: begun; its days are those of Europe/Rome" in printed
    assert (
        f"submission 1: out/s.csv, sha256 {hashlib.sha256(Path('out/s.csv').read_bytes()).hexdigest()[:16]}"
        in printed
    )
    assert "1 of 2 test submissions of" in printed
    assert "warning" not in printed
    held = read(Path("submissions.csv"))
    (entry,) = held.entries
    assert held.zone.key == "Europe/Rome"
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


def test_utc_is_the_default_and_another_zone_later_is_refused() -> None:
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
def test_a_day_has_its_limit_and_force_says_so(
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
    add(91, "2024-01-06T00:00", phase=phase)  # the next day is empty, and so is the other phase
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
    add(5, "2024-03-31T22:00Z", phase="test")  # April: the 31st had 23 hours
    add(6, "2024-10-26T22:00Z", phase="test")  # the 27th of October begins, which has 25 hours
    add(7, "2024-10-27T22:59Z", phase="test")
    with pytest.raises(InputError, match="2 of 2 test submissions of 2024-10-27"):
        add(8, "2024-10-27T02:30+01:00", phase="test")
    add(8, "2024-10-27T23:00Z", phase="test")


def test_the_same_bytes_twice_in_a_phase_are_refused() -> None:
    add(1, "2024-01-05T12:00")
    add(2, "2024-01-05T12:00")
    Path("copy.csv").write_bytes(Path("s1.csv").read_bytes())
    with pytest.raises(
        InputError, match=r"copy.csv: is submission 1 of phase validation already, to the byte; .*--force"
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
def test_what_is_no_submission_is_refused(text: str, why: str) -> None:
    Path("s.csv").write_text(text)
    with pytest.raises(InputError, match=why):
        run("add", "s.csv", "--phase", "test")
    assert not Path("submissions.csv").exists()


# One model


def test_the_bundles_auc_gives_way_to_one_that_is_given() -> None:
    one, two = (
        bundle("B", model_sha256=MODEL, validation_auc=0.9),
        bundle("C", model_sha256=OTHER, validation_auc=None),
    )
    add(1, "2024-01-05T12:00", "--bundle", one)
    add(2, "2024-01-05T12:00", "--bundle", one, "--own-auc", "0.8")
    add(3, "2024-01-05T12:00", "--bundle", two)  # another model over time is fine
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
            r"bundle.json: has no such model_sha256; wanted .* 64 small hex digits",
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
def test_what_is_no_bundle_is_refused(content: str | None, why: str) -> None:
    Path("B").mkdir()
    if content is not None:
        Path("B", "bundle.json").write_text(content)
    with pytest.raises(InputError, match=why):
        add(1, "2024-01-05T12:00", "--bundle", "B")


def test_the_same_bytes_cannot_be_of_two_models() -> None:
    one, two = bundle("B", model_sha256=MODEL), bundle("C", model_sha256=OTHER)
    add(1, "2024-01-05T12:00")
    add(1, "2024-01-05T12:00", "--bundle", one, phase="test")
    with pytest.raises(
        InputError, match=r"same bytes as submission 2, which is of model abababab.* not of cdcdcdcd"
    ):
        add(1, "2024-01-06T12:00", "--bundle", two, "--force")
    add(1, "2024-01-06T12:00", "--bundle", one, "--force")


# Scores, list, check


def test_scores_come_back_and_the_gaps_are_theirs(capsys: pytest.CaptureFixture[str]) -> None:
    add(1, "2024-01-05T12:00", "--own-auc", "0.9", "--unseen-auc", "0.8")
    add(2, "2024-01-05T13:00", "--own-auc", "0.95")
    add(3, "2024-01-05T14:00", "--own-auc", "0.99", phase="test")
    add(4, "2024-01-05T15:00", "--unseen-auc", "0.7")
    capsys.readouterr()
    assert run("score", "1", "--auc", "0.75", "--tpr", "0.25") == 0
    printed = capsys.readouterr().out
    assert printed.splitlines() == [
        "submission 1: AUC 0.75, TPR 0.25",
        "own validation AUC 0.9000: +0.1500 from it",
        "unseen-cluster estimate 0.8000: +0.0500 from it",
    ]
    run("score", "2", "--auc", "0.9")
    run("score", "3", "--auc", "0.79")
    capsys.readouterr()
    assert run("list", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["timezone"] == "UTC"
    assert found["limits"] == {"validation": 5, "test": 2}
    assert [row["score_auc"] for row in found["submissions"]] == [0.75, 0.9, 0.79, None]
    assert found["submissions"][0]["submitted"] == "2024-01-05T12:00:00+00:00"
    # By hand: 0.15, 0.05 and 0.2; of the unseen-cluster estimates one has a score.
    gaps = {
        group: {key: (of["mean"], of["n"]) for key, of in found["gaps"][group].items()}
        for group in found["gaps"]
    }
    assert gaps == {
        "all": {
            "own_auc_minus_score": (pytest.approx(0.4 / 3), 3),
            "unseen_auc_minus_score": (pytest.approx(0.05), 1),
        },
        "validation": {
            "own_auc_minus_score": (pytest.approx(0.1), 2),
            "unseen_auc_minus_score": (pytest.approx(0.05), 1),
        },
        "test": {"own_auc_minus_score": (pytest.approx(0.2), 1), "unseen_auc_minus_score": (None, 0)},
    }
    run("list")
    printed = capsys.readouterr().out
    assert (
        "own validation AUC minus returned AUC, mean: all +0.1333 (n = 3), validation +0.1000 (n = 2), test"
        in printed
    )
    assert re.search(
        r"^ +1  2024-01-05 12:00  validation +0\.9000  0\.8000  0\.7500  0\.2500  s1\.csv$",
        printed,
        re.MULTILINE,
    )


def test_a_score_is_replaced_by_force_only() -> None:
    add(1, "2024-01-05T12:00")
    with pytest.raises(InputError, match=r"has no submission 2; wanted an id"):
        run("score", "2", "--auc", "0.5")
    with pytest.raises(InputError, match=r"score_auc 81.3; wanted a number in \[0, 1\]"):
        run("score", "1", "--auc", "81.3")
    run("score", "1", "--auc", "0.8")
    run("score", "1", "--auc", "0.8")
    with pytest.raises(InputError, match=r"submission 1 has AUC 0.8, TPR None already; wanted --force"):
        run("score", "1", "--auc", "0.8", "--tpr", "0.1")
    run("score", "1", "--auc", "0.7", "--tpr", "0.1", "--force")
    (entry,) = read(Path("submissions.csv")).entries
    assert (entry.score_auc, entry.score_tpr) == (0.7, 0.1)


def test_check_counts_what_is_left_today(capsys: pytest.CaptureFixture[str]) -> None:
    def checked(now: str, *more: str) -> tuple[int, str]:
        capsys.readouterr()
        return run("check", "--now", now, *more), capsys.readouterr().out

    add(1, "2024-01-05T00:00", "--timezone", "Europe/Rome", phase="test")
    status, printed = checked("2024-01-05T12:30")
    assert status == 0
    assert printed.splitlines() == [
        "validation: 5 left on 2024-01-05 (Europe/Rome), 0 of 5 used",
        "test: 1 left on 2024-01-05 (Europe/Rome), 1 of 2 used",
        "warning: the next test submission is the last of 2024-01-05",
        "the day ends at 2024-01-06T00:00:00+01:00 (2024-01-05T23:00Z), in 11 h 30 min",
    ]
    add(2, "2024-01-05T01:00", phase="test")
    assert checked("2024-01-05T12:30", "--phase", "test")[0] == 1
    assert checked("2024-01-05T12:30", "--phase", "validation")[0] == 0
    assert checked("2024-01-05T12:30")[0] == 0  # validation has some left
    assert checked("2024-01-05T23:00Z", "--phase", "test") == (
        0,
        "test: 2 left on 2024-01-06 (Europe/Rome), 0 of 2 used\n"
        "the day ends at 2024-01-07T00:00:00+01:00 (2024-01-06T23:00Z), in 24 h 00 min\n",
    )
    for k in range(3, 9):
        add(k, "2024-01-05T02:00", "--force")
    status, printed = checked("2024-01-05T12:30")
    assert status == 1
    assert "validation: 0 left on 2024-01-05 (Europe/Rome), 6 of 5 used" in printed
    assert "in 25 h 00 min" in checked("2024-10-27T00:00", "--phase", "test")[1]
    assert "in 22 h 59 min" in checked("2024-03-31T00:00:01", "--phase", "test")[1]
    assert run("check") == 0  # now


def test_without_a_ledger_nothing_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["check"], ["list"], ["score", "1", "--auc", "0.5"]):
        assert main(["submit-log", *arguments, "--ledger", "other.csv"]) == 2
        assert "error: other.csv: is not there; wanted the ledger" in capsys.readouterr().err
    assert not list(Path().iterdir())
