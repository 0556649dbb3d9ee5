"""Clusters of a data set's forged clips, by the features of a trained detector: `telltale study cluster`.

    options = Options(Path("runs/one"), Path("data"), Path("clusters"), method_column="kind")
    summary = cluster(options, watch)

The forged training clips are clustered; forged clips of further splits get the nearest centre. The folder
then holds clusters.csv, the tables behind every figure, and index.html.
"""

import json
from typing import Any

import numpy as np
import pandas as pd

from telltale.errors import InputError
from telltale.files import fingerprint, sha256, write_text
from telltale.models import checkpoint
from telltale.predict.features import Features, kept
from telltale.runtime.signals import SignalWatch
from telltale.study import cluster_page
from telltale.study.clips import read_clips, require_column, rows_of
from telltale.study.cluster_types import Found, Options
from telltale.study.clustering import (
    Space,
    agreement,
    elbow,
    fit,
    over_k,
    quality,
    reduce,
    stability,
)
from telltale.study.feature_costs import announce
from telltale.study.folder import StudyFolder

RANGE = (2, 30)
COMPARED = (32, 64, 128, None)  # dimensions, as in the table of document 001
SEEDS = 5  # of stability
STABILITY = 7  # purpose, in the seeds of stability


def cluster(options: Options, watch: SignalWatch) -> dict[str, Any]:
    """Cluster, and write everything into `options.out`; the content of summary.json.

    Raises InputError for a run without weights, data without forged training clips, an unknown column, and
    more clusters than clips; Stopped after a signal.
    """
    forged = _forged(options)
    checkpoint.check(options.checkpoint)
    study = StudyFolder(options.out, "cluster", _about(options))
    rows = rows_of(forged)
    announce(study, options.checkpoint, rows)
    features = kept(study.path / "features.npz", rows, options.checkpoint, watch, store=options.store)
    found, space_note = _found(study, options, forged, features)
    unread = forged[~forged["video_name"].isin(features.names)]
    unread = unread.assign(status=[features.statuses[name] for name in unread["video_name"]])
    study.table("unread", unread[["video_name", "split", "status"]])
    study.table("clusters", found.clips[["video_name", "cluster", "split", "distance"]])
    study.table("k", found.curve)
    compared = _compared(study, options, found, features)
    study.table("dimensions", compared)
    summary = _summary(study, options, found, len(unread))
    cluster_page.write(study, options, found, compared, {**summary, "note": space_note})
    return summary


def _forged(options: Options) -> pd.DataFrame:
    if "train" not in options.splits:
        raise InputError(
            f"--splits {' '.join(options.splits)}: lacks train, whose forged clips are clustered; add it"
        )
    clips = read_clips(options.data, options.splits)
    if options.method_column is not None:
        require_column(clips, options.method_column, options.data)
    forged = clips[clips["target"] == 1].reset_index(drop=True)
    if not (forged["split"] == "train").any():
        raise InputError(
            f"{options.data / 'train_labels.csv'}: has no forged clip; wanted some to be clustered"
        )
    return forged


def _about(options: Options) -> dict[str, Any]:
    asked = {key: getattr(options, key) for key in ("k", "ks", "dimensions", "seed", "method_column")}
    paths = {"run": str(options.run), "data": str(options.data)}
    return {**paths, "model_sha256": sha256(options.checkpoint), **asked, "splits": list(options.splits)}


def _found(
    study: StudyFolder, options: Options, forged: pd.DataFrame, features: Features
) -> tuple[Found, str]:
    clips = forged[forged["video_name"].isin(features.names)].reset_index(drop=True)
    train = (clips["split"] == "train").to_numpy()
    ks = range_of(options, int(train.sum()))
    values = features.of(clips["video_name"])
    space, seed = reduce(values[train], options.dimensions, options.seed), options.seed
    note = reduction(space, options.dimensions)
    # The features decide everything from here on: other weights or clips make the steps anew.
    key = [list(features.names), digest(values)]
    curve = pd.DataFrame(
        study.step("k", lambda: over_k(space.points, ks, seed).to_dict("list"), of=[*key, list(ks)])
    )
    best = elbow(curve["k"], curve["calinski_harabasz"])
    clusters = fit(space.points, options.k or best, seed)
    numbers, distances = clusters.assign(space.of(values))
    numbers[train] = clusters.labels
    clips = clips.assign(cluster=numbers, distance=distances)
    return Found(clips, train, space, clusters, curve, best), note


