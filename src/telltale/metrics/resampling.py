"""Bootstrap: genuine and forged clips drawn apart, with replacement, and every metric of each draw.

Draw number d has a generator of its own, keyed by (seed, d). Results therefore depend neither on the number
of threads nor on the order in which they work. Two models measured on the same clips in the same order are
measured on the same draws, so their difference in each draw is a paired one.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from telltale.errors import InputError
from telltale.metrics import from_counts, table
from telltale.metrics.labelled_scores import LabelledScores
from telltale.metrics.rates import Floats, Integers, check
from telltale.metrics.score_steps import ScoreSteps, resampled_counts
from telltale.runtime.progress import bar
from telltale.runtime.threads import cores

DRAWS_PER_TASK = 25  # a thread reports progress after each task


@dataclass(frozen=True)
class Draws:
    """What R bootstrap resamples measured.

    values: metric's key → (R,) float64; for a metric of several parts, part → (R,).
    band: (R, G) the TPR at each of the G rates that `bootstrap` was given for the band of the ROC curve.
    seed, threshold: as given to `bootstrap`.
    """

    values: dict[str, Any]
    band: Floats
    seed: int
    threshold: float

    @property
    def resamples(self) -> int:
        return len(self.band)


def bootstrap(
    targets: npt.ArrayLike,
    fake_probabilities: npt.ArrayLike,
    *,
    resamples: int,
    seed: int,
    band_fprs: Sequence[float] = (),
    threshold: float = 0.5,
) -> Draws:
    """Resample genuine and forged clips apart, with replacement, and measure `table.METRICS` on each draw.

    targets: (N,) int, 0 genuine or 1 forged.
    fake_probabilities: (N,) float in [0, 1].
    resamples: R, 1 or more.
    seed: the same seed gives the same draws.
    band_fprs: further false positive rates at which to measure the TPR, for the band of the ROC curve.
    threshold: clips of at least this fake probability are flagged as forged.

    Scores are sorted once; each resample then takes O(N) time and memory. Raises InputError as `rates.check`,
    and for no resamples.
    """
    clips = LabelledScores(np.asarray(targets), np.asarray(fake_probabilities), threshold)
    check_resamples(resamples)
    steps, metrics = ScoreSteps(clips), table.METRICS
    measured: list[dict[str, Any]] = [{}] * resamples
    band = np.empty((resamples, len(band_fprs)))

    def measure(numbers: range) -> None:
        memory = steps.memory()
        for number in numbers:
            drawn = steps.resample(np.random.default_rng([seed, number]), memory)
            measured[number] = {metric.key: metric.of_resample(drawn) for metric in metrics}
            band[number] = from_counts.tprs_at(drawn, band_fprs)

    _in_threads(measure, resamples)
    values = {metric.key: _column([one[metric.key] for one in measured]) for metric in metrics}
    return Draws(values, band, seed, threshold)


def _column(measured: Sequence[Any]) -> Any:
    """(R,) of R numbers; of R dictionaries with the same keys, one (R,) for each key."""
    if isinstance(measured[0], dict):
        return {part: np.array([each[part] for each in measured]) for part in measured[0]}
    return np.array(measured)


def group_aucs(
    targets: npt.ArrayLike,
    fake_probabilities: npt.ArrayLike,
    groups: Sequence[str],
    *,
    resamples: int,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """AUC of the forged clips of each group against all genuine clips: group → {"value", "low", "high",
    "n_forged"}.

    `groups` (N,) names each clip's group; those of genuine clips are not read. Groups come sorted by name.
    All groups share a resample's genuine clips, so a hundred groups cost about as much as one. InputError as
    `rates.check`.
    """
    truth, scores = check(targets, fake_probabilities)
    check_resamples(resamples)
    if len(groups) != len(truth):
        raise InputError(f"{len(groups)} groups for {len(truth)} clips; wanted one for each")
    forged = scores[truth == 1]
    names, group_of_clip = np.unique(
        np.asarray(groups, dtype=object)[truth == 1].astype(str), return_inverse=True
    )
    members = [np.flatnonzero(group_of_clip == index) for index in range(len(names))]
    # With the genuine clips in rising order, a forged clip beats those before its left insertion point, and
    # ties with those between its left and its right one. A resample keeps the order and changes only how
    # often each genuine clip counts, so the two points are looked up once.
    genuine = np.sort(scores[truth == 0])
    left, right = (np.searchsorted(genuine, forged, side=side) for side in ("left", "right"))

    def aucs(counts: Floats, rows_of_group: list[Integers]) -> list[float]:
        """counts: (n_genuine,) how often each genuine clip counts. rows_of_group: rows of `forged`."""
        before = np.append(0.0, np.cumsum(counts))  # counted genuine clips before each insertion point
        beaten = (before[left] + before[right]) / (2 * before[-1])  # a tie is before one of the two points
        return [float(beaten[rows].mean()) for rows in rows_of_group]

    drawn = np.empty((resamples, len(names)))
    positions = np.arange(len(genuine))

    def measure(numbers: range) -> None:
        for number in numbers:
            # The genuine clips are drawn first, then each group's forged ones, all by the draw's generator.
            rng = np.random.default_rng([seed, number])
            counts = resampled_counts(positions, len(genuine), rng).astype(np.float64)
            drawn[number] = aucs(counts, [rows[rng.integers(len(rows), size=len(rows))] for rows in members])

    _in_threads(measure, resamples)
    values = aucs(np.ones(len(genuine)), members)
    return {
        str(name): {**with_interval(value, drawn[:, index]), "n_forged": len(members[index])}
        for index, (name, value) in enumerate(zip(names, values, strict=True))
    }


def with_interval(value: float, drawn: Floats) -> dict[str, float]:
    """{"value", "low", "high"}: the measured value, and the 2.5 and 97.5 percentiles of its resamples,
    (R,)."""
    low, high = np.percentile(drawn, (2.5, 97.5))
    return {"value": value, "low": float(low), "high": float(high)}


def _in_threads(measure: Callable[[range], None], resamples: int) -> None:
    """Call `measure` with the numbers of each task's draws, in a thread for each core. numpy releases the
    interpreter's lock in long calls, so threads suffice."""
    tasks = [
        range(first, min(first + DRAWS_PER_TASK, resamples)) for first in range(0, resamples, DRAWS_PER_TASK)
    ]
    progress = bar(resamples, "resampling", "draw", delay=0.5)
    with ThreadPoolExecutor(min(cores(), len(tasks))) as pool:
        for task, _ in zip(tasks, pool.map(measure, tasks), strict=True):
            progress.update(len(task))
    progress.close()


def check_resamples(resamples: int) -> None:
    if resamples < 1:
        raise InputError(f"{resamples} bootstrap resamples; wanted 1 or more, such as 1000")
