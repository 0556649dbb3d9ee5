"""Clusters of points: PCA, k-means, and how good and how stable they are. All of it is scikit-learn's.

    space = reduce(features, 64, seed=1)
    curve = over_k(space.points, range(2, 31), seed=1)     # Calinski-Harabasz and silhouette of each k
    k = elbow(curve["k"], curve["calinski_harabasz"])
    clusters = fit(space.points, k, seed=1)
    clusters.assign(space.of(others))                      # numbers of the nearest centres, and distances

The steps are those of the KCE system: PCA to 64 dimensions, k-means, and the index of Calinski and Harabasz
(1974). With one seed all numbers are equal to the bit: k-means adds up on one thread.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, calinski_harabasz_score, silhouette_score
from sklearn.metrics.cluster import contingency_matrix
from threadpoolctl import threadpool_limits

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STARTS = 10  # runs of k-means from different beginnings, of which the best is kept
SILHOUETTE_CLIPS = 5000  # more are sampled: the silhouette takes time by the square of their number


@dataclass(frozen=True)
class Space:
    """The space in which points are clustered.

    points: float64 (N, d), the points it was made of
    pca: what reduced them, None if nothing did
    kept: share of the variance that is left, 1.0 without a reduction
    """

    points: Floats
    pca: PCA | None
    kept: float

    def of(self, features: ArrayLike) -> Floats:
        """Other features, (n, D), in this space: (n, d)."""
        values = np.asarray(features, np.float64)
        if self.pca is None:
            return values
        with threadpool_limits(1):
            return self.pca.transform(values)


@dataclass(frozen=True)
class Clusters:
    """Clusters, the largest first.

    centres: float64 (k, d); labels: int64 (N,), from 0, of the points that they were made of
    """

    centres: Floats
    labels: Ints

    def assign(self, points: Floats) -> tuple[Ints, Floats]:
        """The number of the nearest centre and the distance to it, of each of (n, d) points."""
        distances = cdist(points, self.centres)
        nearest = distances.argmin(1)
        return nearest, distances[np.arange(len(points)), nearest]


def reduce(features: ArrayLike, dimensions: int | None, seed: int) -> Space:
    """Principal components of features (N, D), `dimensions` of them, or as many as there can be if that is
    fewer; None: the features as they are."""
    values = np.asarray(features, np.float64)
    if dimensions is None:
        return Space(values, None, 1.0)
    count = min(dimensions, *values.shape)
    with threadpool_limits(1):
        pca = PCA(count, svd_solver="full", random_state=seed).fit(values)
        kept = float(np.nan_to_num(pca.explained_variance_ratio_.sum()))
        return Space(pca.transform(values), pca, kept)


def fit(points: Floats, k: int, seed: int) -> Clusters:
    """k-means, the best of `STARTS` runs. Clusters are numbered by size, then by their first point."""
    with threadpool_limits(1):
        found = KMeans(k, n_init=STARTS, random_state=seed).fit(points)
    sizes = np.bincount(found.labels_, minlength=k)
    first = np.array([int(np.argmax(found.labels_ == label)) for label in range(k)])
    order = np.lexsort((first, -sizes))
    return Clusters(found.cluster_centers_[order], np.argsort(order)[found.labels_].astype(np.int64))


def over_k(points: Floats, ks: Iterable[int], seed: int) -> pd.DataFrame:
    """How good the clusters of each k are: columns k, calinski_harabasz, silhouette, inertia (the sum of
    squared distances from the centres). NaN where a measure is not defined."""
    rows = []
    for k in ks:
        clusters = fit(points, k, seed)
        inertia = float(((points - clusters.centres[clusters.labels]) ** 2).sum())
        rows.append({"k": k, **quality(points, clusters.labels, seed), "inertia": inertia})
    return pd.DataFrame(rows)


def quality(points: Floats, labels: ArrayLike, seed: int) -> dict[str, float]:
    """calinski_harabasz and silhouette of labelled points; NaN if there are fewer than two labels, or as many
    as points. The silhouette is that of `SILHOUETTE_CLIPS` points if there are more."""
    labels = np.asarray(labels)
    if not 1 < len(np.unique(labels)) < len(points):
        return {"calinski_harabasz": np.nan, "silhouette": np.nan}
    sample = SILHOUETTE_CLIPS if len(points) > SILHOUETTE_CLIPS else None
    with threadpool_limits(1):
        silhouette = silhouette_score(points, labels, sample_size=sample, random_state=seed)
        return {
            "calinski_harabasz": float(calinski_harabasz_score(points, labels)),
            "silhouette": float(silhouette),
        }


def elbow(ks: Sequence[int] | pd.Series, values: Sequence[float] | pd.Series) -> int:
    """The k at which the curve is farthest from the straight line between its ends, the smallest of equals.

    It is the knee of a curve that falls ever more slowly, and the top of one that rises and then falls. The
    rule is that of Satopää et al., "Finding a 'Kneedle' in a Haystack" (2011), without its smoothing.
    """
    x, y = np.asarray(ks, np.float64), np.asarray(values, np.float64)
    known = np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) < 3:
        return int(np.asarray(ks)[0])
    line = y[0] + (y[-1] - y[0]) * (x - x[0]) / (x[-1] - x[0])
    return int(x[np.abs(y - line).argmax()])


def stability(points: Floats, k: int, seeds: Sequence[int]) -> dict[str, float]:
    """How alike the clusters of several seeds are: mean and least adjusted Rand index over their pairs."""
    labels = [fit(points, k, seed).labels for seed in seeds]
    rands = [adjusted_rand_score(a, b) for at, a in enumerate(labels) for b in labels[at + 1 :]]
    return {"rand_mean": float(np.mean(rands)), "rand_least": float(np.min(rands))}


def agreement(labels: ArrayLike, kinds: ArrayLike) -> dict[str, float]:
    """How well labels agree with known kinds: adjusted Rand index; purity, the share of points whose kind is
    the commonest of their label."""
    table = contingency_matrix(kinds, labels)
    return {
        "adjusted_rand": float(adjusted_rand_score(kinds, labels)),
        "purity": float(table.max(0).sum() / table.sum()),
    }
