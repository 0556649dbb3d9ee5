"""Clusters of points whose answers are known."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import calinski_harabasz_score

from telltale.study.clustering import agreement, elbow, fit, over_k, quality, reduce, stability


def blobs(count: int = 5, each: int = 20, width: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Points around `count` corners, far apart, and the corner of each."""
    rng = np.random.default_rng(4)
    kinds = np.repeat(np.arange(count), each)
    return 8 * np.eye(width)[kinds] + rng.normal(size=(count * each, width)), kinds


def test_planted_blobs_are_found_and_the_elbow_is_their_number() -> None:
    points, kinds = blobs()
    space = reduce(points, 8, seed=1)
    curve = over_k(space.points, range(2, 11), seed=1)
    assert elbow(curve["k"], curve["calinski_harabasz"]) == 5
    assert curve["silhouette"].idxmax() == 3  # k = 5
    clusters = fit(space.points, 5, seed=1)
    assert agreement(clusters.labels, kinds) == {"adjusted_rand": 1.0, "purity": 1.0}
    assert stability(space.points, 5, [1, 2, 3]) == {"rand_mean": 1.0, "rand_least": 1.0}
    assert stability(np.random.default_rng(1).normal(size=(60, 4)), 6, [1, 2, 3])["rand_least"] < 0.9

    nearest, distances = clusters.assign(space.of(8 * np.eye(12)[[3, 0]]))
    assert nearest.tolist() == [clusters.labels[60], clusters.labels[0]]
    assert (distances < 2).all()
    assert clusters.assign(space.points)[0].tolist() == clusters.labels.tolist()


def test_one_seed_gives_one_result_and_clusters_are_numbered_by_size() -> None:
    points, _ = blobs(3)
    points = np.concatenate([points[:20], points[20:30], points[40:]])
    first, second = (fit(reduce(points, 4, seed=2).points, 3, seed=2) for _ in range(2))
    assert np.array_equal(first.centres, second.centres) and np.array_equal(first.labels, second.labels)
    assert np.bincount(first.labels).tolist() == [20, 20, 10]
    assert first.labels[0] == 0 and first.labels[20] == 2


def test_calinski_harabasz_by_hand() -> None:
    points, labels = np.array([[0.0], [2.0], [10.0], [12.0], [14.0]]), np.array([0, 0, 1, 1, 1])
    # Mean 7.6; between: 2 (1 - 7.6)^2 + 3 (12 - 7.6)^2 = 145.2, over k - 1 = 1; within: 2 + 8 = 10, over 3.
    value = quality(points, labels, seed=0)["calinski_harabasz"]
    assert value == pytest.approx(145.2 / (10 / 3)) == pytest.approx(calinski_harabasz_score(points, labels))
    assert np.isnan(quality(points, np.zeros(5), seed=0)["calinski_harabasz"])


def test_pca_keeps_what_is_there_and_no_more_dimensions_than_points() -> None:
    points, _ = blobs(2, 3)
    space = reduce(points, 64, seed=0)
    assert space.points.shape == (6, 6)
    assert space.kept == pytest.approx(1.0)
    assert 0.5 < reduce(points, 1, seed=0).kept < 1
    assert reduce(points, None, seed=0).points.shape == points.shape


@pytest.mark.parametrize(
    ("values", "expected"),
    [([100, 60, 40, 32, 28, 26, 25], 4), ([1, 5, 9, 5, 3, 2, 1], 4), ([3, 2], 2), ([np.nan] * 4, 2)],
)
def test_the_elbow_is_the_farthest_point_from_the_line(values: list[float], expected: int) -> None:
    ks = pd.Series(range(2, 2 + len(values)))
    assert elbow(ks, pd.Series(values)) == expected


def test_agreement_with_kinds_by_hand() -> None:
    found = agreement([0, 0, 0, 1, 1], ["a", "a", "b", "b", "b"])
    assert found["purity"] == pytest.approx(4 / 5)
    assert 0 < found["adjusted_rand"] < 1
