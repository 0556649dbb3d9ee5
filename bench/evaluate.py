"""Cost of `telltale evaluate` on a large test set: the whole command, and one resample against scikit-learn.

.venv/bin/python -m bench.evaluate [--clips 200000] [--resamples 1000]
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve

from bench.measure import Row, seconds
from telltale.metrics.resampling import bootstrap
from telltale.scores.score import Score
from telltale.scores.table import write_scores

PEER_RESAMPLES = 20
# The kernel's own peak for this program alone. The peak that a parent's wait reports includes the memory of
# the parent at the fork.
CHILD = """
import sys
from telltale.cli import main
status = main(sys.argv[1:])
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")))
sys.exit(status)
"""
LIMIT_SECONDS, LIMIT_BYTES = 20.0, 1e9


def measure(clips: int = 200_000, resamples: int = 1000) -> list[Row]:
    """Measure. The targets hold for 200,000 clips and 1,000 resamples; other numbers have no target."""
    rng = np.random.default_rng(0)
    targets = (rng.random(clips) < 0.7).astype(int)
    scores = 1 / (1 + np.exp(-rng.normal(2.0 * targets - 1)))
    of = f"{clips:,} clips"
    taken, memory = _command(targets, scores, resamples)
    peer = seconds(lambda: _peer(targets, scores)) / PEER_RESAMPLES
    ours = seconds(lambda: bootstrap(targets, scores, resamples=resamples, seed=0)) / resamples
    whole = 1.0 if (clips, resamples) == (200_000, 1000) else None
    each = (
        f"ours {1e3 * ours:.1f} ms for every metric, scikit-learn {1e3 * peer:.1f} ms ({PEER_RESAMPLES} "
        "resamples) for two"
    )
    return [
        Row(
            f"evaluate: a resample of {of}, of scikit-learn's AUC and ROC",
            ours / peer,
            0.1 if whole else None,
            detail=each,
        ),
        Row(
            f"evaluate: {of}, {resamples:,} resamples, of {LIMIT_SECONDS:g} s",
            taken / LIMIT_SECONDS,
            whole,
            detail=f"{taken:.1f} s",
        ),
        Row(
            f"evaluate: {of}, peak memory, of {LIMIT_BYTES / 1e9:g} GB",
            memory / LIMIT_BYTES,
            whole,
            detail=f"{memory / 1e6:.0f} MB",
        ),
    ]


def _peer(targets: np.ndarray, scores: np.ndarray) -> None:
    """The usual way: draw clips and let scikit-learn compute the AUC and the curve of each sample."""
    rng = np.random.default_rng(0)
    pools = [np.flatnonzero(targets == target) for target in (0, 1)]
    for _ in range(PEER_RESAMPLES):
        rows = np.concatenate([rng.choice(pool, len(pool)) for pool in pools])
        roc_auc_score(targets[rows], scores[rows])
        roc_curve(targets[rows], scores[rows])


def _command(targets: np.ndarray, scores: np.ndarray, resamples: int) -> tuple[float, float]:
    """(seconds, peak memory in bytes) of `telltale evaluate --out`, from two CSV files to figures."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        names = [f"{row:06d}.mp4" for row in range(len(targets))]
        rows = (f"{name},{target}\n" for name, target in zip(names, targets, strict=True))
        (work / "labels.csv").write_text("video_name,target\n" + "".join(rows))
        write_scores(
            work / "scores.csv",
            [Score(name, p, "ok", 5.0) for name, p in zip(names, scores.tolist(), strict=True)],
        )
        command = [sys.executable, "-c", CHILD, "evaluate", "--labels", str(work / "labels.csv")]
        command += [
            "--scores",
            str(work / "scores.csv"),
            "--out",
            str(work / "out"),
            "--resamples",
            str(resamples),
        ]
        printed = []
        taken = seconds(
            lambda: printed.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        )
        return taken, float(printed[0].split()[-2]) * 1024  # "VmHWM:   380660 kB"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=200_000)
    parser.add_argument("--resamples", type=int, default=1000)
    given = parser.parse_args()
    for row in measure(given.clips, given.resamples):
        print(row.line(), flush=True)
