"""The threshold of each model, and how it was chosen: stated, by default, or on other clips."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telltale.errors import InputError
from telltale.evaluate.options import Options, ScoreFiles
from telltale.evaluate.scored_clips import ScoredClips, of_labels
from telltale.metrics import decisions

DEFAULT = 0.5


@dataclass(frozen=True)
class Threshold:
    """From which fake probability on a clip is flagged, and how that was chosen, as metrics.json says it."""

    value: float
    chosen: dict[str, Any]


def given(options: Options) -> Threshold:
    """The stated threshold, or the default."""
    if options.threshold is None:
        return Threshold(DEFAULT, {"how": "default"})
    return Threshold(options.threshold, {"how": "stated"})


def choose(clips: ScoredClips, files: ScoreFiles, options: Options) -> list[Threshold]:
    """A threshold for each model of `clips`. Raises InputError for half of what choosing needs, and for
    choosing on clips that are evaluated."""
    n_models = len(clips.models)
    if not files.choose_on and files.choose_labels is None:
        return [given(options)] * n_models
    if options.threshold is not None:
        raise InputError(
            f"threshold {options.threshold} and scores to choose one on; wanted one or the other"
        )
    if files.choose_labels is None or len(files.choose_on) != n_models:
        raise InputError(
            f"{len(files.choose_on)} score files to choose a threshold on, "
            f"{'without' if files.choose_labels is None else 'with'} their labels, for {n_models} score "
            "files to evaluate; wanted one for each, and a label file"
        )
    return [_chosen(clips, files.choose_labels, path, options) for path in files.choose_on]


def _chosen(clips: ScoredClips, labels: Path, scores: Path, options: Options) -> Threshold:
    others = of_labels(labels, [scores], scored_only=options.scored_only, score_column=options.score_column)
    if shared := sorted(others.targets.index.intersection(clips.targets.index)):
        raise InputError(
            f"{scores}: {len(shared)} of its videos are among those evaluated, such as '{shared[0]}'; a "
            "threshold must be chosen on other clips, such as the validation set"
        )
    (model,) = others.models
    return Threshold(
        decisions.choose(others.targets.to_numpy(), others.scores_of(model), options.choose),
        {
            "how": options.choose,
            "scores": scores.name,
            "labels": labels.name,
            "n_genuine": others.n_genuine,
            "n_forged": others.n_forged,
        },
    )
