"""The ROC curve and what is read off it: by hand, against scikit-learn and against every threshold tried."""

import numpy as np
import pytest
from scored import SCORES, TARGETS

from telltale.errors import InputError
from telltale.metrics import rates
from telltale.metrics.resampling import bootstrap, group_aucs
from telltale.metrics.values import selection


def test_roc_by_hand() -> None:
    fpr, tpr = rates.roc(TARGETS, SCORES)
    assert fpr.tolist() == [0, 0, 0.25, 0.25, 0.5, 0.75, 1]
    assert tpr.tolist() == [0, 0.25, 0.5, 0.75, 0.75, 1, 1]


def test_eer_between_two_points_of_the_curve() -> None:
    # One tied step from (0, 1/2) to (1, 1): FPR x meets 1 - TPR = (1 - x) / 2 at x = 1/3.
    fpr, tpr = rates.roc([1, 1, 0, 0], [0.9, 0.5, 0.5, 0.5])
    assert rates.equal_error_rate(fpr, tpr) == pytest.approx(1 / 3)


def test_tpr_at_fpr_is_the_highest_within_the_limit_and_a_tie_is_one_step() -> None:
    fpr, tpr = rates.roc(TARGETS, SCORES)
    assert rates.tpr_at_fpr(fpr, tpr, [0.0, 0.2499, 0.25, 0.5, 0.74, 0.75, 1.0]).tolist() == [
        0.25,
        0.25,
        0.75,
        0.75,
        0.75,
        1,
        1,
    ]
    everyone = rates.roc([0, 0, 1, 1], [0.5] * 4)
    assert rates.tpr_at_fpr(*everyone, [0.999, 1.0]).tolist() == [0, 1]


@pytest.mark.parametrize("n_genuine", [1000, 2000, 3000, 7000])
def test_a_false_positive_rate_equal_to_the_limit_does_not_exceed_it(n_genuine: int) -> None:
    """n / 1000 genuine clips score above the forged one: allowed at 1e-3 in spite of rounding; one more is
    not."""
    for above, reached in ((n_genuine // 1000, 1.0), (n_genuine // 1000 + 1, 0.0)):
        targets = np.array([0] * n_genuine + [1])
        scores = np.array([0.9] * above + [0.1] * (n_genuine - above) + [0.5])
        assert selection(targets, scores)[1] == reached


def test_fpr_at_tpr_by_hand() -> None:
    fpr, tpr = rates.roc(TARGETS, SCORES)
    assert rates.fpr_at_tpr(fpr, tpr, [0.25, 0.26, 0.75, 0.76, 1.0]).tolist() == [0, 0.25, 0.25, 0.75, 0.75]


def test_partial_auc_by_hand() -> None:
    # Up to FPR 1/4 the curve rises from 1/4 to 2/4 on a slope: area 3/32. Chance is 1/32, perfection 8/32.
    fpr, tpr = rates.roc(TARGETS, SCORES)
    assert rates.partial_auc(fpr, tpr, 0.25) == pytest.approx(0.5 * (1 + (3 / 32 - 1 / 32) / (7 / 32)))


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
        selection,
        rates.roc,
        lambda t, s: bootstrap(t, s, resamples=1, seed=0),
        lambda t, s: group_aucs(t, s, ["a"] * len(t), resamples=1, seed=0),
    ):
        with pytest.raises(InputError, match=said):
            measure(targets, scores)
