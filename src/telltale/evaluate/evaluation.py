"""From score files to evidence: metrics with intervals, groups, comparisons, as a tree, as text, and as a
folder of figures.

    found = of_files(labels, [scores], Options())
    print(found.text()); found.write(out)

What `telltale evaluate` and a reproduction call. The same files and options give the same bytes: no dates, no
absolute paths, and no number of threads shows in what is written.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from telltale import metrics
from telltale.errors import InputError
from telltale.evaluate import sok, text
from telltale.evaluate.scored_clips import Judged, distinct_names, of_labels, read_groups, statuses
from telltale.files import write_text
from telltale.metrics import decisions, delong

BAND = np.geomspace(1e-5, 1, 201)  # the false positive rates of the ROC figure's interval
SPREAD = (
    "auc",
    "partial_auc",
    "tpr_at_fpr",
    "fpr_at_tpr",
    "ap",
    "eer",
    "log_loss",
    "brier",
    "calibration",
    "decision",
)


@dataclass(frozen=True)
class Options:
    """What an evaluation is asked for beside its files. `dataclasses.asdict` gives a tree, `Options(**tree)`
    reads it.

    resamples, seed: of the bootstrap. intervals: of the AUC, "bootstrap" or "delong"; all else is
    bootstrapped. threshold: from which fake probability on a clip is flagged; None: 0.5, or what `choose`
    finds on other clips. choose: how a threshold is found on those, as `metrics.decisions.choose`.
    scored_only: leave out clips that have a status and no score. score_column: that of submissions, as
    `scores.read_scores` takes it. Raises InputError for a value that means nothing.
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


@dataclass(frozen=True)
class Evaluation:
    """What was found. `found`: the tree of metrics.json. For one score file it is `metrics.summary`'s, with
    n_left_out, groups and groupings; for several, `models` holds such a tree for each in order, `spread`
    their mean and standard deviation, `comparisons` each one against the first.

    judged: the clips, and each model's fake probabilities of them. bands: model -> low and high TPR at the
    rates of BAND.
    """

    found: dict[str, Any]
    judged: Judged = field(repr=False)
    bands: Mapping[str, tuple[Any, Any]] = field(repr=False)

    def text(self) -> str:
        """Everything found, as lines to print."""
        return text.text(self.found)

    def write(self, out: Path) -> list[str]:
        """Write the figures and metrics.json, which comes last: a folder that holds it holds its figures.
        Names of the files.

        The figures of several models lie in a folder each. Raises InputError if `out` cannot be written.
        """
        from telltale.evaluate import model_figures

        trees = _trees(self.found)
        folders = _folders(list(self.judged.probabilities)) if "models" in self.found else [Path()]
        written = []
        try:
            out.mkdir(parents=True, exist_ok=True)
            (out / "metrics.json").unlink(missing_ok=True)
            for tree, folder, (name, probabilities) in zip(
                trees, folders, self.judged.probabilities.items(), strict=True
            ):
                (out / folder).mkdir(exist_ok=True)
                band = (BAND, *self.bands[name])
                drawn = model_figures.of_model(tree, self.judged.targets, probabilities, band, out / folder)
                written += [(folder / each).as_posix() for each in drawn]
            if "models" in self.found:
                model_figures.comparison(self.found, out / "comparison.png")
                written.append("comparison.png")
            write_text(out / "metrics.json", json.dumps(self.found, indent=2, allow_nan=False) + "\n")
        except OSError as error:
            raise InputError(
                f"--out {out}: cannot be made ({error.strerror}); give a folder that can be written"
            ) from None
        return [*written, "metrics.json"]


def of_files(
    labels: Path,
    scores: Sequence[Path],
    options: Options,
    groups: Sequence[str] = (),
    by_status: bool = False,
    choose_on: Sequence[Path] = (),
    choose_labels: Path | None = None,
) -> Evaluation:
    """Evaluate score files, each a scores.csv or submission.csv, against a label file; names are joined one
    to one.

    groups: "META.csv:COLUMN", any number. by_status: also by the statuses of each score file. choose_on,
    choose_labels: for each of `scores` the same model's scores of other clips, on which its threshold is
    chosen. Several score files are all judged on the same clips, with `options.scored_only` those that every
    one of them scored. Raises InputError for files that do not belong together, and as `metrics.check`.
    """
    judged = of_labels(labels, scores, scored_only=options.scored_only, score_column=options.score_column)
    thresholds, chosen = _thresholds(judged, options, choose_on, choose_labels)
    forged = [name for name, target in zip(judged.names, judged.targets, strict=True) if target == 1]
    columns = [read_groups(argument, forged) for argument in groups]
    evaluation = _of_judged(judged, options, thresholds)
    for tree, how, rows in zip(_trees(evaluation.found), chosen, judged.rows, strict=True):
        tree["decision"]["chosen"] = how
        kept = [(column, group_of, seen) for column, group_of, seen in columns]
        if by_status:
            kept.append(("status", statuses(rows, judged), {}))
        _add_groups(tree, judged, kept, options)
    return evaluation


