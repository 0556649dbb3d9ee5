"""Cross-validated AUC of small linear models, with a permutation test that refits, for several at once.

    basis = features(numbers, tags, vectors)           # (N, D), made without the labels
    tested = assess([(basis, rows), ...], labels, groups, Permuting(seed=1))

The model is least squares with a ridge penalty on the labels. Its scores are linear in the labels, so that
one matrix product scores all permutations: each is a refit of all folds, and nothing is approximated. The
penalty is a function of the features alone: at most a tenth as many degrees of freedom as clips. Folds keep
groups together and are drawn without the labels, so that they serve every permutation.

Labels move by group, as a whole: a group gets the labels of another group, in random order, repeated or cut
to its size. So clips of one person or one source count as one. That the labels of groups could be swapped is
the hypothesis which is tested.

Several probes are corrected by the step-down minimum of p of Westfall and Young, Resampling-Based Multiple
Testing, 1993: all probes see the same permutations, so probes that depend on each other cost less than with
Bonferroni's correction.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from telltale.runtime.progress import each, say

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

FOLDS = 5
REPEATS = 3  # of the folds, whose scores are averaged
BLOCK = 250  # permutations that are scored at once
FEW = 8  # values up to which a number is taken as a category
CATEGORIES = 40
COMPONENTS = 16
ANNOUNCED_SECONDS = 300.0
FREEDOM = 10  # clips for each degree of freedom


@dataclass(frozen=True)
class Permuting:
    """permutations: how many; resamples: of the bootstrap; seed: of folds, permutations and resamples."""

    permutations: int = 2000
    resamples: int = 1000
    seed: int = 1


@dataclass(frozen=True)
class Tested:
    """What one probe gave.

    auc, low, high: of the scores of held-out clips, and its 95 % interval over resampled groups.
    chance: the AUC that one permutation in twenty reaches.
    p, p_corrected: of as high an AUC without any relation, alone and among all probes.
    """

    auc: float
    low: float
    high: float
    chance: float
    p: float
    p_corrected: float


def features(numbers: Floats, tags: Sequence[Sequence[str]], vectors: Floats | None = None) -> Floats:
    """Float64 (N, D), D >= 0, centred, of what a probe reads; no label is involved.

    numbers: (N, K) finite. Each becomes its rank, in a quadratic spline; with few values, categories.
    tags: texts of N clips each. Values that occur once count as one category.
    vectors: (N, V) finite: up to 16 principal components, which are then numbers.
    """
    columns: list[Floats] = [numbers[:, number] for number in range(numbers.shape[1])]
    if vectors is not None:
        columns += list(_components(vectors).T)
    parts = [_spline(column) for column in columns]
    parts += [_categories(np.asarray(texts, dtype=object).astype(str)) for texts in tags]
    basis = np.concatenate([np.zeros((len(numbers), 0)), *parts], axis=1)
    return basis - basis.mean(axis=0)


def _spline(column: Floats) -> Floats:
    from scipy.stats import rankdata
    from sklearn.preprocessing import SplineTransformer

    values = np.unique(column)
    if len(values) <= FEW:
        return _categories(column.astype(str))
    ranks = (rankdata(column) - 0.5) / len(column)
    knots = np.linspace(0, 1, 5)[:, None]
    spline = SplineTransformer(degree=2, knots=knots, include_bias=False).fit_transform(ranks[:, None])
    return np.concatenate([spline, (ranks[:, None] - 0.5) * 2], axis=1)


def _categories(texts: NDArray[np.str_]) -> Floats:
    values, counts = np.unique(texts, return_counts=True)
    common = values[np.argsort(-counts, kind="stable")][:CATEGORIES]
    common = common[np.isin(common, values[counts > 1])]
    hot = (texts[:, None] == common).astype(np.float64)
    return np.concatenate([hot, 1 - hot.sum(axis=1, keepdims=True)], axis=1)


def _components(vectors: Floats) -> Floats:
    from sklearn.decomposition import PCA

    spread = vectors.std(axis=0)
    scaled = (vectors - vectors.mean(axis=0))[:, spread > 1e-6] / spread[spread > 1e-6]
    count = min(COMPONENTS, scaled.shape[1], len(scaled) - 1)
    if count < 1:
        return np.zeros((len(vectors), 0))
    return PCA(count, svd_solver="full" if len(scaled) < 5000 else "covariance_eigh").fit_transform(scaled)


def assess(probes: Sequence[tuple[Floats, Rows]], labels: Rows, groups: Rows, how: Permuting) -> list[Tested]:
    """Test probes together.

    probes: of each the basis (n, D) and its rows among all N clips, n of them, of both classes.
    labels: (N,) 0 or 1.
    groups: (N,) codes from 0.
    """
    arranged = arrangements(labels, groups, how)
    aucs: list[Floats] = []
    scores: list[Floats] = []
    began = time.perf_counter()
    for basis, rows in each(probes, "testing probes", "probe"):
        values, own = _fold_aucs(basis, arranged[:, rows], groups[rows], how.seed)
        aucs.append(values)
        scores.append(own)
        estimate = (time.perf_counter() - began) * len(probes)
        if len(scores) == 1 and estimate > ANNOUNCED_SECONDS:
            say(f"testing {len(probes)} probes will take about {estimate / 60:.0f} minutes")
    alone, corrected = p_values(np.array(aucs))
    tested = []
    for number, (_, rows) in enumerate(probes):
        low, high = group_interval(labels[rows], scores[number], groups[rows], how)
        chance = float(np.quantile(aucs[number], 0.95))
        tested.append(
            Tested(float(aucs[number][0]), low, high, chance, float(alone[number]), float(corrected[number]))
        )
    return tested


def arrangements(labels: Rows, groups: Rows, how: Permuting) -> NDArray[np.int8]:
    """int8 (1 + permutations, N): the labels, then their permutations."""
    rng = np.random.default_rng([how.seed, 1])
    _, codes, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    starts = np.cumsum(sizes) - sizes
    inside = np.empty(len(codes), np.int64)  # a clip's place in its group
    inside[np.argsort(codes, kind="stable")] = np.arange(len(codes)) - np.repeat(starts, sizes)
    out = np.empty((1 + how.permutations, len(labels)), np.int8)
    out[0] = labels
    for row in range(1, len(out)):
        shuffled = np.lexsort((rng.random(len(codes)), codes))
        source = rng.permutation(len(sizes))[codes]
        out[row] = labels[shuffled[starts[source] + inside % sizes[source]]]
    return out


def folds(groups: Rows, seed: int) -> list[list[Rows]]:
    """For each repeat the rows of each fold. Groups stay together; labels are not looked at."""
    from sklearn.model_selection import GroupKFold

    count = min(FOLDS, len(np.unique(groups)))
    drawn = []
    for repeat in range(REPEATS):
        state = int(np.random.default_rng([seed, 2, repeat]).integers(2**31))
        split = GroupKFold(count, shuffle=True, random_state=state).split(groups, groups=groups)
        drawn.append([rows.astype(np.int64) for _, rows in split])
    return drawn


def _fold_aucs(basis: Floats, arranged: NDArray[np.int8], groups: Rows, seed: int) -> tuple[Floats, Floats]:
    """The AUC under each arrangement, (1 + P,), and the scores of the clips under the first, (n,)."""
    drawn, penalty = folds(groups, seed), _penalty(basis)
    aucs, own = np.full(len(arranged), 0.5), np.zeros(len(basis))
    if not basis.shape[1] or not np.abs(basis).max() > 1e-9:
        return aucs, own
    for first in range(0, len(arranged), BLOCK):
        part = arranged[first : first + BLOCK].T.astype(np.float64)
        scores = np.zeros_like(part)
        for repeat in drawn:
            for held in repeat:
                scores[held] += _held_out(basis, part, held, penalty)
        aucs[first : first + BLOCK] = auc_columns(part, scores)
        if first == 0:
            own = scores[:, 0].copy()
    return aucs, own


def _held_out(basis: Floats, labels: Floats, held: Rows, penalty: float) -> Floats:
    """Scores of the held-out clips by models of the others: (n_held, P) of labels (n, P)."""
    kept = np.setdiff1d(np.arange(len(basis)), held)
    middle, train = basis[kept].mean(axis=0), basis[kept]
    train = train - middle
    target = labels[kept] - labels[kept].mean(axis=0)
    inner = train.T @ train + penalty * np.eye(basis.shape[1])
    return (basis[held] - middle) @ np.linalg.solve(inner, train.T @ target)


def _penalty(basis: Floats) -> float:
    """The ridge at which the fit has a degree of freedom for every ten clips, or next to none if the basis
    has fewer."""
    powers = np.maximum(np.linalg.eigvalsh(basis.T @ basis), 0.0)
    wanted = max(2.0, len(basis) / FREEDOM)
    low, high = 1e-6 * max(powers.max(initial=0.0), 1.0), 1e6 * max(powers.max(initial=0.0), 1.0)
    if (powers / (powers + low)).sum() <= wanted:
        return low
    for _ in range(60):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if (powers / (powers + middle)).sum() > wanted else (low, middle)
    return high


def auc_columns(labels: Floats, scores: Floats) -> Floats:
    """AUC of each column of (n, P); ties count one half, 0.5 if a column has one class."""
    from scipy.stats import rankdata

    scale = np.abs(scores).max(axis=0, initial=0.0)
    ranks = rankdata(np.round(scores / np.where(scale > 0, scale, 1.0), 9), axis=0)
    ones = labels.sum(axis=0)
    pairs = ones * (len(labels) - ones)
    above = (ranks * labels).sum(axis=0) - ones * (ones + 1) / 2
    return np.where(pairs > 0, above / np.maximum(pairs, 1), 0.5)


def p_values(aucs: Floats) -> tuple[Floats, Floats]:
    """(K,) p alone, and (K,) p corrected, of (K, 1 + P) AUCs of which the first column was observed."""
    from scipy.stats import rankdata

    count = aucs.shape[1]
    # The share of arrangements, itself included, with as high an AUC: a p for each arrangement.
    shares = rankdata(-np.round(aucs, 12), method="max", axis=1) / count
    alone = shares[:, 0]
    corrected = np.empty(len(aucs))
    order = np.argsort(alone, kind="stable")
    reached = 0.0
    for place, number in enumerate(order):
        least = shares[order[place:]].min(axis=0)
        reached = max(reached, float((least <= least[0] + 1e-12).mean()))
        corrected[number] = reached
    return alone, corrected


def group_interval(labels: Rows, scores: Floats, groups: Rows, how: Permuting) -> tuple[float, float]:
    """The 95 % interval of the AUC over resamples of whole groups; nan if no resample has both classes."""
    rng = np.random.default_rng([how.seed, 3])
    _, codes = np.unique(groups, return_inverse=True)
    values, ranks = np.unique(np.round(scores / max(np.abs(scores).max(), 1e-30), 9), return_inverse=True)
    drawn = []
    for _ in range(how.resamples):
        total = codes.max() + 1
        weights = np.bincount(rng.integers(total, size=total), minlength=total)[codes].astype(np.float64)
        ones = np.bincount(ranks, weights * labels, len(values))
        zeros = np.bincount(ranks, weights * (1 - labels), len(values))
        if ones.sum() and zeros.sum():
            below = np.cumsum(zeros) - zeros / 2
            drawn.append(float((ones * below).sum() / (ones.sum() * zeros.sum())))
    if not drawn:
        return float("nan"), float("nan")
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(high)
