"""From score files to metrics with intervals, groups and comparisons: as a tree, as text, and as a folder of
figures.

    evaluation = of_files(ScoreFiles(labels, [scores]), Options())
    print(evaluation.text()); evaluation.write(out)

`telltale evaluate` and a reproduction call it. The same files and options give the same bytes: what is
written holds no dates and no absolute paths, and does not depend on the number of threads.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from telltale.errors import InputError
from telltale.evaluate import comparison, groups, sok, text, thresholds
from telltale.evaluate.options import Options, ScoreFiles
from telltale.evaluate.scored_clips import ScoredClips, distinct_names, of_labels
from telltale.files import write_text
from telltale.metrics import delong
from telltale.metrics.rates import Floats
from telltale.metrics.resampling import Draws, bootstrap
from telltale.metrics.summary import summary

BAND_FPRS = np.geomspace(1e-5, 1, 201)  # where the interval of the ROC figure is measured


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation.

    tree: what metrics.json holds. For one model it is `metrics.summary`'s, with n_left_out, groups and
        groupings. For several, `models` holds such a tree for each in order, `spread` their mean and standard
        deviation, `comparisons` each one against the first.
    clips: the clips, and each model's fake probabilities of them.
    bands: model → the low and the high TPR at each rate of BAND_FPRS.
    """

    tree: dict[str, Any]
    clips: ScoredClips = field(repr=False)
    bands: Mapping[str, tuple[Floats, Floats]] = field(repr=False)

    @property
    def trees(self) -> list[dict[str, Any]]:
        """The tree of each model."""
        models: list[dict[str, Any]] = self.tree.get("models", [self.tree])
        return models

    def text(self) -> str:
        """All results, as lines to print."""
        return text.text(self.tree)

    def write(self, out: Path) -> list[str]:
        """Write the figures and metrics.json into the folder `out`; the names of the files.

        The figures of several models lie in a folder each. metrics.json comes last: a folder that holds it
        holds its figures. Raises InputError if `out` cannot be written.
        """
        from telltale.evaluate import figures
        from telltale.report import interval_figures

        several = "models" in self.tree
        folders = folder_names(self.clips.models) if several else ["."]
        written = []
        try:
            out.mkdir(parents=True, exist_ok=True)
            (out / "metrics.json").unlink(missing_ok=True)
            for tree, folder, model in zip(self.trees, folders, self.clips.models, strict=True):
                (out / folder).mkdir(exist_ok=True)
                band = (BAND_FPRS, *self.bands[model])
                targets, scores = self.clips.targets.to_numpy(), self.clips.scores_of(model)
                drawn = figures.of_model(tree, targets, scores, band, out / folder)
                written += [(Path(folder) / name).as_posix() for name in drawn]
            if several:
                interval_figures.comparison(self.tree, out / "comparison.png")
                written.append("comparison.png")
            write_text(out / "metrics.json", json.dumps(self.tree, indent=2, allow_nan=False) + "\n")
        except OSError as error:
            raise InputError(
                f"--out {out}: cannot be made ({error.strerror}); give a folder that can be written"
            ) from None
        return [*written, "metrics.json"]


def of_files(
    files: ScoreFiles, options: Options, group_columns: Sequence[str] = (), by_status: bool = False
) -> Evaluation:
    """Evaluate score files against a label file; names are joined one to one.

    group_columns: "META.csv:COLUMN", any number. by_status: also by the statuses of each score file. Several
    models are evaluated on the same clips, with `options.scored_only` on those that every one of them scored.
    Raises InputError for files that do not belong together, and as `metrics.rates.check`.
    """
    clips = of_labels(
        files.labels, files.scores, scored_only=options.scored_only, score_column=options.score_column
    )
    chosen = thresholds.choose(clips, files, options)
    groupings = [groups.read_grouping(argument, clips) for argument in group_columns]
    evaluation = _evaluate(clips, chosen, options)
    for tree in evaluation.trees:
        own = [groups.by_status(clips, tree["name"])] if by_status else []
        groups.add_groups(tree, clips, groupings + own, options)
    return evaluation