def of_sok(
    scores: Sequence[Path], protocol: Path, forged_columns: Sequence[int] | None, options: Options
) -> Evaluation:
    """Evaluate score files of the SoK's form (see `telltale.evaluate.sok`) against a protocol file.

    forged_columns: which of the two probabilities is that of *forged*, one for all files or one for each.
    Raises InputError for files that do not belong together and, where `forged_columns` is None, with what
    either choice would give.
    """
    trials = [sok.trial(path, protocol) for path in scores]
    columns = sok.columns(trials, forged_columns)
    names = distinct_names(scores)
    first = trials[0]
    judged = Judged(
        labels=protocol.name,
        names=first.ids,
        targets=first.targets,
        files={name: path.name for name, path in zip(names, scores, strict=True)},
        probabilities={
            name: trial.probabilities[:, column]
            for name, trial, column in zip(names, trials, columns, strict=True)
        },
        rows=[{} for _ in trials],
        n_left_out=0,
    )
    threshold, how = (0.5, "default") if options.threshold is None else (options.threshold, "stated")
    evaluation = _of_judged(judged, options, [threshold] * len(trials))
    for tree, trial, column in zip(_trees(evaluation.found), trials, columns, strict=True):
        tree["decision"]["chosen"] = {"how": how}
        tree["sok"] = sok.facts(trial, column)
    return evaluation


def _of_judged(judged: Judged, options: Options, thresholds: Sequence[float]) -> Evaluation:
    trees, draws = [], []
    for (name, probabilities), threshold in zip(judged.probabilities.items(), thresholds, strict=True):
        drawn = metrics.bootstrap(
            judged.targets,
            probabilities,
            resamples=options.resamples,
            seed=options.seed,
            fprs=(*metrics.FPRS, *BAND.tolist()),
            threshold=threshold,
        )
        tree = {
            "name": name,
            "scores": judged.files[name],
            **metrics.summary(judged.targets, probabilities, drawn),
        }
        tree["intervals"] = options.intervals
        if options.intervals == "delong":
            tree["auc"] = delong.interval(judged.targets, probabilities)
        definitions = tree.pop("definitions")
        trees.append(tree)
        draws.append(drawn)
    if options.intervals == "delong":
        definitions = {
            **definitions,
            "low, high": f"{definitions['low, high']}; of the AUC: DeLong's, on the logit scale",
        }
    bands = {
        name: tuple(np.percentile(drawn.tpr[:, len(metrics.FPRS) :], (2.5, 97.5), axis=0))
        for name, drawn in zip(judged.probabilities, draws, strict=True)
    }
    head = {"labels": judged.labels, "n_left_out": judged.n_left_out}
    if len(trees) == 1:
        found = {**head, **trees[0], "definitions": definitions}
        return Evaluation(found, judged, bands)
    counts = {key: trees[0][key] for key in ("n_genuine", "n_forged")}
    found = {
        **head,
        **counts,
        "models": trees,
        "spread": _spread([{key: tree[key] for key in SPREAD} for tree in trees]),
    }
    found["comparisons"] = [_comparison(judged, draws, trees, second) for second in range(1, len(trees))]
    found["definitions"] = {
        **definitions,
        "spread": "mean and sample standard deviation of the models' values",
        "comparisons": "the second model less the first on the same clips; auc: DeLong's test, p "
        "two-sided; bootstrap: both "
        "models measured on the same resampled clips",
    }
    return Evaluation(found, judged, bands)


def _trees(found: dict[str, Any]) -> list[dict[str, Any]]:
    trees: list[dict[str, Any]] = found.get("models", [found])
    return trees


def _spread(trees: Sequence[Any]) -> dict[str, Any]:
    """Mean and standard deviation wherever the trees hold a value: the same keys, {"mean", "sd"} in place of
    each entry."""
    if "value" in trees[0]:
        values = [tree["value"] for tree in trees]
        mean = math.fsum(values) / len(values)
        return {
            "mean": mean,
            "sd": math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)),
        }
    kept = {
        key: _spread([tree[key] for tree in trees])
        for key, below in trees[0].items()
        if isinstance(below, dict)
    }
    return {key: below for key, below in kept.items() if below}


