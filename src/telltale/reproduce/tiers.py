"""The three tiers of reproducing a bundle's numbers, each a list of findings; all of them pass or the tier
fails.

scores    every table and figure anew from the score files: seconds, no videos, no model
weights   every video scored again by the checkpoint, compared clip by clip; golden clips, stage by stage
train     trained again from the config, compared weight by weight, and by validation AUC within the spread
over seeds

The tiers follow the artifact of Layton et al., SoK: The Good, The Bad, and The Unbalanced, USENIX Security
2024.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from telltale import config
from telltale.competition.audit_record import Finding
from telltale.data.manifest import read_data, read_labels
from telltale.errors import InputError
from telltale.files import read_json
from telltale.reproduce import bundle as bundles
from telltale.reproduce.bundle import VALIDATION, Bundle, ScoreSet
from telltale.runtime.programs import as_typed, call, several, telltale
from telltale.scores.score import Score
from telltale.scores.table import read_scores

# Validation scores come out of training, which takes one view of a clip as it is.
PLAIN = ("predict.spans=1", "predict.flip=false", "predict.precision=trained", "predict.compile=false")


def intact(
    bundle: Bundle, *, other_versions: bool, packages: Collection[str] | None = None
) -> Iterator[Finding]:
    """What comes before every tier: the bundle is whole, agrees with itself, and meets the program that it
    was made with.

    other_versions: a difference of versions is told and does not fail; packages: as of
    `bundle.check_versions`. Nothing more is looked at in a bundle that is not whole.
    """
    files = bundles.check_files(bundle)
    yield from files
    if all((bundle.folder / name).is_file() for name in bundles.NEEDED):
        try:
            yield from bundles.check_agreement(bundle)
        except InputError as error:
            yield Finding("agreement", False, str(error))
    for finding in bundles.check_versions(bundle, packages):
        told = other_versions and not finding.passed
        yield (
            Finding(finding.rule, True, f"{finding.detail}; let pass by --other-versions")
            if told
            else finding
        )


def scores(bundle: Bundle, out: Path) -> Iterator[Finding]:
    """Tables and figures of every score set into `out`/NAME, and whether the numbers are the bundle's."""
    for one in bundle.sets:
        try:
            found = bundles.evaluate(bundle.folder, one)
            found.write(out / one.name)
            before, now = (
                tree(folder / "metrics.json") for folder in (bundle.evaluation(one.name), out / one.name)
            )
        except InputError as error:
            yield Finding(f"tables of {one.name}", False, str(error))
            continue
        apart = list(unequal(before, now, bundle.tolerances["metric"]))
        same = f"{sum(1 for _ in leaves(now))} values of metrics.json, all the same"
        yield Finding(f"tables of {one.name}", not apart, bundles.few(apart) or same)
        yield figures(bundle.evaluation(one.name), out / one.name, f"figures of {one.name}")


def tree(path: Path) -> Any:
    """A JSON file's content. Raises InputError where it cannot be read."""
    return read_json(path, "the metrics of an evaluation")


def figures(before: Path, now: Path, rule: str) -> Finding:
    """Whether two evaluations drew the same pictures."""
    drawn = {path.name: path.read_bytes() for path in sorted(now.glob("*.png"))}
    there = {path.name: path.read_bytes() for path in sorted(before.glob("*.png"))}
    other = [
        f"{name} is another picture"
        for name in sorted(drawn.keys() | there.keys())
        if drawn.get(name) != there.get(name)
    ]
    return Finding(rule, not other, bundles.few(other) or f"{len(drawn)}, the same to the byte")


def weights(bundle: Bundle, data: Path, out: Path) -> Iterator[Finding]:
    """Every score set scored again into `out`/NAME, and the golden clips. Raises InputError for a data folder
    that is none."""
    yield from golden_findings(bundle)
    yield from bundles.check_data(bundle, data, [one.videos for one in bundle.sets])
    for one in bundle.sets:
        yield from rescored(bundle, one, bundle.model_file, data, out)


