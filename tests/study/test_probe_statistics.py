"""The test behind the probes: uniform p without a relation, groups as units, refits that are refits."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from telltale.study.probe_statistics import (
    Permuting,
    _held_out,
    _penalty,
    arrangements,
    assess,
    auc_columns,
    features,
    folds,
    group_interval,
    p_values,
)

FAST = Permuting(permutations=99, resamples=20)


def alone(count: int) -> np.ndarray:
    """Each clip its own group."""
    return np.arange(count)


def draw(seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, 77])


def rejected(ps: list[float], level: float) -> float:
    return float(np.mean([p <= level for p in ps]))


def test_p_is_uniform_without_a_relation():
    ps = []
    for seed in range(100):
        rng = draw(seed)
        labels = (rng.permutation(36) < 12).astype(np.int64)
        basis = features(rng.normal(size=(36, 2)), [rng.choice(["a", "b"], 36).tolist()])
        how = Permuting(99, 1, seed)
        ps.append(assess([(basis, alone(36))], labels, alone(36), how)[0].p)
    assert rejected(ps, 0.05) <= 0.11  # the binomial's 99 percentile
    assert 0.36 < rejected(ps, 0.5) < 0.64


def test_clips_of_a_group_count_as_one():
    """Eight groups of six clips that look alike, each of one class: as clips they seem to be a finding."""
    by_group, by_clip = [], []
    for seed in range(40):
        rng = draw(seed)
        groups = np.repeat(np.arange(8), 6)
        labels = (rng.permutation(8) < 4).astype(np.int64)[groups]
        looks = rng.normal(size=(8, 1))[groups] + 0.1 * rng.normal(size=(48, 1))
        probe = [(features(looks, []), alone(48))]
        by_group.append(assess(probe, labels, groups, Permuting(99, 1, seed))[0].p)
        by_clip.append(assess(probe, labels, alone(48), Permuting(99, 1, seed))[0].p)
    assert rejected(by_group, 0.05) <= 0.15
    assert rejected(by_clip, 0.05) > 0.5


def test_a_relation_is_found_and_held_out_clips_show_it():
    rng = draw(5)
    labels = (np.arange(40) < 15).astype(np.int64)
    told = features((labels + 0.1 * rng.normal(size=40))[:, None], [])
    noise = features(rng.normal(size=(40, 3)), [])
    constant = features(np.ones((40, 1)), [["same"] * 40])
    probes = [(each, alone(40)) for each in (told, noise, constant)]
    found = assess(probes, labels, alone(40), Permuting(400, 50))
    assert found[0].auc > 0.95 and found[0].p_corrected < 0.02 and found[0].low > 0.9
    assert found[1].p_corrected > 0.1
    assert found[2].auc == 0.5 and found[2].p == 1.0
    assert all(each.p_corrected >= each.p for each in found)


def test_the_correction_by_hand():
    """Two probes, four arrangements; p alone is the share of arrangements at least as high."""
    aucs = np.array([[0.9, 0.5, 0.6, 0.4], [0.7, 0.8, 0.5, 0.4]])
    single, corrected = p_values(aucs)
    assert single.tolist() == [0.25, 0.5]
    # Lowest p of the four arrangements: 1/4, 1/4, 1/2, 1. Two of four are as low as 1/4.
    assert corrected.tolist() == [0.5, 0.5]


def test_a_family_of_null_probes_is_found_once_in_twenty():
    least = []
    for seed in range(30):
        rng = draw(seed)
        labels = (rng.permutation(30) < 12).astype(np.int64)
        probes = [(features(rng.normal(size=(30, 1)), []), alone(30)) for _ in range(3)]
        least.append(min(each.p_corrected for each in assess(probes, labels, alone(30), Permuting(99, 1))))
    assert rejected(least, 0.05) <= 0.17


def test_a_permutation_moves_labels_by_group():
    groups = np.array([3, 3, 8, 8, 1, 1, 5, 5])
    labels = np.array([1, 1, 0, 0, 0, 1, 0, 0])
    made = arrangements(labels, groups, FAST)
    assert np.array_equal(made[0], labels)
    sums = made.reshape(len(made), 4, 2).sum(axis=2)
    assert all(sorted(row) == [0, 0, 1, 2] for row in sums.tolist())
    assert len({tuple(row) for row in made.tolist()}) > 10
    single = arrangements(labels, np.arange(8), FAST)
    assert (single.sum(axis=1) == 3).all()


def test_folds_keep_groups_together_and_cover_all_clips_once():
    groups = np.repeat(np.arange(9), 3)
    for repeat in folds(groups, seed=4):
        assert sorted(np.concatenate(repeat).tolist()) == list(range(27))
        for held in repeat:
            assert not set(groups[held]) & set(np.delete(groups, held))


def test_a_score_is_that_of_a_ridge_which_has_not_seen_the_clip():
    rng = draw(3)
    basis = features(rng.normal(size=(30, 3)), [])
    labels = rng.integers(0, 2, size=(30, 5)).astype(np.float64)
    held, penalty = np.arange(6), _penalty(basis)
    model = Ridge(alpha=penalty).fit(basis[6:], labels[6:])
    ours = _held_out(basis, labels, held, penalty) + labels[6:].mean(axis=0)
    assert np.allclose(ours, model.predict(basis[:6]))


def test_the_penalty_leaves_a_degree_of_freedom_for_ten_clips():
    basis = features(draw(5).normal(size=(80, 12)), [])
    powers = np.linalg.svd(basis, compute_uv=False) ** 2
    assert (powers / (powers + _penalty(basis))).sum() == pytest.approx(8, rel=1e-3)


def test_auc_of_columns_is_sklearns():
    rng = draw(6)
    scores = rng.integers(0, 4, size=(25, 6)).astype(np.float64)  # with ties
    labels = (rng.random((25, 6)) < 0.4).astype(np.float64)
    wanted = [roc_auc_score(labels[:, k], scores[:, k]) for k in range(6)]
    assert np.allclose(auc_columns(labels, scores), wanted)


def test_the_interval_of_few_groups_is_wide():
    rng = draw(7)
    labels, scores = np.arange(60) % 2, rng.normal(size=60)
    scores += labels
    groups = np.repeat(np.arange(6), 10)
    low, high = group_interval(labels, scores + np.repeat(rng.normal(size=6) * 3, 10), groups, FAST)
    narrow = group_interval(labels, scores, np.arange(60), FAST)
    assert 0 <= low < high <= 1 and 0.5 < narrow[0] < narrow[1]
