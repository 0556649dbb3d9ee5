"""What an evaluation is asked for: its files and its settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from telltale.errors import InputError
from telltale.metrics import decisions


@dataclass(frozen=True)
class ScoreFiles:
    """The files of an evaluation.

    labels: a label file, video_name,target.
    scores: for each model a scores.csv or submission.csv of the clips in `labels`.
    choose_labels, choose_on: labels of other clips and, for each of `scores`, the same model's scores of
        them; the model's threshold is chosen there. Neither is given if no threshold is to be chosen.
    """

    labels: Path
    scores: Sequence[Path]
    choose_labels: Path | None = None
    choose_on: Sequence[Path] = ()


@dataclass(frozen=True)
class Options:
    """The settings of an evaluation. `dataclasses.asdict` gives a tree, `Options(**tree)` reads it.

    resamples, seed: of the bootstrap.
    intervals: of the AUC, "bootstrap" or "delong"; those of all other metrics are bootstrapped.
    threshold: clips of at least this fake probability are flagged. None: the one that `choose` finds on other
        clips, or 0.5 if there are none.
    scored_only: leave out clips that have a status and no score.
    choose: how a threshold is chosen on other clips, as `metrics.decisions.choose` takes it.
    score_column: the column of scores in submissions, as `scores.read_scores` takes it.

    Raises InputError for a value that means nothing.
    """

    resamples: int = 1000
    seed: int = 0
    intervals: str = "bootstrap"
    threshold: float | None = None
    scored_only: bool = False
    choose: str = "fpr=0.01"
    score_column: str | None = None

    def __post_init__(self) -> None:
        if self.resamples < 1:
            raise InputError(f"{self.resamples} bootstrap resamples; wanted 1 or more, such as 1000")
        if self.seed < 0:
            raise InputError(f"seed {self.seed}; wanted 0 or more")
        if self.intervals not in ("bootstrap", "delong"):
            raise InputError(f"intervals '{self.intervals}'; wanted bootstrap or delong")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise InputError(f"threshold {self.threshold}; wanted a fake probability in [0, 1]")
        decisions.check_rule(self.choose)