def golden_findings(bundle: Bundle) -> list[Finding]:
    """The golden clips through this machine's decoder, mel image and model."""
    from telltale.reproduce import golden

    before = golden.read(bundle.folder / "golden" / "golden.json")
    try:
        now = golden.measure(bundle.model_file, bundle.folder / "golden")
    except InputError as error:
        return [Finding("golden clips", False, str(error))]
    return golden.compare(before, now, tolerance=bundle.tolerances["fake_probability"])


def rescored(bundle: Bundle, one: ScoreSet, model: Path, data: Path, out: Path) -> Iterator[Finding]:
    """One score set scored by `model`, compared with the bundle's clip by clip and by AUC."""
    submission = out / one.name / "submission.csv"
    overrides = one.overrides if one.name != VALIDATION else PLAIN
    words = [
        "predict",
        "--checkpoint",
        model,
        "--videos",
        data / one.videos,
        "--list",
        bundle.labels(one.name),
    ]
    settings = [word for text in overrides for word in ("--set", text)]
    # Whether so few scores make a submission was decided when these were made.
    if status := run([*words, "--out", submission, "--allow-unread", *settings]):
        yield Finding(
            f"scoring {one.name}",
            False,
            f"telltale predict ended with status {status}; the lines above say why",
        )
        return
    labels = read_labels(bundle.labels(one.name))
    moved = compare(
        read_scores(bundle.scores(one.name)), read_scores(submission.with_name("scores.csv")), labels
    )
    limit, auc_limit = bundle.tolerances["fake_probability"], bundle.tolerances["auc"]
    yield Finding(
        f"scores of {one.name}", moved.largest <= limit and not moved.statuses, moved.sentence(limit)
    )
    apart = abs(moved.auc_now - moved.auc_before)
    said = (
        f"{moved.auc_before:.6f} there, {moved.auc_now:.6f} here, {apart:.2g} apart; tolerance {auc_limit:g}"
    )
    yield Finding(f"AUC of {one.name}", apart <= auc_limit, said)


@dataclass(frozen=True)
class Moved:
    """How two score files of the same clips differ. largest, mean: of |Δ fake probability| over clips scored
    in both, 0 where there are none; ranks: clips whose place in the order changed; statuses: clips whose
    status did, as sentences."""

    clips: int
    largest: float
    mean: float
    ranks: int
    statuses: tuple[str, ...]
    auc_before: float
    auc_now: float

    def sentence(self, limit: float) -> str:
        if self.statuses:
            return f"other statuses: {bundles.few(self.statuses)}"
        if not self.largest:
            return f"{self.clips:,} clips, the same to the bit"
        said = (
            f"{self.clips:,} clips, {self.largest:.2g} apart at most, {self.mean:.2g} on average; "
            f"tolerance {limit:g}"
        )
        return f"{said}; {self.ranks:,} change their rank"


def compare(before: Mapping[str, Score], now: Mapping[str, Score], labels: Mapping[str, int]) -> Moved:
    """Two score files, joined by name. Raises InputError where they are not of the same clips."""
    from scipy.stats import rankdata
    from sklearn.metrics import roc_auc_score

    if before.keys() != now.keys():
        odd = sorted(before.keys() ^ now.keys())
        raise InputError(
            f"{len(odd)} clips are in one of two score files alone, the first '{odd[0]}'; wanted the same "
            "clips"
        )
    statuses = [
        f"{n}: {s.status} there, {now[n].status} here" for n, s in before.items() if s.status != now[n].status
    ]
    names = [
        n for n, s in before.items() if s.fake_probability is not None and now[n].fake_probability is not None
    ]
    old, new = (
        np.array([rows[name].fake_probability for name in names], dtype=float) for rows in (before, now)
    )
    apart = np.abs(old - new)
    truth = [labels[name] for name in names]
    several = len(set(truth)) > 1
    aucs = [float(roc_auc_score(truth, values)) if several else math.nan for values in (old, new)]
    ranks = int(np.count_nonzero(rankdata(old) != rankdata(new)))
    largest, mean = (float(apart.max()), float(apart.mean())) if names else (0.0, 0.0)
    return Moved(len(names), largest, mean, ranks, tuple(statuses), *aucs)


