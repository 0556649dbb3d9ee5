"""What the flagship is made of: its parts with their parameters as a table, and as a picture.

    python -m bench.flagship_parts --table docs/flagship.md --picture docs/pictures/flagship.png

The parameters are those of the models that configs/flagship.yaml and configs/flagship_small.yaml describe,
every tensor counted.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from bench.measure import ROOT, insert
from telltale import config, models
from telltale.report.style import DETECTOR, FAINT, FORGED, GENUINE, INK, save_figure

CONFIGS = ("flagship", "flagship_small")
# Modules of each part, and what it reads.
PARTS = {
    "whole frames": (("frames", "mask"), "frames, scaled: a timm backbone, and its map head"),
    "native crops": (("crops",), "crops, not scaled: residuals, a shallow residual network"),
    "lower face": (("mouth",), "grey lower faces: their changes, 5 pictures at a time, a residual network"),
    "sound": (("sound", "sound_pool"), "mel bands and bands of equal width: squeeze-and-excitation blocks"),
    "motion": (("motion",), "tokens of frames, crops and lower faces: a transformer"),
    "in step": (("in_step", "relation"), "lower face and sound: a curve of similarities over offsets"),
    "cross-attention": (("cross",), "tokens of pictures at those of sound, and the other way round"),
    "fusion and heads": (
        ("picture_pool", "cue_heads", "segments", "fusion", "head", "trust"),
        "features of the cues: gates, a logit for each cue, for each part of the span, and for all",
    ),
}


def settings_of(name: str) -> config.Config:
    return config.read(ROOT / "configs" / f"{name}.yaml")


def counts(name: str) -> dict[str, int]:
    """Parameters of each part of `PARTS` in a configuration, then of all, "total"."""
    settings = settings_of(name)
    with torch.device("meta"):
        model = models.build(settings.model, settings.mel, settings.clip, initialise=False)
    sizes: dict[str, int] = {}
    for key, weight in model.named_parameters():
        first = key.partition(".")[0]
        sizes[first] = sizes.get(first, 0) + weight.numel()
    found = {part: sum(sizes.pop(module, 0) for module in modules) for part, (modules, _) in PARTS.items()}
    if sizes:
        raise SystemExit(f"flagship: {', '.join(sizes)} belong to no part of the table")
    return {**found, "total": sum(found.values())}


def table(all_counts: dict[str, dict[str, int]]) -> list[str]:
    """The table in Markdown."""
    lines = [
        f"| part | reads | {' | '.join(f'`{name}.yaml`' for name in all_counts)} |",
        "|---|---|---:|---:|",
    ]
    for part in (*PARTS, "total"):
        reads = PARTS[part][1] if part in PARTS else ""
        numbers = " | ".join(f"{found[part]:,}" for found in all_counts.values())
        lines.append(f"| {part} | {reads} | {numbers} |")
    return lines


def millions(count: int) -> str:
    return f"{count / 1e6:.1f} M"


def box(axes: Axes, place: tuple[float, float, float, float], text: str, colour: str) -> None:
    """A box of (left, bottom, width, height). The first line of its text is bold."""
    left, bottom, width, height = place
    style = "round,pad=0,rounding_size=0.12"
    axes.add_patch(
        FancyBboxPatch((left, bottom), width, height, style, facecolor=f"{colour}18", edgecolor=colour, lw=1)
    )
    first, *rest = text.split("\n")
    top = bottom + height / 2 + 0.13 * len(rest)
    axes.text(left + width / 2, top, first, fontsize=8, weight="bold", color=INK, ha="center", va="center")
    for number, line in enumerate(rest, start=1):
        axes.text(
            left + width / 2, top - 0.27 * number, line, fontsize=7, color=INK, ha="center", va="center"
        )


def arrow(axes: Axes, begin: tuple[float, float], end: tuple[float, float], colour: str = FAINT) -> None:
    axes.annotate("", end, begin, arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 0.9})


def inputs(settings: config.Config) -> list[str]:
    """The texts of the boxes of inputs."""
    clip, mel = settings.clip, settings.mel
    return [
        f"whole frames\n{clip.frames} of {clip.image_size} px",
        f"native crops\n{clip.frames} of {clip.native_size} px",
        f"lower faces\n{clip.mouth_frames} of {clip.mouth_size} px, grey",
        f"sound\n{mel.n_mels} mel bands,\n{mel.linear_bands} of equal width",
    ]


def draw(found: dict[str, int], settings: config.Config) -> Figure:
    """The picture of the model."""
    figure = Figure(figsize=(9.6, 4.6), dpi=150)
    axes: Any = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 12.8), ylim=(0.35, 6.5))
    axes.axis("off")
    rows = (5.0, 3.6, 2.2, 0.6)
    backbone = str(settings.model.picture_backbone).partition(".")[0]
    towers = (
        f"timm backbone\n{backbone}\n{millions(found['whole frames'])}",
        f"residuals, CNN\n{millions(found['native crops'])}",
        f"3-D stem, CNN\n{millions(found['lower face'])}",
        f"SE-ResNet\n{millions(found['sound'])}",
    )
    for row, given, tower in zip(rows, inputs(settings), towers, strict=True):
        box(axes, (0.15, row, 1.95, 0.95), given, FAINT)
        arrow(axes, (2.1, row + 0.475), (2.6, row + 0.475))
        box(axes, (2.6, row, 1.85, 0.95), tower, GENUINE)
    axes.text(3.5, 6.25, "tokens with their seconds, on one clock", fontsize=7, color=INK, ha="center")
    cues = {
        "picture": (5.1, "picture\nattention pooling"),
        "motion": (3.75, f"motion\ntransformer, {millions(found['motion'])}"),
        "in_step": (2.15, f"in step\noffset curve, {millions(found['in step'])}\ncross-attention, "
                    f"{millions(found['cross-attention'])}"),
        "sound": (0.6, "sound\nattentive statistics"),
    }  # fmt: skip
    for bottom, text in cues.values():
        box(axes, (6.0, bottom, 2.3, 0.95), text, DETECTOR)
    middle = {name: bottom + 0.475 for name, (bottom, _) in cues.items()}
    links = {0: ("picture", "motion", "in_step"), 1: ("picture", "motion", "in_step")}
    links |= {2: ("motion", "in_step"), 3: ("sound", "in_step")}
    for tower, names in links.items():
        for name in names:
            arrow(axes, (4.45, rows[tower] + 0.475), (6.0, middle[name]))
    box(axes, (9.3, 2.35, 1.5, 1.5), f"fusion\ngates, and a soft\nmaximum of logits\n"
        f"{millions(found['fusion and heads'])}", FORGED)  # fmt: skip
    for name in cues:
        arrow(axes, (8.3, middle[name]), (9.3, 3.1), DETECTOR)
        axes.text(8.38, middle[name] + 0.3, "logit", fontsize=6.5, color=DETECTOR)
    arrow(axes, (10.8, 3.1), (11.3, 3.1), FORGED)
    box(axes, (11.3, 2.7, 1.35, 0.8), "forged\none logit", FORGED)
    axes.text(9.2, 1.35, "further outputs", fontsize=7, weight="bold", color=INK)
    further = (
        "map of each frame, 8 x 8, from the backbone",
        f"logit of each of {settings.clip.frames} parts of the span",
        "similarity of mouth and sound at each offset",
    )
    axes.text(9.2, 1.22, "\n".join(further), fontsize=7, color=INK, va="top", linespacing=1.5)
    axes.text(
        12.65,
        6.25,
        f"{millions(found['total'])} parameters",
        fontsize=8,
        weight="bold",
        color=INK,
        ha="right",
    )
    return figure


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench.flagship_parts", description=__doc__)
    parser.add_argument("--table", type=Path, help="document between whose marks the table goes")
    parser.add_argument("--picture", type=Path, help="PNG to write")
    args = parser.parse_args(given)
    found = {name: counts(name) for name in CONFIGS}
    print("\n".join(table(found)))
    if args.table is not None:
        insert(args.table, table(found))
    if args.picture is not None:
        save_figure(draw(found[CONFIGS[0]], settings_of(CONFIGS[0])), args.picture)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
