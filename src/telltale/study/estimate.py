"""Is the estimate true? What pseudo-unseen folds and plain validation promise, beside the AUC on methods that
were seen in no way.

    spec = EstimateSpec(unseen_spec, {"clusters": division, ...}, "kind")
    table = estimate_table(spec, scores)        # a row for each configuration and seed
    accuracy_table(table)                       # a row for each way to estimate

It needs a data set whose methods are known and of which the test split has methods that training and
validation have not, such as a zoo of `telltale demo-data`.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from telltale.errors import InputError
from telltale.study.clips import manifest_of, read_clips, require_column, rows_of
from telltale.study.task import Task
from telltale.study.unseen import VALIDATION, Division, UnseenSpec, plain_settings, tasks
from telltale.study.unseen_tables import measured, run_table, with_keys

TRUTH, PLAIN = "truth", "plain"
WORST = 2  # folds whose mean is the pessimistic estimate


@dataclass(frozen=True)
class EstimateSpec:
    """What a study of estimates is made of.

    unseen: data, configurations and seeds; its own division is not used
    divisions: name → a division into folds that estimates
    column: of the label files or meta.csv that names the method
    """

    unseen: UnseenSpec
    divisions: dict[str, Division]
    column: str

    @cached_property
    def clips(self) -> pd.DataFrame:
        """The clips of all three splits. Raises InputError if no forged test clip is of a new method."""
        clips = read_clips(self.unseen.data)
        require_column(clips, self.column, self.unseen.data)
        return clips

    @cached_property
    def truth(self) -> pd.DataFrame:
        """The test clips that say the truth: the genuine ones, and those of methods that neither training nor
        validation has. Raises InputError if there are none of a class."""
        truth = never_seen(self.clips, self.column)
        if truth["target"].nunique() < 2:
            forged = int(truth["target"].sum())
            raise InputError(
                f"{self.unseen.data}: the test split has {len(truth) - forged} genuine clips and {forged} "
                f"forged clips of a '{self.column}' that training and validation have not; wanted both"
            )
        return truth

    def spec_of(self, name: str) -> UnseenSpec:
        """The study of unseen kinds of one division."""
        return replace(self.unseen, division=self.divisions[name])


def never_seen(clips: pd.DataFrame, column: str) -> pd.DataFrame:
    """The genuine test clips, and the forged ones of methods that neither training nor validation has.

    clips: of `read_clips`; column: that names the method.
    """
    is_test, is_forged = clips["split"] == "test", clips["target"] == 1
    seen = set(clips.loc[~is_test & is_forged, column])
    return clips[is_test & (~is_forged | ~clips[column].isin(seen))]


def all_tasks(spec: EstimateSpec) -> list[Task]:
    """The plain runs, named CONFIG/plain/seedN, and those of each division, DIVISION/CONFIG/FOLD/seedN."""
    clips, data = spec.clips, spec.unseen.data
    train, validation = (manifest_of(clips[clips["split"] == name], name) for name in ("train", "validation"))
    scored = {VALIDATION: validation.rows, TRUTH: rows_of(spec.truth)}
    plain = [
        Task(
            f"{PLAIN}/{name}/all/seed{seed}",
            plain_settings(settings, seed),
            data,
            train,
            validation,
            scored,
        )
        for name, settings in spec.unseen.configs.items()
        for seed in spec.unseen.seeds
    ]
    divided = [task for name in spec.divisions for task in tasks(spec.spec_of(name), f"{name}/")]
    return plain + divided


def estimate_table(spec: EstimateSpec, scores: pd.DataFrame) -> pd.DataFrame:
    """A row for each configuration and seed.

    true_auc, true_tpr: on methods never seen; validation: AUC on plain validation
    DIVISION: mean AUC over the division's folds; DIVISION worst: mean of its two worst folds

    scores: of `execute`. TPR is at FPR 1e-3.
    """
    names = scores["task"].str.partition("/")
    plain = with_keys(scores.assign(task=names[2])[names[0] == PLAIN])
    rows = []
    for (name, seed), run in plain.groupby(["config", "seed"], sort=False):
        parts = {which: part[part["fake_probability"].notna()] for which, part in run.groupby("set")}
        auc, tpr = measured(parts[TRUTH])
        validation = measured(parts[VALIDATION])[0]
        rows.append({"config": name, "seed": seed, "true_auc": auc, "true_tpr": tpr, VALIDATION: validation})
    table = pd.DataFrame(rows)
    for division in spec.divisions:
        own = run_table(with_keys(scores.assign(task=names[2])[names[0] == division]))
        aucs = own.groupby(["config", "seed"])["unseen_auc"]
        both = {
            division: aucs.mean(skipna=False),
            f"{division} worst": aucs.apply(
                lambda each: each.nsmallest(WORST).mean() if each.notna().all() else float("nan")
            ),
        }
        new = pd.DataFrame(both).reset_index()
        table = table.merge(new, on=["config", "seed"], how="left", validate="one_to_one")
    return table


def columns(spec: EstimateSpec) -> list[str]:
    """The ways to estimate: columns of `estimate_table`."""
    return [VALIDATION, *(name for each in spec.divisions for name in (each, f"{each} worst"))]


def accuracy_table(table: pd.DataFrame, estimates: list[str]) -> pd.DataFrame:
    """A row for each way to estimate: how far from the truth, and whether it ranks configurations rightly.

    mean_absolute_error, bias: of the estimate against true_auc, over configurations and seeds
    ratio: the mean absolute error divided by that of plain validation
    spearman_configs: rank correlation of the means over seeds; spearman_runs: of single runs
    chosen_auc: the true AUC, mean over seeds, of the configuration that the estimate ranks first

    NaN stands for a correlation of estimates that are all equal.
    """
    means = table.groupby("config", sort=False)[["true_auc", *estimates]].mean()
    plain = (table[VALIDATION] - table["true_auc"]).abs().mean(skipna=False)
    rows = []
    for name in estimates:
        error = table[name] - table["true_auc"]
        rows.append(
            {
                "estimate": name,
                "mean_absolute_error": error.abs().mean(skipna=False),
                "ratio": error.abs().mean(skipna=False) / plain if plain else float("nan"),
                "bias": error.mean(skipna=False),
                "spearman_configs": means[name].corr(means["true_auc"], method="spearman"),
                "spearman_runs": table[name].corr(table["true_auc"], method="spearman"),
                "chosen": means[name].idxmax(),
                "chosen_auc": means.loc[means[name].idxmax(), "true_auc"],
            }
        )
    return pd.DataFrame(rows)


def divisions(clusters: list[str], column: str | None, folds: int) -> dict[str, Division]:
    """The divisions that a command line asks for, by name.

    clusters: NAME=CSV each. column: of methods, None for no folds by methods. Raises InputError.
    """
    named = {} if column is None else {"methods": Division("methods", column, folds)}
    for text in clusters:
        name, equals, path = text.partition("=")
        if not (name and equals and path) or "/" in name or name in (*named, PLAIN, VALIDATION):
            raise InputError(f"--clusters {text}: wanted NAME=CSV, each with a name of its own")
        named[name] = Division("clusters", path, folds)
    if not named:
        raise InputError("nothing to estimate by; wanted --clusters, --methods or both")
    return named
