"""Files that commit 5c04058 wrote: read as then, to the same numbers, or refused in a sentence that names it.

`tests/worlds/at_5c04058/README.md` says how they were made. Checkpoints are kept without their weights, which
are filled in here as they were there.
"""

import csv
import hashlib
import json
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import earlier_files
import pytest
import torch

import telltale
from telltale.cli import main

KEPT = Path(earlier_files.__file__).with_name("at_5c04058")
EXPECTED: dict[str, dict[str, list]] = json.loads((KEPT / "expected.json").read_text())
SPANS = "audiovisual, predict.spans=3 predict.flip=true"
# On the machine that made them they are equal to the bit. Another processor may round convolutions otherwise.
APART = 1e-6


def layout(name: str) -> Any:
    return json.loads((KEPT / "checkpoints" / f"{name}.json").read_text())


def fill(name: str, path: Path) -> Path:
    """Write the checkpoint `name` as 5c04058 did: by torch.save, of plain values and tensors."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(earlier_files.rebuild(layout(name)), path)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return earlier_files.draw_data(tmp_path_factory.mktemp("earlier") / "data")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that is kept of 5c04058, with its run's weights filled in."""
    folder = tmp_path_factory.mktemp("earlier") / "world"
    shutil.copytree(KEPT, folder)
    fill("audiovisual", folder / "run" / "best.pt")
    fill("audiovisual_last", folder / "run" / "last.pt")
    shutil.copyfile(folder / "run" / "best.pt", folder / "bundle" / "run" / "best.pt")
    name_the_model(
        folder, json.loads((folder / "run" / "validation_scores.json").read_text())["model_sha256"]
    )
    return folder


def name_the_model(world: Path, before: str) -> None:
    """Another torch may write the same weights in other bytes: put their hash where that of 5c04058 stood."""
    now = hashlib.sha256((world / "run" / "best.pt").read_bytes()).hexdigest()
    if now != before:
        for path in [*world.rglob("*.json"), *world.rglob("*.csv")]:
            path.write_text(path.read_text().replace(before, now))
    bundle = world / "bundle"
    tree = json.loads((bundle / "bundle.json").read_text())
    # The program's sources, figures and golden clips are not kept.
    held = {path: path_sha256(bundle / path) for path in tree["files"] if (bundle / path).is_file()}
    if now == before:
        assert held == {path: tree["files"][path] for path in held}
    (bundle / "bundle.json").write_text(json.dumps({**tree, "files": held}, indent=1))


def path_sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", EXPECTED)
def test_an_earlier_checkpoint_gives_the_scores_of_then(name: str, data: Path, tmp_path: Path) -> None:
    expected = EXPECTED[name]
    more = {"spans": 3, "flip": True} if name == SPANS else {}
    path = fill(name.partition(",")[0], tmp_path / "best.pt")
    found = telltale.load(path, **more).predict([data / "test" / clip for clip in expected])
    path.unlink()
    for clip, (number, status, seconds) in zip(found, expected.values(), strict=True):
        assert (clip.status, clip.seconds) == (status, seconds)
        if number is None:
            assert clip.fake_probability is None
        else:
            assert clip.fake_probability == pytest.approx(float.fromhex(number), abs=APART)


def test_the_scores_of_then_tell_checkpoints_and_clips_apart() -> None:
    """Else equal scores would say little."""
    scored = {n: [float.fromhex(one[0]) for one in clips.values() if one[0]] for n, clips in EXPECTED.items()}
    assert all(len(numbers) >= 3 for numbers in scored.values())
    for numbers in scored.values():
        assert len(set(numbers)) == len(numbers)
        assert max(numbers) - min(numbers) > 100 * APART
        assert all(0.001 < number < 0.999 for number in numbers)
    assert scored[SPANS] != scored["audiovisual"]


