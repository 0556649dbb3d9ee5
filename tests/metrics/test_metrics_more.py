"""Partial AUC, FPR at TPR, Brier score, groups, their bootstrap and paired draws: against scikit-learn and
brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score

from telltale import metrics
from telltale.errors import InputError
from telltale.metrics import calibration, decisions, resampling

TARGETS = np.array([1, 0, 1, 1, 0, 1, 0, 0])
SCORES = np.array([0.9, 0.8, 0.8, 0.6, 0.4, 0.2, 0.2, 0.1])


@st.composite
def scored(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    targets = draw(st.lists(st.integers(0, 1), min_size=2, max_size=60).filter(lambda t: 0 < sum(t) < len(t)))
    scores = draw(st.lists(st.integers(0, 15), min_size=len(targets), max_size=len(targets)))
    return np.array(targets), np.array(scores) / 15


def summary(targets: np.ndarray, scores: np.ndarray, resamples: int = 2) -> dict:
    return metrics.summary(targets, scores, metrics.bootstrap(targets, scores, resamples=resamples, seed=0))


def test_fpr_at_tpr_by_hand() -> None:
    fpr, tpr = metrics.roc(TARGETS, SCORES)
    assert metrics.fpr_at_tpr(fpr, tpr, [0.25, 0.26, 0.75, 0.76, 1.0]).tolist() == [0, 0.25, 0.25, 0.75, 0.75]


def test_partial_auc_by_hand() -> None:
    # Up to FPR 1/4 the curve rises from 1/4 to 2/4 on a slope: area 3/32. Chance is 1/32, perfection 8/32.
    fpr, tpr = metrics.roc(TARGETS, SCORES)
    assert metrics.partial_auc(fpr, tpr, 0.25) == pytest.approx(0.5 * (1 + (3 / 32 - 1 / 32) / (7 / 32)))


@given(scored())
@settings(max_examples=80, deadline=None)
def test_values_agree_with_scikit_learn_and_with_every_threshold_tried(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    targets, scores = data
    found = summary(targets, scores)
    assert found["brier"]["value"] == brier_score_loss(targets, scores)
    for limit in ("0.1", "0.01"):
        theirs = roc_auc_score(targets, scores, max_fpr=float(limit))
        assert found["partial_auc"][limit]["value"] == pytest.approx(theirs, abs=1e-12)
    fpr, tpr = metrics.roc(targets, scores)
    for limit in (0.25, 0.5, 0.999):
        assert metrics.partial_auc(fpr, tpr, limit) == pytest.approx(
            roc_auc_score(targets, scores, max_fpr=limit), abs=1e-12
        )
    genuine, forged = scores[targets == 0], scores[targets == 1]
    for wanted in ("0.9", "0.95", "0.99"):
        reached = [(genuine >= t).mean() for t in scores if (forged >= t).mean() >= float(wanted)]
        assert found["fpr_at_tpr"][wanted]["value"] == min(reached)


@given(scored())
@settings(max_examples=40, deadline=None)
def test_each_resample_measures_what_the_same_rows_give(data: tuple[np.ndarray, np.ndarray]) -> None:
    targets, scores = data
    draws = metrics.bootstrap(targets, scores, resamples=3, seed=7, threshold=0.4)
    genuine, forged = np.flatnonzero(targets == 0), np.flatnonzero(targets == 1)
    for draw in range(3):
        rng = np.random.default_rng([7, draw])
        rows = np.concatenate([pool[rng.integers(len(pool), size=len(pool))] for pool in (genuine, forged)])
        truth, drawn = targets[rows], scores[rows]
        fpr, tpr = metrics.roc(truth, drawn)
        assert draws.brier[draw] == pytest.approx(brier_score_loss(truth, drawn), abs=1e-12)
        assert draws.calibration_error[draw] == pytest.approx(
            calibration.calibration(truth, drawn)["error"], abs=1e-12
        )
        theirs = [roc_auc_score(truth, drawn, max_fpr=limit) for limit in (0.1, 0.01)]
        assert draws.partial_auc[draw] == pytest.approx(theirs, abs=1e-12)
        assert draws.fpr[draw].tolist() == metrics.fpr_at_tpr(fpr, tpr, metrics.TPRS).tolist()
        decided = decisions.at_threshold(truth, drawn, 0.4)
        assert draws.flagged[draw].tolist() == [decided["tp"], decided["fp"]]
        rates = {
            name: values[draw]
            for name, values in resampling.flagged_intervals(draws, len(forged), len(genuine)).items()
        }
        assert rates == pytest.approx(
            {name: decided[name] for name in ("tpr", "fpr", "accuracy", "macro_f1")}
        )


@pytest.mark.parametrize("threads", [1, 3, 8])
def test_the_number_of_threads_changes_not_a_bit(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    targets, scores = np.repeat([0, 1], 300), rng.random(600)
    groups = [str(row % 5) for row in range(600)]
    found = []
    for count in (2, threads):
        monkeypatch.setattr(resampling, "cores", lambda count=count: count)
        found.append(
            (
                metrics.bootstrap(targets, scores, resamples=25, seed=3),
                metrics.group_aucs(targets, scores, groups, resamples=25, seed=3),
            )
        )
    for name in (
        "auc",
        "ap",
        "eer",
        "log_loss",
        "brier",
        "calibration_error",
        "tpr",
        "fpr",
        "partial_auc",
        "flagged",
    ):
        one, other = (getattr(draws, name) for draws, _ in found)
        assert one.tobytes() == other.tobytes(), name
    assert found[0][1] == found[1][1]


def test_models_on_the_same_clips_get_the_same_resamples() -> None:
    """So a model less itself, bent but in the same order, is 0 in every draw."""
    one, bent = (metrics.bootstrap(TARGETS, scores, resamples=30, seed=5) for scores in (SCORES, SCORES**3))
    assert one.auc.tobytes() == bent.auc.tobytes()
    assert one.auc.std() > 0


def test_groups_with_one_class_only_have_no_number_for_what_they_lack() -> None:
    groups = ["swap", None, "swap", "both", "both", "both", "genuine", "genuine"]
    found = metrics.by_group(TARGETS, SCORES, groups, 0.4, resamples=50, seed=0)
    assert list(found) == ["both", "genuine", "swap"]
    both, genuine, swap = found.values()
    assert (genuine["value"], genuine["low"], genuine["tpr"], genuine["fpr"]) == (None, None, None, 0.0)
    assert (genuine["n_genuine"], genuine["n_forged"]) == (2, 0)
    assert (swap["value"], swap["tpr"], swap["fpr"], swap["n_genuine"], swap["n_forged"]) == (
        7.5 / 8,
        1.0,
        None,
        0,
        2,
    )
    # 0.6 beats three of all four genuine clips, 0.2 one and a half.
    assert (both["value"], both["tpr"], both["fpr"]) == (pytest.approx(4.5 / 8), 0.5, 1.0)
    alone = metrics.group_aucs(
        TARGETS, SCORES, ["swap", "", "swap", "both", "", "both", "", ""], resamples=50, seed=0
    )
    assert {key: both[key] for key in ("value", "low", "high")} == {
        key: alone["both"][key] for key in ("value", "low", "high")
    }


def test_one_class_is_refused_by_every_measure() -> None:
    for measure in (decisions.at_threshold, lambda t, s, _: calibration.calibration(t, s), decisions.choose):
        with pytest.raises(InputError, match="0 genuine and 2 forged"):
            measure([1, 1], [0.1, 0.2], 0.5)
