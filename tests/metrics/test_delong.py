"""DeLong's standard error and test: against the definition with every pair of clips, by hand, and by drawing
again."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from telltale.errors import InputError
from telltale.metrics import delong


def direct(targets: np.ndarray, *models: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AUCs (K,) and their covariance (K, K) from all n x m pairs, as the paper of 1988 writes them."""
    over, under = [], []
    for scores in models:
        forged, genuine = scores[targets == 1], scores[targets == 0]
        wins = (forged[:, None] > genuine) + 0.5 * (forged[:, None] == genuine)
        over.append(wins.mean(axis=1))
        under.append(wins.mean(axis=0))
    m, n = len(over[0]), len(under[0])
    return np.mean(over, axis=1), np.atleast_2d(np.cov(over)) / m + np.atleast_2d(np.cov(under)) / n


@st.composite
def scored(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    targets = draw(
        st.lists(st.integers(0, 1), min_size=4, max_size=40).filter(lambda t: 2 <= sum(t) <= len(t) - 2)
    )
    models = [
        draw(st.lists(st.integers(0, 9), min_size=len(targets), max_size=len(targets))) for _ in range(2)
    ]
    return np.array(targets), *(np.array(scores) / 9 for scores in models)


@given(scored())
@settings(max_examples=100, deadline=None)
def test_midranks_give_what_all_pairs_give(data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    targets, one, other = data
    aucs, covariance = direct(targets, one, other)
    found = delong.interval(targets, one)
    assert found["value"] == pytest.approx(roc_auc_score(targets, one), abs=1e-12)
    assert found["standard_error"] == pytest.approx(math.sqrt(max(covariance[0, 0], 0)), abs=1e-9)
    both = delong.compare(targets, one, other)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    assert both["difference"] == pytest.approx(aucs[1] - aucs[0], abs=1e-12)
    assert both["standard_error"] == pytest.approx(math.sqrt(max(variance, 0)), abs=1e-7)
    if variance > 1e-9:
        z = (aucs[1] - aucs[0]) / math.sqrt(variance)
        assert both["z"] == pytest.approx(z, rel=1e-6, abs=1e-9)
        assert both["p"] == pytest.approx(2 * norm.sf(abs(z)), rel=1e-5, abs=1e-12)
        assert both["high"] - both["low"] == pytest.approx(
            2 * norm.ppf(0.975) * math.sqrt(variance), rel=1e-6
        )


def test_by_hand() -> None:
    """Forged 0.9 and 0.4, genuine 0.5 and 0.1: the forged clips beat 1 and 1/2 of the genuine, which lose to
    1/2 and 1."""
    targets, scores = np.array([1, 1, 0, 0]), np.array([0.9, 0.4, 0.5, 0.1])
    beats, beaten = delong.placements(targets, scores)
    assert (beats.tolist(), beaten.tolist()) == ([1.0, 0.5], [0.5, 1.0])
    found = delong.interval(targets, scores)
    error = math.sqrt(0.125 / 2 + 0.125 / 2)  # each variance is 2 x 0.25^2 / 1
    assert (found["value"], found["standard_error"]) == (0.75, pytest.approx(error))
    reach = norm.ppf(0.975) * error / (0.75 * 0.25)
    assert found["low"] == pytest.approx(1 / (1 + math.exp(-(math.log(3) - reach))))
    assert found["high"] == pytest.approx(1 / (1 + math.exp(-(math.log(3) + reach))))


def test_the_order_of_the_models_is_the_sign_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    targets = np.repeat([0, 1], 60)
    one, other = rng.random(120), rng.random(120) * 0.5 + targets * 0.2
    there, back = delong.compare(targets, one, other), delong.compare(targets, other, one)
    assert there["difference"] == pytest.approx(-back["difference"])
    assert (there["p"], there["standard_error"]) == pytest.approx((back["p"], back["standard_error"]))
    assert there["low"] == pytest.approx(-back["high"])


def test_the_interval_covers_and_the_test_errs_as_often_as_they_say() -> None:
    """400 samples of 80 + 80 clips of two normal distributions a width apart, AUC Phi(1 / sqrt(2)); two
    equally good models."""
    truth, rng = norm.cdf(1 / math.sqrt(2)), np.random.default_rng(1)
    targets = np.repeat([0, 1], 80)
    covered = rejected = 0
    for _ in range(400):
        shared = rng.normal(size=160)
        models = [norm.cdf(0.8 * shared + 0.6 * rng.normal(size=160) + targets) for _ in range(2)]
        found = delong.interval(targets, models[0])
        covered += found["low"] <= truth <= found["high"]
        rejected += delong.compare(targets, *models)["p"] < 0.05
    # Binomial around 95 % and 5 % of 400: three standard deviations are 13.
    assert 380 - 14 <= covered <= 394
    assert 6 <= rejected <= 34


def test_no_error_no_verdict() -> None:
    targets, scores = np.array([0, 0, 1, 1, 0, 1]), np.array([0.1, 0.3, 0.2, 0.9, 0.5, 0.6])
    same = delong.compare(targets, scores, scores**2)
    assert same == {"difference": 0.0, "standard_error": 0.0, "z": None, "p": None, "low": None, "high": None}
    perfect = delong.interval(targets, targets * 0.8 + 0.1)
    assert (perfect["value"], perfect["standard_error"], perfect["low"], perfect["high"]) == (
        1.0,
        0.0,
        None,
        None,
    )


def test_one_clip_of_a_class_and_unequal_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="two or more genuine and two or more forged"):
        delong.interval([0, 0, 1], [0.1, 0.2, 0.3])
    with pytest.raises(InputError, match="two or more genuine and two or more forged"):
        delong.compare([0, 1, 1], [0.1, 0.2, 0.3], [0.1, 0.2, 0.3])
    with pytest.raises(InputError, match=r"\(4,\).*\(3,\)"):
        delong.compare([0, 1, 1, 0], [0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3])
