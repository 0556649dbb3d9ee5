"""What `telltale study cluster` is asked, and what it finds: types that the study and its page share."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from telltale.study.clustering import Clusters, Space


@dataclass(frozen=True)
class Options:
    """What is clustered, and how.

    run: a run's folder with best.pt, or a checkpoint
    data, out: the data set; the study's folder
    k: clusters; None: the elbow of the Calinski-Harabasz index over `ks`
    ks: first and last k of the curve; None: as much of `cluster.RANGE` as there are clips for
    dimensions: principal components; None: the features as they are
    seed: of k-means and of the map
    method_column: of the label files or meta.csv, what the clusters are compared with; None: nothing
    splits: whose forged clips are in clusters.csv; "train" must be among them
    store: folder of decoded clips
    """

    run: Path
    data: Path
    out: Path
    k: int | None = None
    ks: tuple[int, int] | None = None
    dimensions: int | None = 64
    seed: int = 0
    method_column: str | None = None
    splits: Sequence[str] = ("train", "validation")
    store: Path | None = None

    @property
    def checkpoint(self) -> Path:
        return self.run / "best.pt" if self.run.is_dir() else self.run


@dataclass(frozen=True)
class Found:
    """The result: forged clips that have features, their space and their clusters.

    clips: of `read_clips`, with columns cluster and distance; train: bool (N,), which of them made the
    clusters; curve: of `over_k`; elbow: its k
    """

    clips: pd.DataFrame
    train: np.ndarray
    space: Space
    clusters: Clusters
    curve: pd.DataFrame
    elbow: int
