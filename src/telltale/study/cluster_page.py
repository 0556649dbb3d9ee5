"""The figures and the page of `telltale study cluster`: indices over k, a map, contact sheets, tables."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from telltale import config
from telltale.data import transforms
from telltale.data.clip import fixed_positions, read_clip
from telltale.report import cluster_figures
from telltale.report.page import Page
from telltale.study.cluster_types import Found, Options
from telltale.study.clustering import Floats
from telltale.study.folder import StudyFolder

MAPPED = 3000  # clips of the map at most
SHEET_CLIPS, SHEET_FRAMES, SHEET_PIXELS = 6, 5, 128
MAP, SHEETS = 8, 9  # purposes, in the seeds


def write(
    study: StudyFolder, options: Options, found: Found, compared: pd.DataFrame, summary: dict[str, Any]
) -> None:
    """Write the figures, the tables behind them, and index.html."""
    page = Page("Clusters of forged clips")
    page.text(
        f"Features of {options.run} for the forged clips of {options.data}; k-means over the "
        f"{int(found.train.sum())} of the training split, seed {options.seed}. {summary['note']}"
    )
    if summary["unread"]:
        page.text(f"{summary['unread']} forged clips could not be read and are in no cluster: unread.csv.")
    _curve(page, study, found, summary)
    _map(page, study, options, found)
    _tables(page, study, options, found, compared)
    _sheets(page, study, options, found)
    page.write(study.path / "index.html")


def _curve(page: Page, study: StudyFolder, found: Found, summary: dict[str, Any]) -> None:
    curve, k = found.curve, summary["k"]
    indices = {"Calinski-Harabasz index": curve["calinski_harabasz"], "Silhouette": curve["silhouette"]}
    cluster_figures.over_k(curve["k"], indices, found.elbow, k, study.path / "k.png")
    page.heading("How many clusters")
    page.text(
        f"{k} clusters were used ({summary['rule']}). The elbow is the k at which the Calinski-Harabasz "
        "index is farthest from the straight line between the ends of its curve (dashed). K-means with "
        f"{summary['seeds']} other seeds finds clusters of which two have an adjusted Rand index of "
        f"{summary['rand_mean']:.3f} on average and {summary['rand_least']:.3f} at least."
    )
    page.figure(
        "k.png", "Figure 1. Two indices of the clusters over their number k (k.csv); higher is better."
    )


def _map(page: Page, study: StudyFolder, options: Options, found: Found) -> None:
    clips, points = found.clips[found.train], found.space.points
    chosen = np.arange(len(points))
    if len(points) > MAPPED:
        rng = np.random.default_rng([options.seed, MAP])
        chosen = np.sort(rng.choice(len(points), MAPPED, replace=False))
    places = tsne(points[chosen], options.seed)
    shown = clips.iloc[chosen][["video_name", "cluster"]].assign(x=places[:, 0], y=places[:, 1])
    study.table("map", shown)
    panels = {"Clusters": [str(number) for number in shown["cluster"]]}
    if options.method_column is not None:
        panels[f"Column {options.method_column}"] = clips.iloc[chosen][options.method_column].tolist()
    cluster_figures.clip_map(places, panels, study.path / "map.png")
    page.heading("Map")
    of = f"{len(chosen)} of the" if len(chosen) < len(points) else "The"
    page.figure("map.png", f"Figure 2. {of} forged training clips, placed by t-SNE (map.csv).")


def tsne(points: Floats, seed: int) -> Floats:
    """Places (N, 2) of points (N, d), from their first principal components on, so that a seed gives one
    map."""
    perplexity = min(30.0, max(1.0, (len(points) - 1) / 3))
    start = "pca" if points.shape[1] > 1 else "random"
    with threadpool_limits(1):
        made = TSNE(2, perplexity=perplexity, init=start, random_state=seed).fit_transform(points)
    return np.asarray(made, np.float64)


def _tables(page: Page, study: StudyFolder, options: Options, found: Found, compared: pd.DataFrame) -> None:
    page.heading("Clips of each cluster")
    sizes = pd.crosstab(found.clips["cluster"], found.clips["split"]).rename_axis(columns=None).reset_index()
    page.table(sizes, "Table 1. Forged clips of each cluster, by split (clusters.csv has the clips).")
    if options.method_column is not None:
        kinds = found.clips[options.method_column].replace("", "unknown")
        cross = pd.crosstab(kinds, found.clips["cluster"]).rename_axis(options.method_column).reset_index()
        cross.columns = [str(name) for name in cross]
        study.table("methods", cross)
        page.table(cross, f"Table 2. Forged clips by {options.method_column} and cluster (methods.csv).")
    page.heading("Other numbers of dimensions")
    page.text(
        "The same k in other spaces. Rand means the adjusted Rand index: rand_mean and rand_least between "
        "seeds, rand_with_used with the clusters above. Indices of spaces of unlike dimension do not compare."
    )
    page.table(compared, "Table 3. Clusters by number of principal components (dimensions.csv).")


def _sheets(page: Page, study: StudyFolder, options: Options, found: Found) -> None:
    """A contact sheet a cluster: clips drawn from its training clips, frames over the whole clip."""
    page.heading("Contact sheets")
    folder = study.path / "sheets"
    folder.mkdir(exist_ok=True)
    for number in range(len(found.clusters.centres)):
        clips = found.clips[found.train & (found.clips["cluster"] == number)]
        rng = np.random.default_rng([options.seed, SHEETS, number])
        drawn = np.sort(rng.choice(len(clips), min(SHEET_CLIPS, len(clips)), replace=False))
        rows = []
        for clip in clips.iloc[drawn].to_dict("records"):
            frames = frames_of(Path(clip["path"]))
            if frames is not None:
                kind = clip.get(options.method_column) if options.method_column else None
                rows.append((clip["video_name"] + (f"  {kind}" if kind else ""), frames))
        if rows:
            name = f"sheets/cluster_{number:02d}.png"
            cluster_figures.contact_sheet(rows, study.path / name)
            page.figure(name, f"Cluster {number}: {len(rows)} of its {len(clips)} training clips.")


def frames_of(path: Path) -> np.ndarray | None:
    """`SHEET_FRAMES` square frames of a clip, uint8 (T, S, S, 3), over its first minute; None if it has
    none."""
    settings = config.ClipSettings(seconds=60.0, frames=SHEET_FRAMES, image_size=SHEET_PIXELS)
    clip = read_clip(path, fixed_positions(1), settings, config.MelSettings().rate_hz, ("picture",))
    frames = clip.views[0].frames if clip.views else None
    return None if frames is None else transforms.fit(frames.pixels, SHEET_PIXELS)
