"""A run with folds: what it scores after each epoch, how it selects, and what it leaves."""

import csv
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from memory_world import MemoryClips, Run, configured, same_weights
from programs import do_train
from two_processes import together

from telltale.data.batch import SampleArrays, SampleInfo, SampleKey
from telltale.errors import InputError
from telltale.models import checkpoint
from telltale.runtime import distributed
from telltale.scores import sidecar
from telltale.scores.table import read_scores
from telltale.train import best_epoch, runs

TARGETS = [0, 1, 1] * 8
TIMING = {"clips_per_second", "seconds"}
META = "data.meta=meta.csv data.method_column=kind folds.by=methods folds.count=2 optim.select=unseen"


class Quiet(MemoryClips):
    """Forged clips are quieter here, so that a model gets worse on them as it learns."""

    def fill(self, key: SampleKey, arrays: SampleArrays) -> SampleInfo:
        info = super().fill(key, arrays)
        arrays.mel[:] = -arrays.mel
        return info


def made(select: str = "unseen", **more: Any) -> Run:
    settings = configured(
        folds={"by": "methods"}, optim={"select": select, "epochs": 5, "rate": 0.003, **more}
    )
    return Run(settings, MemoryClips(TARGETS), MemoryClips([0, 1] * 20), unseen=Quiet([0, 1] * 10))


def rows(run: Run) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k not in TIMING} for row in run.state.progress.history]


def test_the_best_epoch_is_chosen_by_the_clips_that_are_asked_for() -> None:
    chosen = {}
    for select in ("validation", "unseen", "both"):
        run = made(select)
        done = run.go()
        history = done.progress.history
        assert all(0 <= row["unseen_auc"] < 0.5 for row in history[1:])
        ranks = [best_epoch.rank(row, select) for row in history]
        chosen[select] = done.progress.best_epoch
        assert done.progress.best_epoch == ranks.index(max(ranks)) == best_epoch.best(history, select)
        assert done.progress.best_auc == history[done.progress.best_epoch]["validation_auc"]
        assert [best for _, best in run.epochs] == [
            rank > max([(-1, -1), *ranks[:at]]) for at, rank in enumerate(ranks)
        ]
    assert chosen["unseen"] < chosen["validation"]


def test_the_mean_of_both_is_of_auc_and_then_of_tpr() -> None:
    row = dict(zip(itertools.chain(*best_epoch.COLUMNS["both"]), (0.9, 0.2, 0.5, 0.4), strict=True))
    assert best_epoch.rank(row, "both") == pytest.approx((0.7, 0.3))
    assert best_epoch.best([], "both") == -1
    assert best_epoch.best([row, {**row, best_epoch.UNSEEN_TPR: 0.5}, row], "both") == 1


def test_scoring_what_is_held_out_changes_no_step_and_a_resumed_run_is_bit_equal() -> None:
    whole, plain = made("validation"), made("validation")
    plain.unseen = None
    assert same_weights(whole.go().model, plain.go().model)
    assert not any(key.startswith("unseen") for key in plain.state.progress.history[0])
    assert [{k: v for k, v in row.items() if not k.startswith("unseen")} for row in rows(whole)] == rows(
        plain
    )
    cut, rest = made(patience=3), made(patience=3)
    cut.go(stop_at=9)
    rest.go(resumed=cut.saved[-1])
    through = made(patience=3)
    through.go()
    assert rows(rest) == rows(through) and same_weights(rest.state.model, through.state.model)
    assert rest.state.progress.best_epoch == through.state.progress.best_epoch


def _process(process: distributed.Process) -> tuple[list[dict[str, Any]], int]:
    run = made()
    run.go(process=process)
    return rows(run), run.state.progress.best_epoch


def test_two_processes_agree_on_what_is_unseen_and_which_epoch_is_the_best(tmp_path: Path) -> None:
    (first, best), (second, other) = together(_process, folder=tmp_path)
    assert first == second and best == other
    assert all(0 <= row["unseen_auc"] <= 1 for row in first)


def test_held_out_clips_of_one_class_are_refused_in_words() -> None:
    run = made()
    run.unseen = MemoryClips([0, 1, 1], broken=(0,))
    with pytest.raises(InputError, match="unseen: 2 of 3 clips"):
        run.go()


def sets(text: str) -> list[str]:
    return [word for one in text.split() for word in ("--set", one)]


def test_a_run_by_methods_leaves_scores_columns_and_a_fold_that_cannot_change(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    common = sets(f"{META} data.workers=0 folds.fold=1")
    assert do_train(tiny, run, *common, "--set", "optim.epochs=1") == 0
    said = capsys.readouterr().out
    assert "fold 1 of 2 by methods holds out " in said and "unseen: " in said and ", unseen AUC 0." in said
    with (run / "history.csv").open(newline="") as file:
        history = list(csv.DictReader(file))
    assert len(history) == 1 and {*best_epoch.COLUMNS["unseen"][0], "unseen_unscored"} < set(history[0])
    content = checkpoint.load(run / "best.pt")
    at = best_epoch.best(history, "unseen")
    assert content["epoch"] == at + 1
    assert content["metrics"]["unseen_auc"] == float(history[at]["unseen_auc"])
    assert content["metrics"]["auc"] == float(history[at]["validation_auc"])
    origin = sidecar.check(run / "unseen_scores.csv")
    assert (origin.videos, origin.world, origin.data) == ("unseen", 1, content["data"])
    with (tiny / "meta.csv").open(newline="") as file:
        meta = {row["video_name"]: row for row in csv.DictReader(file)}
    unseen = [meta[name] for name in read_scores(run / "unseen_scores.csv")]
    assert {row["split"] for row in unseen} == {"train"} and {row["target"] for row in unseen} == {"0", "1"}
    with (run / "reads.csv").open(newline="") as file:
        listed = [(row["kind"], row["split"], Path(row["path"]).name) for row in csv.DictReader(file)]
    assert ("columns", "", "meta.csv") in listed
    trained = [meta[name] for kind, split, name in listed if (kind, split) == ("video", "train")]
    for column, target in (("kind", "1"), ("identity", "0")):
        values = [{row[column] for row in part if row["target"] == target} for part in (unseen, trained)]
        assert not values[0] & values[1]
    table = runs.compare([run])
    assert table["held_out_auc"][0] == pytest.approx(content["metrics"]["unseen_auc"])
    assert table["best_epoch"][0] == content["epoch"] and np.isfinite(table["held_out_tpr@fpr=1e-3"][0])
    with pytest.raises(InputError, match=r"was trained with folds\.fold=1, now it is 0"):
        do_train(tiny, run, *common, "--set", "folds.fold=0", "--resume")
