"""The three tiers of reproducing a bundle's numbers. Each is a list of findings; a tier fails if one of them
does.

scores    computes every table and figure again from the score files: seconds, no videos, no model
weights   scores every video again with the checkpoint, compared clip by clip; golden clips, stage by stage
train     trains again from the config; compares weights, or validation AUC with the spread over seeds

The tiers follow the artifact of Layton et al., SoK: The Good, The Bad, and The Unbalanced, USENIX Security
2024.
"""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from telltale import config
from telltale.competition.audit_record import Finding
from telltale.data.folds import given_files, read_splits
from telltale.data.manifest import read_labels
from telltale.errors import InputError
from telltale.files import read_json
from telltale.reproduce.bundle import NEEDED, VALIDATION, Bundle, ScoreSet, evaluate
from telltale.reproduce.checks import check_agreement, check_data, check_files, check_versions, few
from telltale.reproduce.compare import compare, figures, leaves, same_weights, unequal
from telltale.runtime.programs import as_typed, call, several, telltale
from telltale.scores.table import read_scores

# Validation scores come from training, which takes one view of a clip and no mirror image.
PLAIN = (
    "predict.spans=1",
    "predict.crops=1",
    "predict.flip=false",
    "predict.precision=trained",
    "predict.compile=false",
)


def intact(
    bundle: Bundle, *, other_versions: bool, packages: Collection[str] | None = None
) -> Iterator[Finding]:
    """What comes before every tier: whether the bundle is whole, agrees with itself, and was made with this
    program.

    other_versions: report a difference of versions, but pass.
    packages: as `checks.check_versions` takes them.
    """
    files = check_files(bundle)
    yield from files
    if all((bundle.folder / name).is_file() for name in NEEDED):
        try:
            yield from check_agreement(bundle)
        except InputError as error:
            yield Finding("agreement", False, str(error))
    for finding in check_versions(bundle, packages):
        if other_versions and not finding.passed:
            finding = Finding(finding.rule, True, f"{finding.detail}; let pass by --other-versions")
        yield finding


def scores(bundle: Bundle, out: Path) -> Iterator[Finding]:
    """Write tables and figures of every score set into `out`/NAME; compare them with the bundle's."""
    for one in bundle.sets:
        try:
            evaluate(bundle.folder, one).write(out / one.name)
            folders = bundle.evaluation(one.name), out / one.name
            before, now = (
                read_json(folder / "metrics.json", "the metrics of an evaluation") for folder in folders
            )
        except InputError as error:
            yield Finding(f"tables of {one.name}", False, str(error))
            continue
        apart = list(unequal(before, now, bundle.tolerances["metric"]))
        same = f"{sum(1 for _ in leaves(now))} values of metrics.json, all the same"
        yield Finding(f"tables of {one.name}", not apart, few(apart) or same)
        yield figures(*folders, f"figures of {one.name}")


def weights(bundle: Bundle, data: Path, out: Path) -> Iterator[Finding]:
    """Score every score set again into `out`/NAME, and the golden clips; compare them with the bundle's.

    data: the data folder. Raises InputError if it cannot be read.
    """
    yield from golden_findings(bundle)
    yield from check_data(bundle, data, [one.videos for one in bundle.sets])
    for one in bundle.sets:
        yield from rescored(bundle, one, bundle.model_file, data, out)


def golden_findings(bundle: Bundle) -> list[Finding]:
    """Compare what this machine's decoder, mel image and model make of the golden clips with the bundle's."""
    from telltale.reproduce import golden

    before = golden.read(bundle.folder / "golden" / "golden.json")
    try:
        now = golden.measure(bundle.model_file, bundle.folder / "golden")
    except InputError as error:
        return [Finding("golden clips", False, str(error))]
    return golden.compare(before, now, tolerance=bundle.tolerances["fake_probability"])


def rescored(bundle: Bundle, one: ScoreSet, model: Path, data: Path, out: Path) -> Iterator[Finding]:
    """Score one score set with `model`; compare it with the bundle's clip by clip, and by AUC."""
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
    # Whether so few scores make a submission was decided when the bundle's scores were made.
    if status := run([*words, "--out", submission, "--allow-unread", *settings]):
        yield Finding(
            f"scoring {one.name}",
            False,
            f"telltale predict ended with status {status}; the lines above say why",
        )
        return
    labels = read_labels(bundle.labels(one.name))
    before, now = read_scores(bundle.scores(one.name)), read_scores(submission.with_name("scores.csv"))
    changes = compare(before, now, labels)
    limit, auc_limit = bundle.tolerances["fake_probability"], bundle.tolerances["auc"]
    yield Finding(
        f"scores of {one.name}", changes.largest <= limit and not changes.statuses, changes.sentence(limit)
    )
    before_auc, now_auc = changes.auc_before, changes.auc_now
    apart = abs(now_auc - before_auc)
    said = f"{before_auc:.6f} there, {now_auc:.6f} here, {apart:.2g} apart; tolerance {auc_limit:g}"
    yield Finding(f"AUC of {one.name}", apart <= auc_limit, said)


def train(bundle: Bundle, data: Path, out: Path, *, resume: bool) -> Iterator[Finding]:
    """Train from the bundle's config into `out`/run; compare weights and validation AUC with the bundle's.

    resume: continue the run that an interrupted reproduction left there; else it is replaced. Raises
    InputError.
    """
    from telltale.train.splits import data_fingerprint

    settings = config.read(bundle.config_file)
    used = [settings.data.train_labels, settings.data.validation_labels]
    used += [settings.data.train_videos, settings.data.validation_videos]
    # What does not lie below the data folder is not in the bundle's list of files.
    beside = [path for _, path in given_files(settings, data) if path.is_relative_to(data)]
    used += [path.relative_to(data).as_posix() for path in beside]
    yield from check_data(bundle, data, used)
    labels = data_fingerprint(*read_splits(data, settings).manifests)
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
    # torch's sums depend on its number of threads, which is the number of cores if the config leaves it open.
    if bundle.threads and not settings.threads:
        words += ["--set", f"threads={bundle.threads}"]
    if status := run(words, processes):
        yield Finding(
            "training", False, f"telltale train ended with status {status}; the lines above say why"
        )
        return
    yield from retrained(bundle, out / "run" / "best.pt")


def retrained(bundle: Bundle, model: Path) -> Iterator[Finding]:
    """Whether the checkpoint `model` has the bundle's weights, or a validation AUC within the spread."""
    from telltale.models import checkpoint

    first, second = checkpoint.load(bundle.model_file), checkpoint.load(model)
    equal, said = same_weights(first["model"], second["model"])
    before, after = first["metrics"]["auc"], second["metrics"]["auc"]
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
        interval = (
            f"{'within' if within else 'outside'} [{low:.4f}, {high:.4f}], the spread of "
            f"{len(bundle.spread.seeds)} seeds"
        )
        yield Finding("training", within, f"weights {said}; {aucs}, {interval}")


def run(words: Sequence[Any], processes: int = 1) -> int:
    """Run a command of telltale in so many processes and print it as one would type it; its exit status."""
    command = several(processes, telltale(*words))
    print(f"\n$ {as_typed(command)}", flush=True)
    return call(command)