def train(bundle: Bundle, data: Path, out: Path, *, resume: bool) -> Iterator[Finding]:
    """Train from the bundle's config into `out`/run; compare weights and validation AUC. Raises InputError.

    resume: go on with what an interrupted reproduction left there; else it is replaced.
    """
    from telltale.train.splits import data_fingerprint

    settings = config.read(bundle.config_file)
    used = [settings.data.train_labels, settings.data.validation_labels]
    used += [settings.data.train_videos, settings.data.validation_videos]
    yield from bundles.check_data(bundle, data, used)
    labels = data_fingerprint(*read_data(data, settings.data))
    yield Finding(
        "labels",
        labels == bundle.data,
        f"{labels}" + ("" if labels == bundle.data else f", not {bundle.data}"),
    )
    processes, said = max(bundle.processes), ", then ".join(map(str, bundle.processes))
    again = (
        f"; begun again with {processes}, whose sums have other last bits"
        if len(bundle.processes) > 1
        else ""
    )
    yield Finding("processes", True, f"trained by {said}{again}")
    words: list[Any] = ["train", "--config", bundle.config_file, "--data", data, "--out", out / "run"]
    words.append("--resume" if resume else "--force")
    # torch's sums depend on its number of threads; it is the core count where the config leaves it open.
    if bundle.threads and not settings.threads:
        words += ["--set", f"threads={bundle.threads}"]
    if status := run(words, processes):
        yield Finding(
            "training", False, f"telltale train ended with status {status}; the lines above say why"
        )
        return
    yield from retrained(bundle, out / "run" / "best.pt")


def retrained(bundle: Bundle, model: Path) -> Iterator[Finding]:
    """What training gave, beside what it gave then: the same weights, or a validation AUC within the spread
    over seeds."""
    from telltale.models import checkpoint

    then, now = checkpoint.load(bundle.model_file), checkpoint.load(model)
    equal, said = same_weights(then["model"], now["model"])
    before, after = then["metrics"]["auc"], now["metrics"]["auc"]
    aucs = f"validation AUC {before:.6f} there, {after:.6f} here"
    if equal:
        yield Finding("training", True, f"weights {said}; {aucs}")
    elif bundle.spread is None:
        yield Finding(
            "training",
            False,
            f"weights {said}; {aucs}; no spread over seeds was measured that could excuse it",
        )
    else:
        low, high = bundle.spread.low, bundle.spread.high
        within = low <= after <= high
        where = (
            f"{'within' if within else 'outside'} [{low:.4f}, {high:.4f}], the spread of "
            f"{len(bundle.spread.seeds)} seeds"
        )
        yield Finding("training", within, f"weights {said}; {aucs}, {where}")


def same_weights(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether two states hold the same tensors to the bit, and in words."""
    if before.keys() != now.keys() or any(before[name].shape != now[name].shape for name in before):
        return False, "of another shape"
    other = [name for name in before if not bool((before[name] == now[name]).all())]
    if not other:
        return True, "the same to the bit"
    worst = max(float((before[name].double() - now[name].double()).abs().max()) for name in other)
    return False, f"other in {len(other)} of {len(before)} tensors, by {worst:.2g} at most"


def run(words: Sequence[Any], processes: int = 1) -> int:
    """One of our verbs, in so many processes, shown as typed; its status."""
    command = several(processes, telltale(*words))
    print(f"\n$ {as_typed(command)}", flush=True)
    return call(command)


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(path, value) of every value of a JSON tree."""
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else None
    if children is None:
        yield path, tree
    else:
        for key, child in children:
            yield from leaves(child, f"{path}.{key}" if path else str(key))


def unequal(before: Any, now: Any, tolerance: float) -> Iterator[str]:
    """Sentences on the values that differ; numbers may by `tolerance` of their size."""
    then, today = dict(leaves(before)), dict(leaves(now))
    for path in [*then, *(path for path in today if path not in then)]:
        old, new = then.get(path, "nothing"), today.get(path, "nothing")
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (old, new))
        if old != new and not (numbers and math.isclose(old, new, rel_tol=tolerance, abs_tol=tolerance)):
            yield f"{path}: {old} there, {new} here"