def of_sok(
    scores: Sequence[Path], protocol: Path, forged_columns: Sequence[int] | None, options: Options
) -> Evaluation:
    """Evaluate score files of the SoK's form (see `telltale.evaluate.sok`) against a protocol file.

    forged_columns: which of the two probabilities is that of *forged*, one for all files or one for each.
    Raises InputError for files that do not belong together and, if `forged_columns` is None, with what either
    choice would give.
    """
    trials = [sok.trial(path, protocol) for path in scores]
    columns = sok.columns(trials, forged_columns)
    models = distinct_names(scores)
    ids = pd.Index(trials[0].ids, name="video_name", dtype=object)
    chosen = {
        model: trial.probabilities[:, column]
        for model, trial, column in zip(models, trials, columns, strict=True)
    }
    clips = ScoredClips(
        label_file=protocol.name,
        score_files={model: path.name for model, path in zip(models, scores, strict=True)},
        targets=pd.Series(trials[0].targets, index=ids),
        probabilities=pd.DataFrame(chosen, index=ids),
        statuses=pd.DataFrame(index=ids),
    )
    evaluation = _evaluate(clips, [thresholds.given(options)] * len(trials), options)
    for tree, trial, column in zip(evaluation.trees, trials, columns, strict=True):
        tree["sok"] = sok.of_trial(trial, column)
    return evaluation


def _evaluate(clips: ScoredClips, chosen: Sequence[thresholds.Threshold], options: Options) -> Evaluation:
    trees, draws = [], []
    for model, threshold in zip(clips.models, chosen, strict=True):
        drawn = bootstrap(
            clips.targets,
            clips.scores_of(model),
            resamples=options.resamples,
            seed=options.seed,
            band_fprs=BAND_FPRS.tolist(),
            threshold=threshold.value,
        )
        trees.append(_tree(clips, model, drawn, options))
        trees[-1]["decision"]["chosen"] = threshold.chosen
        draws.append(drawn)
    for tree in trees:
        definitions = tree.pop("definitions")  # the same for all
    if options.intervals == "delong":
        definitions["low, high"] += "; of the AUC: DeLong's, on the logit scale"
    head = {"labels": clips.label_file, "n_left_out": clips.n_left_out}
    if len(trees) == 1:
        tree = {**head, **trees[0], "definitions": definitions}
    else:
        counts = {"n_genuine": clips.n_genuine, "n_forged": clips.n_forged}
        several = comparison.compared(clips, draws, trees)
        tree = {**head, **counts, **several, "definitions": definitions | comparison.DEFINITIONS}
    bands = {model: _band(drawn) for model, drawn in zip(clips.models, draws, strict=True)}
    return Evaluation(tree, clips, bands)


def _tree(clips: ScoredClips, model: str, drawn: Draws, options: Options) -> dict[str, Any]:
    """One model's metrics, with its name and the name of its score file."""
    scores = clips.scores_of(model)
    tree = {"name": model, "scores": clips.score_files[model], **summary(clips.targets, scores, drawn)}
    tree["intervals"] = options.intervals
    if options.intervals == "delong":
        tree["auc"] = delong.interval(clips.targets, scores)
    return tree


def _band(drawn: Draws) -> tuple[Floats, Floats]:
    low, high = np.percentile(drawn.band, (2.5, 97.5), axis=0)
    return low, high


def folder_names(models: Sequence[str]) -> list[str]:
    """A folder for each model: its name, with "_" for what a folder's name should not have; numbered if two
    would get the same."""
    names = [
        "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name) for name in models
    ]
    if len(set(names)) < len(names):
        names = [f"{number}_{name}" for number, name in enumerate(names, 1)]
    return names
