"""Thresholds, exact bounds and precision at base rates: by hand, against scikit-learn and against scipy."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from scored import SCORES, TARGETS, scored
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from telltale.errors import InputError
from telltale.metrics import calibration, decisions


@given(scored(), st.integers(0, 15))
@settings(max_examples=80, deadline=None)
def test_decisions_agree_with_scikit_learn(data: tuple[np.ndarray, np.ndarray], step: int) -> None:
    targets, scores = data
    found = decisions.at_threshold(targets, scores, step / 15)
    called = (scores >= step / 15).astype(int)
    tn, fp, fn, tp = confusion_matrix(targets, called, labels=[0, 1]).ravel()
    assert (found["tp"], found["fp"], found["tn"], found["fn"]) == (tp, fp, tn, fn)
    assert (found["tpr"], found["fpr"]) == (tp / (tp + fn), fp / (fp + tn))
    assert found["accuracy"] == accuracy_score(targets, called)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's, where a class is never called
        precision, recall, f1, _ = precision_recall_fscore_support(targets, called, average="macro")
    assert found["macro_recall"] == pytest.approx(recall, abs=1e-15)
    assert found["macro_f1"] == pytest.approx(f1, abs=1e-15)
    if 0 < called.sum() < len(called):
        assert found["macro_precision"] == pytest.approx(precision, abs=1e-15)
    else:
        assert found["macro_precision"] is None


@pytest.mark.parametrize(("hits", "n"), [(0, 1), (0, 300), (1, 7), (5, 5), (37, 900), (899, 900)])
def test_clopper_pearson_is_scipys(hits: int, n: int) -> None:
    theirs = binomtest(hits, n).proportion_ci(0.95, method="exact")
    assert decisions.clopper_pearson(hits, n, 0.95) == pytest.approx((theirs.low, theirs.high), rel=1e-9)


def test_no_false_positive_among_n_is_no_rate_of_zero() -> None:
    """0 of n: the one-sided 95 % bound is 1 - 0.05^(1/n), about 3 / n, and precision does not stay 1."""
    found = decisions.at_threshold(np.repeat([0, 1], 100), np.repeat([0.1, 0.9], 100), 0.5)
    bound = 1 - 0.05 ** (1 / 100)
    assert found["fpr_upper_bound"] == pytest.approx(bound)
    assert found["tpr_lower_bound"] == pytest.approx(1 - bound)
    row = found["base_rates"][1]
    assert (row["base_rate"], row["precision"], row["one_in"]) == (0.001, 1.0, 1.0)
    worst = 0.001 * (1 - bound) / (0.001 * (1 - bound) + 0.999 * bound)
    assert (row["pessimistic_precision"], row["pessimistic_one_in"]) == pytest.approx((worst, 1 / worst))


def test_precision_at_base_rates_by_hand() -> None:
    assert decisions.precision_at(0.9, 0.1, 0.1) == 0.5
    assert decisions.precision_at(1.0, 0.0, 0.01) == 1.0
    assert decisions.precision_at(0.0, 0.2, 0.01) == 0.0
    assert decisions.precision_at(0.0, 0.0, 0.01) is None
    found = {row["base_rate"]: row["one_in"] for row in decisions.base_rates(0.5, 0.01)}
    assert list(found) == [0.0001, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9]
    assert found[0.01] == pytest.approx((0.005 + 0.0099) / 0.005)
    never = decisions.base_rates(0.0, 0.0, (0.0, 0.03))
    assert all(row["precision"] is row["one_in"] is row["pessimistic_precision"] is None for row in never)
    useless = decisions.base_rates(0.0, 0.2)
    assert all(row["precision"] == 0 and row["one_in"] is None for row in useless)


def test_what_the_call_centre_of_the_sok_would_take() -> None:
    """Published: 1 in 333 (the abstract), an EER of 0.029 of the best detector, 0.01 % as the lowest base
    rate. Not published with the first, as far as we have it: its TPR and FPR. The second and third give
    299.6; 333 takes an FPR of 3.32 %."""
    one_in = {
        fpr: 1 / decisions.precision_at(tpr, fpr, 0.0001)
        for tpr, fpr in ((1 - 0.029, 0.029), (1.0, 0.033), (1.0, 0.0332))
    }
    assert {fpr: round(n, 1) for fpr, n in one_in.items()} == {0.029: 299.6, 0.033: 331.0, 0.0332: 333.0}


@pytest.mark.parametrize(
    ("tpr", "fpr", "rate", "said"),
    [
        (1.1, 0.1, 0.1, "TPR 1.1"),
        (0.9, -0.1, 0.1, "FPR -0.1"),
        (float("nan"), 0.1, 0.1, "TPR nan"),
        (0.9, 0.1, 0.0, "base rate 0.0"),
        (0.9, 0.1, 1.0, "base rate 1.0"),
        (0.9, 0.1, 10.0, "base rate 10.0"),
    ],
)
def test_rates_that_are_none_are_refused(tpr: float, fpr: float, rate: float, said: str) -> None:
    with pytest.raises(InputError, match=said):
        decisions.precision_at(tpr, fpr, rate)


def test_thresholds_chosen_by_hand() -> None:
    # From the highest score on, (flagged genuine, flagged forged): (0, 1) (1, 2) (1, 3) (2, 3) (3, 4) (4, 4)
    assert decisions.choose(TARGETS, SCORES, "fpr=0.01") == 0.9
    assert decisions.choose(TARGETS, SCORES, "fpr=0.25") == 0.6
    assert (
        decisions.choose(TARGETS, SCORES, "fpr=0.5") == 0.6
    )  # 0.4 finds no more, and flags one genuine clip more
    assert decisions.choose(TARGETS, SCORES, "eer") == 0.6  # one genuine clip flagged, one forged missed
    assert decisions.choose(TARGETS, SCORES, "youden") == 0.6
    assert decisions.choose(TARGETS, SCORES, "f1") == 0.6  # 2 x 3 / (4 + 3 + 1) = 0.75; 0.2 has 8 / 11


@given(scored())
@settings(max_examples=60, deadline=None)
def test_no_threshold_is_better_than_the_chosen_one(data: tuple[np.ndarray, np.ndarray]) -> None:
    targets, scores = data

    def rates(threshold: float) -> tuple[float, float, float]:
        called = scores >= threshold
        tp, fp = (called & (targets == 1)).sum(), (called & (targets == 0)).sum()
        n_forged = targets.sum()
        return tp / n_forged, fp / (len(targets) - n_forged), 2 * tp / (n_forged + tp + fp)

    worth = {
        "eer": lambda tpr, fpr, _: -abs(fpr - (1 - tpr)),
        "youden": lambda tpr, fpr, _: tpr - fpr,
        "f1": lambda _, __, f1: f1,
        "fpr=0.3": lambda tpr, fpr, _: tpr if fpr <= 0.3 else -1,
    }
    for rule, value in worth.items():
        best = max(value(*rates(threshold)) for threshold in scores)
        if rule == "fpr=0.3" and best <= 0:
            with pytest.raises(InputError, match="no threshold"):
                decisions.choose(targets, scores, rule)
        else:
            assert value(*rates(decisions.choose(targets, scores, rule))) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("rule", ["fpr", "fpr=", "fpr=0", "fpr=1", "fpr=nan", "fpr=a", "accuracy", ""])
def test_other_rules_are_refused(rule: str) -> None:
    with pytest.raises(InputError, match="wanted fpr=RATE"):
        decisions.choose(TARGETS, SCORES, rule)


def test_one_class_is_refused_by_every_measure() -> None:
    for measure in (decisions.at_threshold, lambda t, s, _: calibration.calibration(t, s), decisions.choose):
        with pytest.raises(InputError, match="0 genuine and 2 forged"):
            measure([1, 1], [0.1, 0.2], 0.5)
