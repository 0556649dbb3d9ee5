"""Score files of three models on 120 clips, and of eight clips whose metrics are known by hand."""

from pathlib import Path

import numpy as np

from telltale.evaluate.evaluation import Evaluation, of_files
from telltale.evaluate.options import Options, ScoreFiles
from telltale.scores.score import Score
from telltale.scores.submission import write_submission
from telltale.scores.table import write_scores

QUICK = Options(resamples=20)
N = 120
TARGETS = np.arange(N) % 2

# Name, target, fake probability and kind of forgery. By hand: AUC = (4 + 3.5 + 3 + 1.5) / 16 (see
# tests/metrics/test_summary.py); of "swap" (3.5 + 3) / 8, of "lips" (4 + 1.5) / 8.
CLIPS = [
    ("a.mp4", 1, 0.9, "lips"),
    ("b.mp4", 0, 0.8, "genuine"),
    ("c.mp4", 1, 0.8, "swap"),
    ("d.mp4", 1, 0.6, "swap"),
    ("e.mp4", 0, 0.4, "genuine"),
    ("f.mp4", 1, 0.2, "lips"),
    ("g.mp4", 0, 0.2, "genuine"),
    ("h.mp4", 0, 0.1, "genuine"),
]


def scores_of(strength: float, seed: int) -> np.ndarray:
    """(N,) fake probabilities that tell the classes apart the better the higher `strength`."""
    rng = np.random.default_rng(seed)
    return np.round(1 / (1 + np.exp(-rng.normal(strength * (2 * TARGETS - 1)))), 2)


def write_three_models(folder: Path) -> None:
    """labels.csv and, for seed 0, 1 and 2, seedN/scores.csv of `scores_of(0.5 + N / 2, N)`.

    The same for other clips: other.csv and seedN/validation.csv of `scores_of(0.5 + N / 2, N + 10)`.
    """
    for name, prefix in (("labels.csv", ""), ("other.csv", "v")):
        rows = (f"{prefix}{row}.mp4,{target}\n" for row, target in enumerate(TARGETS))
        (folder / name).write_text("video_name,target\n" + "".join(rows))
    for seed, strength in enumerate((0.5, 1.0, 1.5)):
        for name, prefix, shift in (("scores.csv", "", 0), ("validation.csv", "v", 10)):
            values = scores_of(strength, seed + shift).tolist()
            rows = [
                Score(f"{prefix}{row}.mp4", value, "partial" if row % 3 else "ok", 1.0)
                for row, value in enumerate(values)
            ]
            write_scores(folder / f"seed{seed}" / name, rows)


def evaluated(
    folder: Path, *seeds: int, options: Options = QUICK, groups: tuple = (), status: bool = False, **choose
) -> Evaluation:
    """An evaluation of the models of some seeds. choose: choose_on and choose_labels of ScoreFiles."""
    scores = [folder / f"seed{seed}/scores.csv" for seed in seeds]
    return of_files(ScoreFiles(folder / "labels.csv", scores, **choose), options, groups, status)


def write_eight_clips(folder: Path) -> None:
    """labels.csv, scores.csv, submission.csv and meta.csv of CLIPS. The rows of scores are in reverse order,
    since they are joined by name. meta.csv has two more clips, of the training split."""
    labels = "".join(f"{name},{target}\n" for name, target, _, _ in CLIPS)
    (folder / "labels.csv").write_text(f"video_name,target\n{labels}")
    rows = [Score(name, probability, "ok", 1.0) for name, _, probability, _ in reversed(CLIPS)]
    write_scores(folder / "scores.csv", rows)
    write_submission(folder / "submission.csv", rows, None)
    meta = "".join(f"{name},test,{kind}\n" for name, _, _, kind in CLIPS)
    train = "t0.mp4,train,genuine\nt1.mp4,train,swap\n"
    (folder / "meta.csv").write_text(f"video_name,split,kind\n{train}{meta}")