def _comparison(
    judged: Judged, draws: Sequence[metrics.Draws], trees: Sequence[Any], second: int
) -> dict[str, Any]:
    """The model at place `second` less the first. Draws of one number hold the same clips, so differences are
    paired."""
    names = list(judged.probabilities)
    one, other = (judged.probabilities[names[place]] for place in (0, second))
    before, after = draws[0], draws[second]
    rates = {}
    for place, rate in enumerate(metrics.FPRS):
        difference = (
            trees[second]["tpr_at_fpr"][str(rate)]["value"] - trees[0]["tpr_at_fpr"][str(rate)]["value"]
        )
        rates[str(rate)] = metrics.with_interval(difference, after.tpr[:, place] - before.tpr[:, place])
    found = delong.compare(judged.targets, one, other)
    paired = metrics.with_interval(
        trees[second]["auc"]["value"] - trees[0]["auc"]["value"], after.auc - before.auc
    )
    return {
        "first": names[0],
        "second": names[second],
        "auc": found,
        "bootstrap": {"auc": paired, "tpr_at_fpr": rates},
    }


def _thresholds(
    judged: Judged, options: Options, choose_on: Sequence[Path], choose_labels: Path | None
) -> tuple[list[float], list[dict[str, Any]]]:
    """Each model's threshold and where it is from."""
    count = len(judged.probabilities)
    if not choose_on and choose_labels is None:
        stated = options.threshold is not None
        threshold = options.threshold if options.threshold is not None else 0.5
        return [threshold] * count, [{"how": "stated" if stated else "default"} for _ in range(count)]
    if options.threshold is not None:
        raise InputError(
            f"threshold {options.threshold} and scores to choose one on; wanted one or the other"
        )
    if choose_labels is None or len(choose_on) != count:
        raise InputError(
            f"{len(choose_on)} score files to choose a threshold on, "
            f"{'without' if choose_labels is None else 'with'} their "
            f"labels, for {count} score files to judge; wanted one for each, and a label file"
        )
    thresholds, how = [], []
    for path in choose_on:
        other = of_labels(
            choose_labels, [path], scored_only=options.scored_only, score_column=options.score_column
        )
        if shared := sorted(set(other.names) & set(judged.names)):
            raise InputError(
                f"{path}: {len(shared)} of its videos are among those judged, such as '{shared[0]}'; a "
                "threshold must be "
                "chosen on other clips, such as the validation set"
            )
        (probabilities,) = other.probabilities.values()
        thresholds.append(decisions.choose(other.targets, probabilities, options.choose))
        n_forged = int(other.targets.sum())
        counts = {"n_genuine": len(other.targets) - n_forged, "n_forged": n_forged}
        how.append({"how": options.choose, "scores": path.name, "labels": choose_labels.name, **counts})
    return thresholds, how


def _add_groups(
    tree: dict[str, Any],
    judged: Judged,
    columns: Sequence[tuple[str, dict[str, str], dict[str, bool]]],
    options: Options,
) -> None:
    """`groups`: the first column's groups of forged clips. `groupings`: column -> every group, genuine clips'
    too."""
    probabilities = judged.probabilities[tree["name"]]
    groupings: dict[str, Any] = {}
    for column, group_of, seen in columns:
        if column in groupings:
            raise InputError(f"two groupings called '{column}'; wanted columns of different names")
        members = [group_of.get(name) for name in judged.names]
        threshold = tree["decision"]["threshold"]
        found = metrics.by_group(
            judged.targets, probabilities, members, threshold, resamples=options.resamples, seed=options.seed
        )
        groupings[column] = {group: {**entry, "seen": seen.get(group)} for group, entry in found.items()}
    if groupings:
        tree["groups"] = {
            group: entry for group, entry in next(iter(groupings.values())).items() if entry["n_forged"]
        }
        tree["groupings"] = groupings


def _folders(names: Sequence[str]) -> list[Path]:
    """A folder for each model, called like it as far as a folder can be; numbered where two would be called
    the same."""
    plain = [
        "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name) for name in names
    ]
    if len(set(plain)) < len(plain):
        plain = [f"{place}_{name}" for place, name in enumerate(plain, 1)]
    return [Path(name) for name in plain]
