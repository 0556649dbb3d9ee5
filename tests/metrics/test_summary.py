"""The metrics of one model: by hand, against scikit-learn and every threshold tried, and under changes that
must not matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scored import SCORES, TARGETS, measured, scored
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from telltale.metrics import rates
from telltale.metrics.values import selection


def test_worked_by_hand() -> None:
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
    assert selection(TARGETS, SCORES) == (found["auc"]["value"], 0.25)
    assert (found["n_genuine"], found["n_forged"]) == (4, 4)


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
        assert rates.tpr_at_fpr(*rates.roc(targets, scores), [limit])[0] == max(allowed)
    pairs = (forged[:, None] > genuine).mean() + (forged[:, None] == genuine).mean() / 2
    assert found["auc"]["value"] == pytest.approx(pairs)


@given(scored())
@settings(max_examples=80, deadline=None)
def test_values_agree_with_scikit_learn_and_with_every_threshold_tried(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    targets, scores = data
    found = measured(targets, scores)
    assert found["brier"]["value"] == brier_score_loss(targets, scores)
    for limit in ("0.1", "0.01"):
        theirs = roc_auc_score(targets, scores, max_fpr=float(limit))
        assert found["partial_auc"][limit]["value"] == pytest.approx(theirs, abs=1e-12)
    fpr, tpr = rates.roc(targets, scores)
    for limit in (0.25, 0.5, 0.999):
        assert rates.partial_auc(fpr, tpr, limit) == pytest.approx(
            roc_auc_score(targets, scores, max_fpr=limit), abs=1e-12
        )
    genuine, forged = scores[targets == 0], scores[targets == 1]
    for wanted in ("0.9", "0.95", "0.99"):
        reached = [(genuine >= t).mean() for t in scores if (forged >= t).mean() >= float(wanted)]
        assert found["fpr_at_tpr"][wanted]["value"] == min(reached)


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
