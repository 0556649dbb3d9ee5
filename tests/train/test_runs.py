"""Runs side by side: only what differs, what came of each, and no torch for it."""

import csv
import json
from pathlib import Path

import pytest
import yaml

from telltale import config
from telltale.cli import main
from telltale.errors import InputError
from telltale.train import runs

HEADER = "epoch,train_loss,validation_auc,validation_tpr_at_fpr_1e-3\n"


def make(folder: Path, rows: list[str], *, complete: bool, **optim: object) -> Path:
    folder.mkdir(parents=True)
    settings = config.Config(model={"name": "mel_cnn"}, optim=optim)  # type: ignore[arg-type]
    (folder / "config.yaml").write_text(config.dump(settings))
    (folder / "reads.json").write_text(json.dumps({"complete": complete}))
    if rows:
        (folder / "history.csv").write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return folder


@pytest.fixture
def three(tmp_path: Path) -> Path:
    make(tmp_path / "a", ["1,0.7,0.6,0.1", "2,0.6,0.8,0.2", "3,0.5,0.8,0.1"], complete=True, rate=0.001)
    make(tmp_path / "deep" / "b", ["1,0.7,0.9,0.3"], complete=False, rate=0.01)
    make(tmp_path / "c", [], complete=False, rate=0.001, clip_norm=1.0)
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "config.yaml").write_text("seed: 1\n")  # no run
    return tmp_path


def test_only_keys_that_differ_and_what_came_of_each(three: Path, capsys: pytest.CaptureFixture):
    out = three / "runs.csv"
    assert main(["runs", str(three), "--sort", "auc", "--csv", str(out)]) == 0
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "run",
        "optim.rate",
        "optim.clip_norm",
        "auc",
        "tpr@fpr=1e-3",
        "best_epoch",
        "status",
    ]
    assert [list(row.values()) for row in rows] == [
        [str(three / "deep" / "b"), "0.01", "", "0.9", "0.3", "1", "interrupted at epoch 2"],
        [str(three / "a"), "0.001", "", "0.8", "0.2", "2", "finished"],
        [str(three / "c"), "0.001", "1.0", "", "", "", "interrupted at epoch 1"],
    ]
    said = capsys.readouterr().out
    assert "finished" in said and "interrupted at epoch 2" in said and f"wrote {out}" in said


def test_an_estimate_for_unseen_forgeries_where_an_evaluation_has_one(three: Path):
    groups = {
        "seen": {"value": 0.9, "seen": True},
        "x": {"value": 0.6, "seen": False},
        "y": {"value": 0.8, "seen": False},
    }
    (three / "a" / "evaluation").mkdir()
    (three / "a" / "evaluation" / "metrics.json").write_text(json.dumps({"groups": groups}))
    table = runs.compare(runs.find([three]))
    assert dict(zip(table["run"], table["unseen_auc"], strict=True))[str(three / "a")] == pytest.approx(0.7)
    assert table["unseen_auc"].isna().sum() == 2


def test_runs_of_another_version_have_other_keys(three: Path):
    tree = yaml.safe_load((three / "a" / "config.yaml").read_text())
    del tree["optim"]["sam_rho"]
    (three / "a" / "config.yaml").write_text(yaml.safe_dump(tree))
    assert "optim.sam_rho" in runs.compare(runs.find([three]))


def test_settings_sort_by_value_and_words_by_letter(three: Path):
    table = runs.compare(runs.find([three]))
    assert list(runs.ordered(table, "optim.rate")["optim.rate"]) == [0.001, 0.001, 0.01]
    assert next(iter(runs.ordered(table, "status")["status"])) == "finished"
    with pytest.raises(
        InputError,
        match=r"--sort optim\.epochs: the runs do not differ in it; wanted one of run, optim\.rate",
    ):
        runs.ordered(table, "optim.epochs")


def test_what_is_no_run_is_refused(three: Path, tmp_path: Path):
    with pytest.raises(InputError, match="no run of train.py"):
        runs.find([three / "bundle"])
    with pytest.raises(InputError, match="is not a folder"):
        runs.find([tmp_path / "absent"])
    (three / "a" / "history.csv").write_text("x\n1\n")
    with pytest.raises(InputError, match=r"history\.csv: is no history"):
        runs.compare(runs.find([three]))


def test_a_table_that_cannot_be_written_is_one_sentence(three: Path):
    table = runs.compare(runs.find([three]))
    with pytest.raises(InputError, match=r"absent/runs\.csv: cannot be written"):
        runs.write_csv(table, three / "absent" / "runs.csv")


def test_numbers_are_kept_to_the_last_bit_and_whole_ones_stay_whole(three: Path):
    """A run of another version lacks a key; pandas would write the others' whole numbers as floats."""
    value = 0.1 + 0.2
    make(three / "d", [f"1,0.5,{value!r},0.1"], complete=True, epochs=7)
    tree = yaml.safe_load((three / "a" / "config.yaml").read_text())
    del tree["optim"]["epochs"]
    (three / "a" / "config.yaml").write_text(yaml.safe_dump(tree))
    runs.write_csv(runs.compare(runs.find([three])), three / "runs.csv")
    rows = {row["run"]: row for row in csv.DictReader((three / "runs.csv").open(newline=""))}
    assert float(rows[str(three / "d")]["auc"]) == value
    assert [rows[str(three / name)]["optim.epochs"] for name in ("a", "d")] == ["", "7"]


def test_a_run_that_was_chosen_by_pseudo_forgeries_shows_their_auc(tmp_path: Path):
    settings = config.Config(model={"name": "sbi"}, optim={"select": "pseudo"})  # type: ignore[arg-type]
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.yaml").write_text(config.dump(settings))
    rows = ["1,0.7,0.9,0.1,0.6,", "2,0.6,0.5,0.2,0.8,0.7", "3,0.5,0.8,0.1,0.8,0.6"]
    text = HEADER.replace("\n", ",pseudo_auc,pseudo_picture_auc\n") + "".join(f"{row}\n" for row in rows)
    (folder / "history.csv").write_text(text)
    table = runs.compare([folder])
    assert (table["best_epoch"][0], table["auc"][0], table["pseudo_auc"][0]) == (2, 0.5, 0.8)
    make(tmp_path / "plain", ["1,0.7,0.6,0.1"], complete=True)
    assert runs.compare([folder, tmp_path / "plain"])["pseudo_auc"].isna().tolist() == [False, True]
