"""Contact sheets of the zoo: a row for each kind, its name at the left.

Picture kinds: two genuine frames of a clip, then five frames of the same clip forged. Sound kinds: the
log-mel image of a clip's genuine sound, that of its forged sound, and their difference. Each row has other
people.
"""

from dataclasses import replace
from pathlib import Path

import cv2
import librosa
import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from telltale.demo.speech import RATE_HZ
from telltale.zoo.clip import Studio, forge
from telltale.zoo.dataset import ZooSpec
from telltale.zoo.kinds import PICTURES
from telltale.zoo.plan import ZooPlan, draw_plan
from telltale.zoo.sound_kinds import SOUND_KINDS

COUNTS = {"train": 400, "validation": 2, "test": 2}
FORGED_FRAMES = 5
SIDE = 84  # of a frame in the sheet, in pixels
LABEL = 150  # width of the names, in pixels
RANGE_DB = 60  # of a mel image, below its loudest point
MOST_DB = 20  # of a difference: full red and full blue


def picture_sheet(studio: Studio, path: Path, every: bool) -> None:
    """Write the sheet of the picture kinds: all of them, or the first of each family."""
    rows = []
    for number, (family, name) in enumerate(_listed({f: list(k) for f, k in PICTURES.items()}, every)):
        genuine, forged = (each[0] for each in _both(name, number, 1.0, studio))
        at = np.linspace(3, len(forged) - 4, FORGED_FRAMES).astype(int)
        frames = [genuine[at[0]], genuine[at[2]], *(forged[t] for t in at)]
        small = [cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for frame in frames]
        rows.append((family, name, np.concatenate(small, axis=1)))
    columns = ["genuine", "", "forged", *[""] * (FORGED_FRAMES - 1)]
    write_rows(rows, columns, path)


def sound_sheet(studio: Studio, path: Path, every: bool) -> None:
    """Write the sheet of the sound kinds: all of them, or the first of each family."""
    families: dict[str, list[str]] = {}
    for kind in SOUND_KINDS.values():
        families.setdefault(kind.family, []).append(kind.name)
    rows = []
    for number, (family, name) in enumerate(_listed(families, every)):
        genuine, forged = (log_mel(each[1]) for each in _both(name, number, 2.0, studio))
        top = max(genuine.max(), forged.max())
        images = [in_grey(mel, top) for mel in (genuine, forged)] + [in_colour(forged - genuine)]
        wide = [cv2.resize(image, (196, SIDE), interpolation=cv2.INTER_AREA) for image in images]
        wide = [np.pad(image, ((0, 0), (0, 4), (0, 0)), constant_values=255) for image in wide]
        rows.append((family, name, np.concatenate(wide, axis=1)))
    write_rows(rows, ["genuine", "forged", f"difference (red: louder, to {MOST_DB} dB)"], path)


def log_mel(samples: np.ndarray, rate_hz: int = RATE_HZ) -> np.ndarray:
    """The log-mel image of samples in dB, (64, frames), low bands last."""
    power = librosa.feature.melspectrogram(y=samples, sr=rate_hz, n_fft=1024, hop_length=256, n_mels=64)
    return np.asarray(librosa.power_to_db(power, amin=1e-8, top_db=None))[::-1]


def _listed(families: dict[str, list[str]], every: bool) -> list[tuple[str, str]]:
    return [(family, name) for family, names in families.items() for name in (names if every else names[:1])]


def _both(name: str, number: int, seconds: float, studio: Studio) -> list[tuple[np.ndarray, np.ndarray]]:
    """Frames and samples of a clip, genuine and forged. number: of the row, which has its own people."""
    selection = ZooSpec(COUNTS, studio.seed, seconds, studio.size, kinds=name, hold_out="none").selection()
    forged = [plan for plan in draw_plan(COUNTS, studio.seed, selection, seconds) if plan.target]
    plan: ZooPlan = forged[7 * number % len(forged)]
    plan = replace(plan, nuisance=replace(plan.nuisance, lead=0.0, trail=0.0))
    return [forge(each, studio) for each in (replace(plan, picture_kind="", sound_kind=""), plan)]


def in_grey(mel: np.ndarray, top: float) -> np.ndarray:
    """A mel image in dB in magma's colours, from RANGE_DB below `top` to `top`: uint8 (bands, frames, 3)."""
    coloured = colormaps["magma"](np.clip((mel - top) / RANGE_DB + 1, 0, 1))
    return np.rint(coloured[..., :3] * 255).astype(np.uint8)


def in_colour(difference: np.ndarray) -> np.ndarray:
    """A difference in dB, red where it is louder, blue where softer: uint8 (bands, frames, 3)."""
    coloured = colormaps["RdBu_r"](np.clip(difference / MOST_DB / 2 + 0.5, 0, 1))
    return np.rint(coloured[..., :3] * 255).astype(np.uint8)


def write_rows(rows: list[tuple[str, str, np.ndarray]], columns: list[str], path: Path) -> None:
    """Write the rows below each other with the names of kinds and families at the left."""
    gap, head = 3, 22
    height, width = head + len(rows) * (SIDE + gap), LABEL + rows[0][2].shape[1]
    figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    for number, text in enumerate(columns):
        axes.text(LABEL + number * rows[0][2].shape[1] / len(columns) + 3, head - 6, text, fontsize=8)
    for number, (family, name, image) in enumerate(rows):
        top = head + number * (SIDE + gap)
        axes.imshow(image, extent=(LABEL, width, top + SIDE, top), interpolation="nearest", aspect="auto")
        shown = name.replace("_", " ") if len(name) < 22 else "\n".join(_halves(name))
        axes.text(6, top + 20, family.replace("_", " "), fontsize=9, weight="bold", va="center")
        axes.text(6, top + 36, shown, fontsize=8, va="top")
    axes.set(xlim=(0, width), ylim=(height, 0))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    whole = np.asarray(canvas.buffer_rgba())[..., :3]
    Image.fromarray(whole).quantize(72).save(path, optimize=True)


def _halves(name: str) -> tuple[str, str]:
    words = name.split("_")
    half = (len(words) + 1) // 2
    return " ".join(words[:half]), " ".join(words[half:])
