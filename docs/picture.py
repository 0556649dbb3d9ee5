"""The README's picture: drawn test clips of the demo with their scores, and the AUC of each kind of forgery.

    make demo
    .venv/bin/python docs/picture.py demo docs/pictures/demo.png

For each kind, the clip shown is the one whose score is the median of its kind: neither best nor worst.
The panel is light and its surroundings are transparent, so that it can be read on a light and on a dark page.
"""

import io
import json
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from PIL import Image

PANEL, INK, FAINT = "#FBFBF9", "#222222", "#767676"
GENUINE, FORGED = "#0072B2", "#D55E00"  # as in the program's own figures
SEEN, UNSEEN = "#4D4D4D", "#AA3377"
COLOURS = 192  # of the file: drawn faces need no more, and it stays small


def median_clips(demo: Path) -> pd.DataFrame:
    """The test clip with the median score of each kind: video_name, kind, target, fake_probability."""
    meta, scores = pd.read_csv(demo / "data/meta.csv"), pd.read_csv(demo / "scores.csv")
    clips = meta[meta.split == "test"].merge(scores, on="video_name", validate="one_to_one")
    clips = clips.dropna(subset="fake_probability").sort_values("fake_probability")
    rows = [group.iloc[[(len(group) - 1) // 2]] for _, group in clips.groupby("kind")]
    return pd.concat(rows).sort_values(["target", "fake_probability"])


def middle_frame(path: Path) -> np.ndarray:
    """The frame in the middle of a video, uint8 (H, W, 3) RGB."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return frames[len(frames) // 2]


def show_clip(axes: Axes, frame: np.ndarray, clip: Any) -> None:
    """A frame. Below it a bar as long as the fake probability, full at 1, and the kind of the clip."""
    colour = FORGED if clip.target else GENUINE
    height, width = frame.shape[:2]
    axes.imshow(frame)
    full, middle, below = width * 0.76, height * 1.085, height * 1.16
    axes.barh(middle, full, height * 0.06, color="#E4E4E0")
    axes.barh(middle, full * clip.fake_probability, height * 0.06, color=colour)
    axes.text(width, middle, f"{clip.fake_probability:.2f}", color=INK, fontsize=7.5, va="center", ha="right")
    axes.text(0, below, clip.kind.replace("_", " "), color=colour, fontsize=7.5, va="top")
    axes.set(xlim=(0, width), ylim=(height * 1.32, 0))
    axes.axis("off")


def show_kinds(axes: Axes, groups: dict[str, Any]) -> None:
    """The AUC of each kind with its 95 % interval, the best on top. `groups`: of metrics.json."""
    rows = sorted(groups.items(), key=lambda row: row[1]["value"])
    for height, (kind, entry) in enumerate(rows):
        colour, marker = (SEEN, "o") if entry["seen"] else (UNSEEN, "D")
        axes.hlines(height, entry["low"], entry["high"], color=colour, linewidth=2)
        axes.plot(entry["value"], height, marker, color=colour, markersize=5, clip_on=False)
        axes.text(1.04, height, f"{entry['value']:.2f}", color=colour, fontsize=7.5, va="center")
        axes.text(-0.02, height, kind.replace("_", " "), color=colour, fontsize=7.5, va="center", ha="right")
    axes.axvline(0.5, color=FAINT, linewidth=0.9, linestyle="--")
    axes.text(0.5, len(rows) - 0.45, "chance", color=FAINT, fontsize=7, ha="center", va="bottom")
    axes.set(xlim=(0, 1.01), ylim=(-0.6, len(rows) - 0.4), facecolor="none", yticks=[])
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"], fontsize=7, color=INK)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_xlabel("AUC against all genuine test clips, 95 % interval", fontsize=7.5, color=INK)


def draw(demo: Path) -> Figure:
    """The whole picture of a finished demo."""
    clips = median_clips(demo)
    groups = json.loads((demo / "evaluation/metrics.json").read_text(encoding="utf-8"))["groups"]
    figure = Figure(figsize=(8.4, 5.0), dpi=200, facecolor="none")
    corners = "round,pad=0,rounding_size=0.02"
    panel = FancyBboxPatch((0.01, 0.015), 0.98, 0.97, boxstyle=corners, mutation_aspect=2)
    panel.set(facecolor=PANEL, edgecolor="#D5D5D0", linewidth=0.8, transform=figure.transFigure, zorder=-1)
    figure.patches.append(panel)
    edges = {"left": 0.03, "right": 0.475, "top": 0.885, "bottom": 0.015}
    grid = figure.add_gridspec(3, 3, **edges, wspace=0.09, hspace=0.04)
    for cell, clip in zip(grid, clips.itertuples(), strict=True):
        show_clip(figure.add_subplot(cell), middle_frame(demo / "data/test" / clip.video_name), clip)
    show_kinds(figure.add_axes((0.665, 0.13, 0.27, 0.7)), groups)
    title = {"fontsize": 9.5, "color": INK, "va": "top", "weight": "bold"}
    figure.text(0.03, 0.955, "A fake probability for each video", **title)
    figure.text(0.52, 0.955, "How well each kind of forgery is found", **title)
    figure.text(0.52, 0.895, "● kinds seen in training", fontsize=7.5, color=SEEN, va="top")
    figure.text(0.71, 0.895, "◆ kinds never seen", fontsize=7.5, color=UNSEEN, va="top")
    return figure


def main(demo: str, out: str) -> None:
    """Draw the demo in folder `demo` and write the PNG file `out`."""
    drawn = io.BytesIO()
    draw(Path(demo)).savefig(drawn, format="png", transparent=False)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    Image.open(drawn).convert("RGBA").quantize(COLOURS, Image.Quantize.FASTOCTREE).save(out, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