def test_an_earlier_run_is_audited_with_its_submission(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Weights, settings, access record and scores still agree with each other."""
    submission = world / "prediction" / "submission.csv"
    assert main(["audit", str(world / "run"), "--strict", "--json", "--submission", str(submission)]) == 0
    audit = json.loads(capsys.readouterr().out)
    assert audit["parameters"] == 9_903_537
    kept = {finding["rule"] for finding in json.loads((KEPT / "run" / "audit.json").read_text())["findings"]}
    assert {finding["rule"] for finding in audit["findings"]} >= kept
    assert all(finding["passed"] for finding in audit["findings"])


def test_an_earlier_run_is_listed(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", str(world / "run")]) == 0
    assert re.search(r"world/run +1(\.0+)? +1(\.0+)? +1 +finished", capsys.readouterr().out)


def test_an_earlier_run_goes_on_to_the_weights_of_then(world: Path, data: Path, tmp_path: Path) -> None:
    """By the configuration in its folder, which lacks newer keys: those mean what was done then."""
    run = Path(shutil.copytree(world / "run", tmp_path / "run"))
    words = [
        "train",
        "--config",
        str(run / "config.yaml"),
        "--data",
        str(data),
        "--out",
        str(run),
        "--resume",
    ]
    assert main([*words, "--set", "optim.epochs=2"]) == 0
    for now, then in zip(history(run), history(KEPT / "resumed"), strict=True):
        assert now == pytest.approx(then, rel=1e-4)
    state = torch.load(run / "last.pt", weights_only=True)["model"]
    sums = json.loads((KEPT / "resumed" / "weights.json").read_text())
    assert state.keys() == sums.keys()
    for name, (total, size) in sums.items():
        assert state[name].double().sum().item() == pytest.approx(total, rel=1e-4, abs=1e-4 * (1 + size))
        assert state[name].double().abs().sum().item() == pytest.approx(size, rel=1e-4)


def history(run: Path) -> list[dict[str, float]]:
    with (run / "history.csv").open(newline="") as file:
        times = ("seconds", "clips_per_second")
        return [{k: float(v) for k, v in row.items() if k not in times} for row in csv.DictReader(file)]


def test_an_earlier_run_under_other_settings_is_refused_by_the_key(
    world: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = Path(earlier_files.__file__).with_name("tiny.yaml")
    run = Path(shutil.copytree(world / "run", tmp_path / "run"))
    words = ["train", "--config", str(tiny), "--data", str(data), "--out", str(run), "--resume"]
    assert main(words) == 2
    said = "was trained with model.audiovisual_clock='span', now it is 'seconds'"
    assert said in capsys.readouterr().err


def test_earlier_scores_are_evaluated_to_the_numbers_of_then(
    world: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores, labels = world / "prediction" / "scores.csv", data / "test_labels.csv"
    words = [
        "evaluate",
        "--labels",
        str(labels),
        "--scores",
        str(scores),
        "--scored-only",
        "--out",
        str(tmp_path),
    ]
    assert main(words) == 0
    then = json.loads((KEPT / "bundle" / "evaluation" / "test" / "metrics.json").read_text())
    now = json.loads((tmp_path / "metrics.json").read_text())
    for metric in ("auc", "partial_auc", "tpr_at_fpr", "fpr_at_tpr", "ap", "eer", "log_loss", "brier"):
        assert now[metric] == then[metric]
    capsys.readouterr()


def test_an_earlier_bundle_gives_its_tables(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of its figures, which are not kept, nothing is said here."""
    words = [
        "reproduce",
        str(world / "bundle"),
        "--tier",
        "scores",
        "--out",
        str(tmp_path),
        "--other-versions",
    ]
    assert main(words) == 1
    findings = json.loads((tmp_path / "reproduction.json").read_text())["findings"]
    passed = {finding["rule"]: finding["passed"] for finding in findings}
    assert {rule for rule, good in passed.items() if not good} == {"figures of validation", "figures of test"}
    assert {"files", "config", "seed", "data", "weights", "scores of test", "tables of test"} <= passed.keys()
    capsys.readouterr()


def test_an_earlier_bundle_without_the_flag_names_the_version_that_made_it(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reproduce", str(world / "bundle"), "--tier", "scores", "--out", str(tmp_path)]) == 1
    assert "telltale 0.1.0+90695b3441f60aac there" in capsys.readouterr().out


def test_an_earlier_ledger_is_read_and_written_on(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = Path(shutil.copyfile(world / "submissions.csv", tmp_path / "submissions.csv"))
    before = ledger.read_text().splitlines()
    assert main(["submit-log", "list", "--json", "--ledger", str(ledger)]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert (listed["submissions"][0]["unseen_auc"], listed["timezone"]) == (0.61, "Europe/Rome")
    submission = str(world / "prediction" / "submission.csv")
    words = ["submit-log", "add", submission, "--phase", "validation", "--ledger", str(ledger)]
    assert main([*words, "--bundle", str(world / "bundle")]) == 2
    assert "submission 1 of phase validation" in capsys.readouterr().err
    assert main([*words, "--bundle", str(world / "bundle"), "--force", "--note", "again"]) == 0
    after = ledger.read_text().splitlines()
    assert after[: len(before)] == before
    assert after[-1].endswith(",same bytes,again")


def test_the_progress_of_an_earlier_prediction_is_refused_in_a_sentence(
    world: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is kept by the settings of then, which lack newer keys; without it the scores are those of then."""
    out = tmp_path / "submission.csv"
    journal = Path(shutil.copyfile(world / "prediction" / "killed.csv.journal", f"{out}.journal"))
    words = ["predict", "--checkpoint", str(world / "run" / "best.pt"), "--videos", str(data / "test")]
    assert main([*words, "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert "was begun by another version of telltale, which alone reads it; delete it to start over" in said
    assert journal.read_bytes() == (KEPT / "prediction" / "killed.csv.journal").read_bytes()
    journal.unlink()
    assert main([*words, "--out", str(out)]) == 0
    then, now = (numbers(path / "scores.csv") for path in (KEPT / "prediction", tmp_path))
    assert now == pytest.approx(then, abs=APART)
    capsys.readouterr()


def numbers(path: Path) -> dict[str, float]:
    with path.open(newline="") as file:
        rows = {row["video_name"]: row["fake_probability"] for row in csv.DictReader(file)}
    return {name: float(text) for name, text in rows.items() if text}


def test_entries_of_an_earlier_store_are_never_taken_and_a_sentence_says_who_reads_them(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They have no times of frames. The clip is decoded anew, to the scores of then."""
    store = Path(shutil.copytree(KEPT / "store", tmp_path / "store"))
    clip = data / "test" / "whole.mp4"
    index = (store / "index.sql").read_text()
    # Another encoder may write the same pixels in other bytes.
    (content,) = re.findall(r"'([0-9a-f]{64})'", index)
    (store / "index.sql").unlink()
    with sqlite3.connect(store / "index.sqlite") as connection:
        connection.executescript(index.replace(content, path_sha256(clip)))
    connection.close()
    best, out = fill("meso4", tmp_path / "best.pt"), tmp_path / "submission.csv"
    words = ["predict", "--checkpoint", str(best), "--videos", str(data / "test"), "--out", str(out)]
    assert main([*words, "--store", str(store)]) == 0
    said = capsys.readouterr().err
    assert "1 of its entries are of format 1 (telltale at commit 5c04058 reads it), not 2" in said
    assert "telltale cache prune --spec 38955568e19a60ac frees their space" in said
    then = {n: float.fromhex(one[0]) for n, one in EXPECTED["meso4"].items() if one[0]}
    assert numbers(tmp_path / "scores.csv") == pytest.approx(then, abs=APART)
    assert main(["cache", "prune", "--store", str(store), "--spec", "38955568e19a60ac"]) == 0
    assert "1 entries removed" in capsys.readouterr().out
    out.unlink()
    assert main([*words, "--store", str(store)]) == 0
    assert "format" not in capsys.readouterr().err