def range_of(options: Options, count: int) -> range:
    """The k of the curve, for `count` clips. Raises InputError if more clusters than clips were asked for."""
    asked = {"--k": options.k, "--k-range": None if options.ks is None else options.ks[1]}
    for name, k in asked.items():
        if k is not None and k > count:
            raise InputError(
                f"{name}: {k} clusters of {count} forged training clips that could be read; wanted fewer "
                "clusters than clips"
            )
    if count < 3:
        raise InputError(
            f"{options.data}: {count} forged training clips could be read; wanted three or more to cluster"
        )
    first, last = options.ks or RANGE
    return range(first, min(last, count - 1) + 1)


def reduction(space: Space, dimensions: int | None) -> str:
    """A sentence on the space in which clips are clustered."""
    count, width = space.points.shape
    if dimensions is None:
        return f"The {width} features are clustered as they are."
    said = f"{width} principal components keep {space.kept:.1%} of the variance."
    if width < dimensions:
        said = (
            f"{dimensions} dimensions were asked for; {count} clips and their features allow {width}. {said}"
        )
    return said


def _compared(study: StudyFolder, options: Options, found: Found, features: Features) -> pd.DataFrame:
    """The clusters that other numbers of dimensions give, with the same k."""
    values = features.of(found.clips["video_name"][found.train])
    k = len(found.clusters.centres)

    def make() -> list[dict[str, Any]]:
        return [_with_dimensions(options, found, values, dimensions) for dimensions in COMPARED]

    return pd.DataFrame(study.step("dimensions", make, of=[k, digest(values)]))


def _with_dimensions(
    options: Options, found: Found, values: np.ndarray, dimensions: int | None
) -> dict[str, Any]:
    space, k = reduce(values, dimensions, options.seed), len(found.clusters.centres)
    clusters = fit(space.points, k, options.seed)
    return {
        "asked": "none" if dimensions is None else str(dimensions),
        "dimensions": space.points.shape[1],
        "kept_variance": space.kept,
        **quality(space.points, clusters.labels, options.seed),
        **stability(space.points, k, seeds_of(options.seed)),
        "rand_with_used": agreement(clusters.labels, found.clusters.labels)["adjusted_rand"],
        **_known(options, found.clips[found.train], clusters.labels),
    }


def _known(options: Options, clips: pd.DataFrame, labels: np.ndarray) -> dict[str, float]:
    """Agreement with the method column, over clips whose method is known."""
    if options.method_column is None:
        return {}
    kinds = clips[options.method_column].to_numpy(str)
    known = kinds != ""
    return agreement(np.asarray(labels)[known], kinds[known]) if known.any() else {}


def _summary(study: StudyFolder, options: Options, found: Found, unread: int) -> dict[str, Any]:
    """What summary.json holds, as of k-means in the space that was used; by split if methods are known."""
    k, points = len(found.clusters.centres), found.space.points
    clips, seeds = found.clips, seeds_of(options.seed)
    summary = {
        "k": k,
        "elbow": found.elbow,
        "rule": "given" if options.k else "elbow of the Calinski-Harabasz index over k",
        "dimensions": points.shape[1],
        "kept_variance": found.space.kept,
        "clips": clips.groupby("split", sort=False).size().to_dict(),
        "unread": unread,
        "seeds": SEEDS,
        **quality(points, found.clusters.labels, options.seed),
        **study.step("stability", lambda: stability(points, k, seeds), of=[k, digest(points)]),
        "against_methods": {
            split: _known(options, part, part["cluster"].to_numpy())
            for split, part in clips.groupby("split", sort=False)
            if options.method_column is not None
        },
    }
    write_text(study.path / "summary.json", json.dumps(summary, indent=2) + "\n")
    return summary


def seeds_of(seed: int) -> list[int]:
    """The seeds of which `stability` is measured."""
    return np.random.default_rng([seed, STABILITY]).integers(2**31, size=SEEDS).tolist()


def digest(values: np.ndarray) -> str:
    """16 hex digits that change if a value of the array does."""
    return fingerprint(values.tobytes().hex())
