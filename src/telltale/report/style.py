"""The style that all figures share: colours, axes, the legend below, and a file that is written whole.

Genuine is blue and forged is vermilion wherever both appear: colours that colour-blind readers tell apart. No
torch, and no pyplot: a figure belongs to the call that draws it.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from telltale.files import write_whole

Floats = npt.NDArray[np.float64]

GENUINE, FORGED = "#0072B2", "#D55E00"
SEEN, UNSEEN = "#4D4D4D", "#AA3377"
DETECTOR, INK, FAINT = "#00695C", "#222222", "#8C8C8C"
PERCENT = FuncFormatter(lambda rate, _: f"{rate * 100:g} %")


def new_figure(width_inches: float, height_inches: float) -> tuple[Figure, Axes]:
    """A figure of 120 dots an inch with one pair of axes in the common style."""
    figure = Figure(figsize=(width_inches, height_inches), dpi=120, layout="constrained")
    axes = figure.subplots()
    style_axes(axes)
    return figure, axes


def style_axes(axes: Axes) -> None:
    """Draw axes without a frame on the top and the right, over a light grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#E4E4E4", linewidth=0.7)
    axes.set_axisbelow(True)


def legend_below(figure: Figure, columns: int) -> None:
    """Add a legend below the axes, outside of them, so that it covers no curve."""
    figure.legend(loc="outside lower center", ncols=columns, frameon=False, fontsize=8.5, columnspacing=1.2)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a PNG file, whole or not at all. Raises InputError if it cannot be written."""
    with write_whole(path) as file:
        figure.savefig(file, format="png")
