"""The bootstrap: each draw against the clips themselves, paired draws, groups, threads and cost."""

import time
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scored import SCORES, TARGETS, scored
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from telltale.errors import InputError
from telltale.metrics import calibration, decisions, rates, resampling, table
from telltale.metrics.labelled_scores import LabelledScores
from telltale.metrics.resampling import bootstrap, group_aucs, with_interval
from telltale.metrics.score_steps import ScoreSteps


@given(scored())
@settings(max_examples=40, deadline=None)
def test_each_resample_measures_what_scikit_learn_does_on_the_same_rows(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    """The counts' formulas against the clips themselves, drawn again by the documented keys."""
    targets, scores = data
    draws = bootstrap(targets, scores, resamples=3, seed=7, band_fprs=(0.1, 0.5))
    genuine, forged = np.flatnonzero(targets == 0), np.flatnonzero(targets == 1)
    for draw in range(3):
        rng = np.random.default_rng([7, draw])
        rows = np.concatenate([pool[rng.integers(len(pool), size=len(pool))] for pool in (genuine, forged)])
        fpr, tpr = rates.roc(targets[rows], scores[rows])
        assert draws.values["auc"][draw] == pytest.approx(roc_auc_score(targets[rows], scores[rows]))
        assert draws.values["ap"][draw] == pytest.approx(average_precision_score(targets[rows], scores[rows]))
        assert draws.values["log_loss"][draw] == pytest.approx(log_loss(targets[rows], scores[rows]))
        assert draws.values["eer"][draw] == pytest.approx(rates.equal_error_rate(fpr, tpr))
        assert draws.band[draw].tolist() == rates.tpr_at_fpr(fpr, tpr, (0.1, 0.5)).tolist()
        tprs = [draws.values["tpr_at_fpr"][str(limit)][draw] for limit in rates.FPRS]
        assert tprs == rates.tpr_at_fpr(fpr, tpr, rates.FPRS).tolist()


@given(scored())
@settings(max_examples=40, deadline=None)
def test_each_resample_measures_what_the_same_rows_give(data: tuple[np.ndarray, np.ndarray]) -> None:
    targets, scores = data
    draws = bootstrap(targets, scores, resamples=3, seed=7, threshold=0.4)
    genuine, forged = np.flatnonzero(targets == 0), np.flatnonzero(targets == 1)
    for draw in range(3):
        rng = np.random.default_rng([7, draw])
        rows = np.concatenate([pool[rng.integers(len(pool), size=len(pool))] for pool in (genuine, forged)])
        truth, drawn = targets[rows], scores[rows]
        fpr, tpr = rates.roc(truth, drawn)
        assert draws.values["brier"][draw] == pytest.approx(brier_score_loss(truth, drawn), abs=1e-12)
        assert draws.values["calibration"]["error"][draw] == pytest.approx(
            calibration.calibration(truth, drawn)["error"], abs=1e-12
        )
        for limit, partial in draws.values["partial_auc"].items():
            theirs = roc_auc_score(truth, drawn, max_fpr=float(limit))
            assert partial[draw] == pytest.approx(theirs, abs=1e-12)
        fprs = [draws.values["fpr_at_tpr"][str(target)][draw] for target in rates.TPRS]
        assert fprs == rates.fpr_at_tpr(fpr, tpr, rates.TPRS).tolist()
        decision = decisions.at_threshold(truth, drawn, 0.4)
        ours = {name: values[draw] for name, values in draws.values["decision"].items()}
        assert ours == pytest.approx(
            {name: decision[name] for name in ("tpr", "fpr", "accuracy", "macro_f1")}
        )
        assert (ours["tpr"], ours["fpr"]) == (decision["tpr"], decision["fpr"])


@pytest.mark.parametrize("metric", table.METRICS, ids=lambda metric: metric.key)
@given(data=scored(), threshold=st.sampled_from([0.0, 0.4, 1.0]))
@settings(max_examples=20, deadline=None)
def test_counts_give_what_the_drawn_clips_give(
    metric: table.Metric, data: tuple[np.ndarray, np.ndarray], threshold: float
) -> None:
    """Every metric with a formula on counts, against its own function."""
    steps = ScoreSteps(LabelledScores(*data, threshold))
    drawn = steps.resample(np.random.default_rng(0), steps.memory())
    assert (drawn.genuine.sum(), drawn.forged.sum()) == (steps.n_genuine, steps.n_forged)
    on_clips = metric.function(drawn.clips())
    on_counts = metric.of_resample(drawn)
    if isinstance(on_counts, dict):
        on_clips = {part: on_clips[part] for part in on_counts}
    assert on_counts == pytest.approx(on_clips, abs=1e-12)


def test_bootstrap_is_seeded_and_has_about_the_normal_width() -> None:
    rng = np.random.default_rng(0)
    targets = np.repeat([0, 1], 400)
    scores = 1 / (1 + np.exp(-rng.normal(targets * 1.0)))
    one, again, other = (bootstrap(targets, scores, resamples=400, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.values["auc"], again.values["auc"])
    assert not np.array_equal(one.values["auc"], other.values["auc"])
    interval = with_interval(float(roc_auc_score(targets, scores)), one.values["auc"])
    assert interval["low"] < interval["value"] < interval["high"]
    # Hanley and McNeil's standard error of an AUC of 0.76 with 400 + 400 clips is 0.0168.
    assert one.values["auc"].std() == pytest.approx(0.0168, rel=0.2)


def test_interval_holds_the_middle_95_percent() -> None:
    assert with_interval(3.0, np.arange(1001.0)) == {"value": 3.0, "low": 25.0, "high": 975.0}


@pytest.mark.parametrize("threads", [1, 3, 8])
def test_the_number_of_threads_changes_not_a_bit(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    targets, scores = np.repeat([0, 1], 300), rng.random(600)
    groups = [str(row % 5) for row in range(600)]
    measured = []
    for count in (2, threads):
        monkeypatch.setattr(resampling, "cores", lambda count=count: count)
        draws = bootstrap(targets, scores, resamples=110, seed=3, band_fprs=(0.2, 0.4))
        aucs = group_aucs(targets, scores, groups, resamples=110, seed=3)
        measured.append((draws.values, draws.band.tolist(), aucs))
    (values, *others), (other_values, *more_others) = measured
    assert others == more_others
    for metric in table.METRICS:
        one, other = (pd.DataFrame(each[metric.key], index=range(110)) for each in (values, other_values))
        assert one.to_numpy().tobytes() == other.to_numpy().tobytes(), metric.key


def test_models_on_the_same_clips_get_the_same_resamples() -> None:
    """So a model less itself, bent but in the same order, is 0 in every draw."""
    one, bent = (bootstrap(TARGETS, scores, resamples=30, seed=5) for scores in (SCORES, SCORES**3))
    assert one.values["auc"].tobytes() == bent.values["auc"].tobytes()
    assert one.values["auc"].std() > 0


def test_group_aucs_compare_each_group_with_all_genuine_clips() -> None:
    groups = [
        "swap",
        "genuine",
        "swap",
        "swap",
        "genuine",
        "lips",
        "swap",
        "genuine",
    ]  # a genuine clip's group is not read
    found = group_aucs(TARGETS, SCORES, groups, resamples=200, seed=0)
    assert {kind: (entry["value"], entry["n_forged"]) for kind, entry in found.items()} == {
        "lips": (1.5 / 4, 1),
        "swap": ((4 + 3.5 + 3) / 12, 3),
    }
    assert all(0 <= entry["low"] <= entry["value"] <= entry["high"] <= 1 for entry in found.values())
    whole = group_aucs(TARGETS, SCORES, ["all"] * 8, resamples=200, seed=0)["all"]
    overall = with_interval(0.75, bootstrap(TARGETS, SCORES, resamples=200, seed=0).values["auc"])
    assert whole == pytest.approx({**overall, "n_forged": 4})


def test_no_resamples_and_a_short_list_of_groups_are_refused() -> None:
    with pytest.raises(InputError, match="0 bootstrap resamples"):
        bootstrap(TARGETS, SCORES, resamples=0, seed=0)
    with pytest.raises(InputError, match="7 groups for 8 clips"):
        group_aucs(TARGETS, SCORES, ["a"] * 7, resamples=1, seed=0)


def test_a_large_evaluation_keeps_its_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """200,000 clips: a resample may cost 20 ms of processor time, over all threads, and all of it 200 MB
    beyond the input. A metric without a formula on counts costs more, as its entry says."""
    counted = tuple(metric for metric in table.METRICS if metric.resampled is not None)
    assert len(counted) >= 10
    monkeypatch.setattr(table, "METRICS", counted)
    rng = np.random.default_rng(0)
    targets = (rng.random(200_000) < 0.7).astype(int)
    scores = rng.random(200_000) ** (1 + targets)
    began = time.process_time()
    bootstrap(targets, scores, resamples=30, seed=0)
    assert time.process_time() - began < 30 * 0.020 + 0.5
    tracemalloc.start()
    bootstrap(targets, scores, resamples=2, seed=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6
