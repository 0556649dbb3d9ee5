"""Metrics: worked by hand, against scikit-learn, against brute force, and under changes that must not
matter."""

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from telltale import metrics
from telltale.errors import InputError

# Falling: 0.9 f, 0.8 g f (tied), 0.6 f, 0.4 g, 0.2 f g (tied), 0.1 g;  4 forged, 4 genuine.
# ROC in steps (FPR, TPR): (0, 1/4) (1/4, 2/4) (1/4, 3/4) (2/4, 3/4) (3/4, 1) (1, 1)
TARGETS = np.array([1, 0, 1, 1, 0, 1, 0, 0])
SCORES = np.array([0.9, 0.8, 0.8, 0.6, 0.4, 0.2, 0.2, 0.1])


@st.composite
def scored(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Both classes, and scores on a coarse grid so that ties are frequent."""
    targets = draw(st.lists(st.integers(0, 1), min_size=2, max_size=40).filter(lambda t: 0 < sum(t) < len(t)))
    scores = draw(st.lists(st.integers(0, 12), min_size=len(targets), max_size=len(targets)))
    return np.array(targets), np.array(scores) / 12


def measured(targets: np.ndarray, scores: np.ndarray, resamples: int = 20) -> dict:
    return metrics.summary(targets, scores, metrics.bootstrap(targets, scores, resamples=resamples, seed=0))


def test_worked_by_hand() -> None:
    fpr, tpr = metrics.roc(TARGETS, SCORES)
    assert fpr.tolist() == [0, 0, 0.25, 0.25, 0.5, 0.75, 1]
    assert tpr.tolist() == [0, 0.25, 0.5, 0.75, 0.75, 1, 1]
    found = measured(TARGETS, SCORES)
    # 16 pairs: 0.9 beats 4 genuine; 0.8 beats 3 and ties 1; 0.6 beats 3; 0.2 beats 1 and ties 1.
    assert found["auc"]["value"] == pytest.approx((4 + 3.5 + 3 + 1.5) / 16)
    # Precision where recall grows: 1/1, 2/3, 3/4, 4/7; each a quarter of the recall.
    assert found["ap"]["value"] == pytest.approx((1 + 2 / 3 + 3 / 4 + 4 / 7) / 4)
    # The curve meets FPR = 1 - TPR at its point (1/4, 3/4).
    assert found["eer"]["value"] == pytest.approx(0.25)
    assert found["log_loss"]["value"] == pytest.approx(
        -np.log([0.9, 0.2, 0.8, 0.6, 0.6, 0.2, 0.8, 0.9]).mean()
    )
    assert metrics.selection(TARGETS, SCORES) == (found["auc"]["value"], 0.25)
    assert (found["n_genuine"], found["n_forged"]) == (4, 4)


def test_eer_between_two_points_of_the_curve() -> None:
    # One tied step from (0, 1/2) to (1, 1): FPR x meets 1 - TPR = (1 - x) / 2 at x = 1/3.
    fpr, tpr = metrics.roc([1, 1, 0, 0], [0.9, 0.5, 0.5, 0.5])
    assert metrics.equal_error_rate(fpr, tpr) == pytest.approx(1 / 3)


def test_tpr_at_fpr_is_the_highest_within_the_limit_and_a_tie_is_one_step() -> None:
    fpr, tpr = metrics.roc(TARGETS, SCORES)
    assert metrics.tpr_at_fpr(fpr, tpr, [0.0, 0.2499, 0.25, 0.5, 0.74, 0.75, 1.0]).tolist() == [
        0.25,
        0.25,
        0.75,
        0.75,
        0.75,
        1,
        1,
    ]
    everyone = metrics.roc([0, 0, 1, 1], [0.5] * 4)
    assert metrics.tpr_at_fpr(*everyone, [0.999, 1.0]).tolist() == [0, 1]


@pytest.mark.parametrize("n_genuine", [1000, 2000, 3000, 7000])
def test_a_false_positive_rate_equal_to_the_limit_does_not_exceed_it(n_genuine: int) -> None:
    """n / 1000 genuine clips score above the forged one: allowed at 1e-3 in spite of rounding; one more is
    not."""
    for above, reached in ((n_genuine // 1000, 1.0), (n_genuine // 1000 + 1, 0.0)):
        targets = np.array([0] * n_genuine + [1])
        scores = np.array([0.9] * above + [0.1] * (n_genuine - above) + [0.5])
        assert metrics.selection(targets, scores)[1] == reached


def test_resolved_needs_one_genuine_clip_per_allowed_share() -> None:
    for n_genuine, resolved in (
        (99, []),
        (100, ["0.01"]),
        (200, ["0.01", "0.005"]),
        (1000, ["0.01", "0.005", "0.001"]),
    ):
        found = measured(np.array([0] * n_genuine + [1]), np.linspace(0, 1, n_genuine + 1), resamples=2)
        assert list(found["tpr_at_fpr"]) == ["0.01", "0.005", "0.001"]
        assert [fpr for fpr, entry in found["tpr_at_fpr"].items() if entry["resolved"]] == resolved


@given(scored())
@settings(max_examples=60, deadline=None)
def test_agrees_with_scikit_learn_and_with_every_threshold_tried(data: tuple[np.ndarray, np.ndarray]) -> None:
    targets, scores = data
    found = measured(targets, scores, resamples=2)
    assert found["auc"]["value"] == roc_auc_score(targets, scores)
    assert found["ap"]["value"] == average_precision_score(targets, scores)
    assert found["log_loss"]["value"] == log_loss(targets, scores)
    genuine, forged = scores[targets == 0], scores[targets == 1]
    for limit in (0.0, 0.01, 0.1, 0.3, 0.5):
        allowed = [(forged >= t).mean() for t in [*scores, 2.0] if (genuine >= t).mean() <= limit]
        assert metrics.tpr_at_fpr(*metrics.roc(targets, scores), [limit])[0] == max(allowed)
    pairs = (forged[:, None] > genuine).mean() + (forged[:, None] == genuine).mean() / 2
    assert found["auc"]["value"] == pytest.approx(pairs)


@given(scored(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_order_of_rows_and_a_rising_transform_change_nothing(
    data: tuple[np.ndarray, np.ndarray], random
) -> None:
    targets, scores = data
    order = np.array(random.sample(range(len(targets)), len(targets)))
    before, shuffled, bent = (
        measured(*pair, 2) for pair in (data, (targets[order], scores[order]), (targets, scores**3))
    )
    for other in (shuffled, bent):
        for key in ("auc", "ap", "eer"):
            assert other[key]["value"] == pytest.approx(before[key]["value"], abs=1e-12)
        assert [e["value"] for e in other["tpr_at_fpr"].values()] == [
            e["value"] for e in before["tpr_at_fpr"].values()
        ]


@given(scored())
@settings(max_examples=40, deadline=None)
def test_each_resample_measures_what_scikit_learn_does_on_the_same_rows(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    """The counts' formulas against the clips themselves, drawn again by the documented keys."""
    targets, scores = data
    draws = metrics.bootstrap(targets, scores, resamples=3, seed=7, fprs=(0.1, 0.5))
    genuine, forged = np.flatnonzero(targets == 0), np.flatnonzero(targets == 1)
    for draw in range(3):
        rng = np.random.default_rng([7, draw])
        rows = np.concatenate([pool[rng.integers(len(pool), size=len(pool))] for pool in (genuine, forged)])
        fpr, tpr = metrics.roc(targets[rows], scores[rows])
        assert draws.auc[draw] == pytest.approx(roc_auc_score(targets[rows], scores[rows]))
        assert draws.ap[draw] == pytest.approx(average_precision_score(targets[rows], scores[rows]))
        assert draws.log_loss[draw] == pytest.approx(log_loss(targets[rows], scores[rows]))
        assert draws.eer[draw] == pytest.approx(metrics.equal_error_rate(fpr, tpr))
        assert draws.tpr[draw].tolist() == metrics.tpr_at_fpr(fpr, tpr, (0.1, 0.5)).tolist()


def test_bootstrap_is_seeded_and_has_about_the_normal_width() -> None:
    rng = np.random.default_rng(0)
    targets = np.repeat([0, 1], 400)
    scores = 1 / (1 + np.exp(-rng.normal(targets * 1.0)))
    one, again, other = (metrics.bootstrap(targets, scores, resamples=400, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.auc, again.auc)
    assert not np.array_equal(one.auc, other.auc)
    interval = metrics.with_interval(float(roc_auc_score(targets, scores)), one.auc)
    assert interval["low"] < interval["value"] < interval["high"]
    # Hanley and McNeil's standard error of an AUC of 0.76 with 400 + 400 clips is 0.0168.
    assert one.auc.std() == pytest.approx(0.0168, rel=0.2)


def test_interval_holds_the_middle_95_percent() -> None:
    assert metrics.with_interval(3.0, np.arange(1001.0)) == {"value": 3.0, "low": 25.0, "high": 975.0}


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
    found = metrics.group_aucs(TARGETS, SCORES, groups, resamples=200, seed=0)
    assert {kind: (entry["value"], entry["n_forged"]) for kind, entry in found.items()} == {
        "lips": (1.5 / 4, 1),
        "swap": ((4 + 3.5 + 3) / 12, 3),
    }
    assert all(0 <= entry["low"] <= entry["value"] <= entry["high"] <= 1 for entry in found.values())
    whole = metrics.group_aucs(TARGETS, SCORES, ["all"] * 8, resamples=200, seed=0)["all"]
    overall = metrics.with_interval(0.75, metrics.bootstrap(TARGETS, SCORES, resamples=200, seed=0).auc)
    assert whole == pytest.approx({**overall, "n_forged": 4})


@pytest.mark.parametrize(
    ("targets", "scores", "said"),
    [
        ([1, 1], [0.1, 0.2], "0 genuine and 2 forged"),
        ([0, 0], [0.1, 0.2], "2 genuine and 0 forged"),
        (np.array([], int), np.array([], float), "0 genuine and 0 forged"),
        ([0, 1], [0.1, np.nan], "nan in row 1"),
        ([0, 1], [-0.1, 0.2], "-0.1 in row 0"),
        ([0, 1], [0.1, 3.7], "3.7 in row 1"),
        ([0, 1], [0.1, np.inf], "inf in row 1"),
        ([0, 1, 1], [0.1, 0.2], r"\(3,\).*\(2,\)"),
        ([[0, 1]], [[0.1, 0.2]], r"\(1, 2\)"),
        ([0, 2], [0.1, 0.2], "2 in row 1"),
        ([0.0, 1.0], [0.1, 0.2], "float64"),
        ([0, 1], [0, 1], "int64"),
    ],
)
def test_nonsense_is_refused_by_name(targets: list, scores: list, said: str) -> None:
    for measure in (
        metrics.selection,
        metrics.roc,
        lambda t, s: metrics.bootstrap(t, s, resamples=1, seed=0),
        lambda t, s: metrics.group_aucs(t, s, ["a"] * len(t), resamples=1, seed=0),
    ):
        with pytest.raises(InputError, match=said):
            measure(targets, scores)


def test_no_resamples_and_a_short_list_of_groups_are_refused() -> None:
    with pytest.raises(InputError, match="0 bootstrap resamples"):
        metrics.bootstrap(TARGETS, SCORES, resamples=0, seed=0)
    with pytest.raises(InputError, match="7 groups for 8 clips"):
        metrics.group_aucs(TARGETS, SCORES, ["a"] * 7, resamples=1, seed=0)


def test_a_large_evaluation_keeps_its_cost() -> None:
    """200,000 clips: a resample may cost 20 ms of processor time, over all threads, and all of it 200 MB
    beyond the input."""
    rng = np.random.default_rng(0)
    targets = (rng.random(200_000) < 0.7).astype(int)
    scores = rng.random(200_000) ** (1 + targets)
    began = time.process_time()
    metrics.bootstrap(targets, scores, resamples=30, seed=0)
    assert time.process_time() - began < 30 * 0.020 + 0.5
    tracemalloc.start()
    metrics.bootstrap(targets, scores, resamples=2, seed=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6
