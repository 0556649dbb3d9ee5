"""The zoo: what a clip costs, whether files alone betray forgeries, and a contact sheet.

    python -m bench.zoo --cost                     # core-seconds of a clip of each family
    python -m bench.zoo --data DIR                 # AUC of file properties on a written zoo
    python -m bench.zoo --sheet docs/pictures/zoo.png [--all]

The sheet has a row for a kind of each family (--all: for each kind): two genuine frames, then five forged.
"""

import argparse
import tempfile
import time
from dataclasses import replace
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

from telltale.zoo.clip import GENERATORS, Studio, forge, make_clip
from telltale.zoo.dataset import ZooSpec
from telltale.zoo.kinds import PICTURES
from telltale.zoo.plan import ZooPlan, draw_plan

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


def cost(studio: Studio, folder: Path) -> None:
    """Print the core-seconds of a clip of each family."""
    spec = ZooSpec(COUNTS, 1, 3.0, 160, hold_out="none")
    (folder / "train").mkdir()
    rows = []
    for plan in [plan for plan in spec.plans() if plan.split == "train"][:120]:
        started = time.process_time()
        make_clip(plan, studio, folder)
        rows.append((plan.family, time.process_time() - started))
    table = pd.DataFrame(rows, columns=["family", "core_seconds"])
    print(table.groupby("family").core_seconds.agg(["mean", "max", "count"]).round(2).to_string())
    print(f"mean {table.core_seconds.mean():.2f} core-seconds a clip")


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


def sheet(studio: Studio, path: Path, every: bool) -> None:
    """Write the contact sheet of the picture kinds."""
    names = [name for kinds in PICTURES.values() for name in (list(kinds) if every else list(kinds)[:1])]
    rows = []
    for name in names:
        selection = ZooSpec(COUNTS, 1, 1.0, 160, kinds=name, hold_out="none").selection()
        plan: ZooPlan = next(p for p in draw_plan(COUNTS, 1, selection, 1.0) if p.target)
        genuine, _ = forge(replace(plan, picture_kind="", sound_kind=""), studio)
        forged, _ = forge(plan, studio)
        at = np.linspace(3, len(forged) - 4, 5).astype(int)
        row = np.concatenate([genuine[at[0]], genuine[at[2]], *(forged[t] for t in at)], axis=1)
        cv2.putText(row, name, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(row, name, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 0), 1, cv2.LINE_AA)
        rows.append(row)
    whole = np.concatenate(rows)
    if not every:
        whole = cv2.resize(whole, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    from PIL import Image

    Image.fromarray(whole).quantize(80).save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--trained", type=Path, help="folder of generators that an earlier call kept")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    if args.data:
        separate(args.data)
    if args.cost or args.sheet:
        with tempfile.TemporaryDirectory() as kept:
            folder = args.trained or Path(kept)
            folder.mkdir(exist_ok=True)
            ready = (folder / "trained" / GENERATORS).exists()
            studio = Studio(1, 160, folder / "trained") if ready else trained(folder)
            if args.sheet:
                sheet(studio, args.sheet, args.all)
            if args.cost:
                cost(studio, Path(kept))


if __name__ == "__main__":
    main()
