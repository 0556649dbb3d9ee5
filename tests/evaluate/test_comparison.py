"""Several models: mean and deviation of their metrics, and paired differences from the first."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from score_files import QUICK, TARGETS, evaluated, scores_of
from sklearn.metrics import roc_auc_score

from telltale.evaluate.evaluation import of_files
from telltale.evaluate.options import ScoreFiles
from telltale.metrics.resampling import bootstrap, with_interval
from telltale.scores.score import Score
from telltale.scores.table import write_scores


def test_several_files_have_a_mean_and_a_deviation_and_differences_from_the_first(
    three_models: Path,
) -> None:
    result = evaluated(three_models, 0, 1, 2)
    found = result.tree
    assert [tree["name"] for tree in found["models"]] == ["seed0", "seed1", "seed2"]
    aucs = [
        roc_auc_score(TARGETS, scores_of(strength, seed)) for seed, strength in enumerate((0.5, 1.0, 1.5))
    ]
    assert [tree["auc"]["value"] for tree in found["models"]] == aucs
    assert found["spread"]["auc"] == {
        "mean": pytest.approx(np.mean(aucs)),
        "sd": pytest.approx(np.std(aucs, ddof=1)),
    }
    tprs = [tree["tpr_at_fpr"]["0.01"]["value"] for tree in found["models"]]
    assert found["spread"]["tpr_at_fpr"]["0.01"]["sd"] == pytest.approx(np.std(tprs, ddof=1))
    assert found["spread"]["decision"]["fpr"]["mean"] == pytest.approx(
        np.mean([t["decision"]["fpr"]["value"] for t in found["models"]])
    )
    assert [(each["first"], each["second"]) for each in found["comparisons"]] == [
        ("seed0", "seed1"),
        ("seed0", "seed2"),
    ]
    last = found["comparisons"][1]
    assert last["auc"]["difference"] == pytest.approx(aucs[2] - aucs[0])
    assert last["auc"]["p"] < 0.01
    drawn = [
        bootstrap(TARGETS, scores_of(strength, seed), resamples=20, seed=0)
        for seed, strength in ((0, 0.5), (2, 1.5))
    ]
    differences = drawn[1].values["auc"] - drawn[0].values["auc"]
    assert last["bootstrap"]["auc"] == pytest.approx(with_interval(aucs[2] - aucs[0], differences))
    differences = drawn[1].values["tpr_at_fpr"]["0.01"] - drawn[0].values["tpr_at_fpr"]["0.01"]
    assert last["bootstrap"]["tpr_at_fpr"]["0.01"] == pytest.approx(
        with_interval(tprs[2] - tprs[0], differences)
    )
    printed = result.text()
    for said in ("seed2 less seed0", "AUC, DeLong", "mean", "sd", f"p {last['auc']['p']:.3g}"):
        assert said in printed


def test_a_perfect_model_has_no_delong_interval(three_models: Path) -> None:
    rows = [Score(f"{row}.mp4", 0.1 + 0.8 * t, "ok", 1.0) for row, t in enumerate(TARGETS.tolist())]
    write_scores(three_models / "perfect/scores.csv", rows)
    options = dataclasses.replace(QUICK, intervals="delong")
    scores = [three_models / "perfect/scores.csv", three_models / "seed1/scores.csv"]
    result = of_files(ScoreFiles(three_models / "labels.csv", scores), options)
    assert "1.0000  [no interval]" in result.text()
    assert "comparison.png" in result.write(three_models / "out")
