"""The zoo: what a clip costs, whether files alone betray forgeries, contact sheets, how hard each kind is.

    python -m bench.zoo --cost [--clips 120]       # core-seconds of a clip of each family
    python -m bench.zoo --data DIR                 # AUC of file properties on a written zoo
    python -m bench.zoo --sheet docs/pictures [--all]
    python -m bench.zoo --sound [--clips 40]       # AUC of trivial statistics for each sound kind
    python -m bench.zoo --difficulty --out FOLDER [--families] [--only NAME ...] [--data DIR]

--sheet writes zoo.png and zoo_sound.png in a folder, a row for a kind of each family (--all: for each kind).
--difficulty trains three small detectors on each kind alone (--families: on each family), see
`bench/zoo_difficulty.py`. With --data it takes the clips of a written zoo.
"""

import argparse
import tempfile
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench import zoo_difficulty, zoo_sheet, zoo_sound
from telltale.errors import InputError
from telltale.runtime.signals import Stopped
from telltale.zoo.clip import GENERATORS, Studio, make_clip
from telltale.zoo.dataset import ZooSpec

COUNTS = {"train": 400, "validation": 2, "test": 2}
PROPERTIES = (
    "bytes",
    "seconds",
    "bit_rate",
    "sound_bit_rate",
    "frame_rate",
    "loudness",
    "peak",
    "lead",
    "trail",
    "band_hz",
)


def trained(folder: Path) -> Studio:
    """Generators and vocoder in `folder`/trained, and what clips of 160 pixels need."""
    spec = ZooSpec(COUNTS, 1, 3.0, 160, hold_out="none")
    started = time.process_time()
    spec.prepare(folder, workers=1)
    print(f"training: {time.process_time() - started:.1f} core-seconds")
    return Studio(1, 160, folder / "trained")


def cost(studio: Studio, folder: Path, clips: int) -> None:
    """Print the core-seconds of a clip of each family: CPU time of this process, which waiting does not add
    to. The first clips load libraries and compile: they are not counted."""
    spec = ZooSpec(COUNTS, 1, 3.0, 160, hold_out="none")
    (folder / "train").mkdir()
    rows = []
    plans = [plan for plan in spec.plans() if plan.split == "train"]
    for plan in plans[clips : clips + 8]:
        make_clip(plan, studio, folder)
    for plan in plans[:clips]:
        started = time.process_time()
        make_clip(plan, studio, folder)
        rows.append((plan.family, time.process_time() - started))
    table = pd.DataFrame(rows, columns=["family", "core_seconds"])
    print(table.groupby("family").core_seconds.agg(["mean", "max", "count"]).round(2).to_string())
    error = table.core_seconds.std() / np.sqrt(len(table))
    print(f"mean {table.core_seconds.mean():.2f} +- {error:.2f} core-seconds a clip, {len(table)} clips")


def properties(path: Path) -> dict[str, float]:
    """What a file tells without a look at the face: PROPERTIES."""
    with av.open(str(path)) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        assert video.duration and video.time_base and video.average_rate
        found = {
            "bytes": path.stat().st_size,
            "seconds": float(video.duration * video.time_base),
            "bit_rate": video.bit_rate or 0,
            "sound_bit_rate": sound.bit_rate or 0,
            "frame_rate": float(video.average_rate),
        }
        samples = np.concatenate([each.to_ndarray() for each in container.decode(audio=0)], axis=1).mean(
            axis=0
        )
    level = np.abs(samples)
    loud = np.nonzero(level > 0.1 * level.max())[0]
    power = np.cumsum(np.abs(np.fft.rfft(samples)) ** 2)
    return found | {
        "loudness": float(20 * np.log10(samples.std() + 1e-9)),
        "peak": float(level.max()),
        "lead": loud[0] / sound.rate,
        "trail": (len(samples) - loud[-1]) / sound.rate,
        "band_hz": float(np.searchsorted(power, 0.999 * power[-1]) / len(power) * sound.rate / 2),
    }


def separate(data: Path) -> None:
    """Print the AUC of each property alone and of all, cross-validated over identities."""
    meta = pd.read_csv(data / "meta.csv")
    table = pd.DataFrame([properties(data / row.split / row.video_name) for row in meta.itertuples()])
    target, groups = meta.target.to_numpy(), meta.identity
    for name in table:
        print(f"{name:<16}{roc_auc_score(target, table[name]):6.3f}")
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    for name, model in (
        ("logistic", make_pipeline(StandardScaler(), LogisticRegression())),
        ("boosting", HistGradientBoostingClassifier(max_iter=60, max_depth=3, random_state=0)),
    ):
        scores = cross_val_predict(model, table, target, groups=groups, cv=folds, method="predict_proba")[
            :, 1
        ]
        print(f"{name:<16}{roc_auc_score(target, scores):6.3f}  of all together, {len(table)} clips")


def parse(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench.zoo", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("--cost", action="store_true", help="of a clip, in core-seconds")
    add("--sound", action="store_true", help="trivial statistics of each sound kind")
    add("--clips", type=int, default=120, help="of --cost, and of a class in --sound (default: %(default)s)")
    add("--data", type=Path, help="a written zoo")
    add("--sheet", type=Path, metavar="FOLDER", help="folder of the contact sheets")
    add("--all", action="store_true", help="sheets of every kind")
    add("--trained", type=Path, help="folder that keeps the generators for the next call")
    add("--difficulty", action="store_true", help="of each kind")
    zoo_difficulty.add_arguments(parser)
    return parser.parse_args(given)


def main() -> None:
    args = parse()
    cv2.setNumThreads(1)
    if args.difficulty:
        try:
            zoo_difficulty.study(args)
        except InputError as error:
            raise SystemExit(str(error)) from None
        except Stopped as stop:
            raise SystemExit(f"{stop}; the same command continues") from None
    elif args.data:
        separate(args.data)
    if args.cost or args.sheet or args.sound:
        with tempfile.TemporaryDirectory() as kept:
            folder = args.trained or Path(kept)
            folder.mkdir(exist_ok=True)
            ready = (folder / "trained" / GENERATORS).exists()
            studio = Studio(1, 160, folder / "trained") if ready else trained(folder)
            if args.sheet:
                args.sheet.mkdir(parents=True, exist_ok=True)
                zoo_sheet.picture_sheet(studio, args.sheet / "zoo.png", args.all)
                zoo_sheet.sound_sheet(studio, args.sheet / "zoo_sound.png", args.all)
            if args.sound:
                zoo_sound.table(studio, args.clips)
            if args.cost:
                cost(studio, Path(kept), args.clips)


if __name__ == "__main__":
    main()
