"""A bundle: one folder with all that shows where a run's numbers come from, and all that it takes to get them
again.

bundle.json    what is below: hashes of every file, model, config and data fingerprints, score sets, spread,
tolerances README.md      for the organiser run/           the training run but for its last state: best.pt,
config.yaml, audit.json, validation_scores.csv, ... scores/        NAME.csv with its side file, of further
videos; labels/ NAME.csv; evaluation/ NAME/metrics.json and figures data.csv       every video and label file
that was used: path, bytes, SHA-256 golden/        clips of our own drawing, and what the model made of them
source/        the program with its lock and its image's recipe

    found = read(folder)                                   # raises InputError where it is no bundle
    check_files(found), check_agreement(found), check_versions(found)
    check_data(found, Path("/data"), ["test"])

Each check is a list of findings that name their cause. The hashes find what was changed; the agreement finds
a change whose hash was mended, since config, seed, weights and scores are written down in more than one
place.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from telltale import config
from telltale.competition.audit_record import Finding
from telltale.errors import InputError
from telltale.evaluate.evaluation import Evaluation, of_files
from telltale.evaluate.options import Options, ScoreFiles
from telltale.files import read_json, read_table, sha256, write_table, write_text
from telltale.models import checkpoint
from telltale.runtime import environment
from telltale.runtime.progress import each
from telltale.scores import sidecar

FORMAT = "telltale-bundle-1"
MANIFEST = "bundle.json"
RUN_FILES = (
    "best.pt",
    "config.yaml",
    "audit.json",
    "environment.json",
    "reads.csv",
    "reads.json",
    "history.csv",
    "curves.png",
)
NEEDED = ("run/config.yaml", "run/best.pt", "data.csv", "golden/golden.json")
VALIDATION = "validation"
# How far a number may move and still be the same: a fake probability on another processor, an AUC, a number
# recomputed from the same scores.
TOLERANCES = {"fake_probability": 1e-4, "auc": 1e-4, "metric": 1e-9}


@dataclass(frozen=True)
class ScoreSet:
    """Videos that were scored: `videos` is their folder below the data folder, `overrides` what predict.py
    was --set to, `options` those of the evaluation."""

    name: str
    videos: str
    overrides: tuple[str, ...]
    options: dict[str, Any]


@dataclass(frozen=True)
class Spread:
    """Validation AUC of runs that differ in nothing but their seed, and the interval in which the next such
    run is expected."""

    seeds: tuple[int, ...]
    validation_auc: tuple[float, ...]
    low: float
    high: float


@dataclass(frozen=True)
class Bundle:
    """What bundle.json says. config, data: fingerprints; threads: torch's in training, on which its last bits
    depend; machine: that of the training; code, packages: those of source/; files: SHA-256 by path within the
    bundle; processes: how many trained it, several numbers if it was resumed with others."""

    folder: Path
    model: str
    model_sha256: str
    config: str
    data: str
    seed: int
    threads: int
    validation_auc: float
    code: str
    packages: dict[str, str | None]
    machine: dict[str, Any]
    date: str
    sets: tuple[ScoreSet, ...]
    spread: Spread | None
    tolerances: dict[str, float]
    files: dict[str, str]
    processes: tuple[int, ...] = (1,)  # bundles of before it was kept could hold no others

    @property
    def model_file(self) -> Path:
        return self.folder / "run" / "best.pt"

    @property
    def config_file(self) -> Path:
        return self.folder / "run" / "config.yaml"

    def scores(self, name: str) -> Path:
        return scores_in(self.folder, name)

    def labels(self, name: str) -> Path:
        return labels_in(self.folder, name)

    def evaluation(self, name: str) -> Path:
        return self.folder / "evaluation" / name


def scores_in(folder: Path, name: str) -> Path:
    """The score file of a set in the bundle at `folder`; that of the validation split is the run's own."""
    return (
        folder / "run" / "validation_scores.csv" if name == VALIDATION else folder / "scores" / f"{name}.csv"
    )


def labels_in(folder: Path, name: str) -> Path:
    return folder / "labels" / f"{name}.csv"


def write(bundle: Bundle) -> None:
    """Write bundle.json, the last file of a bundle."""
    tree = {"format": FORMAT, **asdict(bundle)}
    del tree["folder"]
    write_text(bundle.folder / MANIFEST, json.dumps(tree, indent=1) + "\n")


def read(folder: Path) -> Bundle:
    """The bundle in `folder`. Raises InputError where bundle.json is absent, or is not one."""
    path = folder / MANIFEST
    tree = read_json(path, "the bundle.json of a folder that telltale bundle wrote")
    try:
        if tree.pop("format", None) != FORMAT:
            raise InputError(f"{path}: is not a {FORMAT} file; wanted one that telltale bundle wrote")
        sets = tuple(ScoreSet(**{**one, "overrides": tuple(one["overrides"])}) for one in tree.pop("sets"))
        spread = tree.pop("spread")
        processes = tuple(tree.pop("processes", (1,)))
        known = None if spread is None else Spread(**{**spread, "seeds": tuple(spread["seeds"])})
        return Bundle(folder=folder, sets=sets, spread=known, processes=processes, **tree)
    except InputError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{path}: is damaged ({' '.join(str(error).split())}); take the bundle from its origin again"
        ) from None


def hashes(folder: Path, paths: Iterable[Path]) -> dict[str, str]:
    """SHA-256 of files below `folder`, by their path in it, in the given order; several are read at a
    time."""
    listed = list(paths)
    with ThreadPoolExecutor() as pool:
        found = list(each(pool.map(sha256, listed), "SHA-256", "file", len(listed)))
    return {path.relative_to(folder).as_posix(): digest for path, digest in zip(listed, found, strict=True)}


def contents(folder: Path) -> list[Path]:
    """Every file of a bundle but its bundle.json, sorted."""
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sorted(path for path in files if path != folder / MANIFEST)


def check_files(bundle: Bundle) -> list[Finding]:
    """Every file is there, with the content that it had, and no other."""
    here = hashes(bundle.folder, contents(bundle.folder))
    wrong = [f"{name} is missing" for name in dict.fromkeys((*bundle.files, *NEEDED)) if name not in here]
    wrong += [
        f"{name} has other content"
        for name, digest in bundle.files.items()
        if here.get(name, digest) != digest
    ]
    wrong += [f"{name} does not belong to it" for name in here if name not in bundle.files]
    return [Finding("files", not wrong, few(wrong) or f"{len(here)}, each with its SHA-256")]


def check_agreement(bundle: Bundle) -> list[Finding]:
    """Config, seed, data, model and scores are what the files themselves say of each other. Files that are
    missing are told by `check_files`. Raises InputError where one is there and cannot be read."""
    content = checkpoint.facts(bundle.model_file)
    settings = config.read(bundle.config_file)
    trained, digest = config.parse(content["config"], "best.pt"), sha256(bundle.model_file)
    differing = [] if settings == trained else changed_keys(trained, settings)
    wrong = [f"config.yaml: {key}, as trained: {said}" for key, said in differing]
    found = config.fingerprint(trained, content["config"])
    if found != bundle.config:
        wrong.append(f"best.pt was trained with config {found}, not {bundle.config}")
    seeds = [f"{what}: {seed}" for what, seed in (("config.yaml", settings.seed), ("best.pt", trained.seed))]
    other_seed = settings.seed != bundle.seed or trained.seed != bundle.seed
    other_data = content["data"] != bundle.data
    findings = [
        Finding("config", not wrong, few(wrong) or f"{bundle.config} in config.yaml and best.pt alike"),
        Finding(
            "seed",
            not other_seed,
            f"{bundle.seed}" + (f" in bundle.json, {', '.join(seeds)}" if other_seed else ""),
        ),
        Finding(
            "data",
            not other_data,
            bundle.data + (f" in bundle.json, {content['data']} in best.pt" if other_data else ""),
        ),
    ]
    other_model = "" if digest == bundle.model_sha256 else f", not {bundle.model_sha256[:16]}"
    findings.append(Finding("weights", not other_model, f"best.pt is {digest[:16]}{other_model}"))
    return [*findings, *(_of_scores(bundle, one, trained, content["config"]) for one in bundle.sets)]


def _of_scores(bundle: Bundle, one: ScoreSet, trained: config.Config, stored: dict[str, Any]) -> Finding:
    rule = f"scores of {one.name}"
    try:
        origin = sidecar.check(bundle.scores(one.name))
    except InputError as error:
        return Finding(rule, False, str(error))
    used = config.fingerprint(config.override(trained, list(one.overrides)), stored)
    for what, said, wanted in (
        ("model", origin.model_sha256, bundle.model_sha256),
        ("config", origin.config, used),
        ("data", origin.data, bundle.data),
    ):
        if said != wanted:
            return Finding(
                rule, False, f"come from another {what}: {(said or 'not known')[:16]}, not {wanted[:16]}"
            )
    return Finding(rule, True, f"{origin.rows:,} rows of this model")


def changed_keys(before: config.Config, now: config.Config) -> list[tuple[str, Any]]:
    """(key and value now, value before) of every key that differs."""
    then, today = (config.flatten(one.model_dump(mode="json")) for one in (before, now))
    return [(f"{key}={today.get(key)}", value) for key, value in then.items() if today.get(key) != value]


def evaluate(folder: Path, one: ScoreSet) -> Evaluation:
    """Metrics and figures of a score set of the bundle in `folder`, its threshold chosen on the validation
    split, unless it is that split. Raises InputError."""
    files = ScoreFiles(labels_in(folder, one.name), [scores_in(folder, one.name)])
    if one.name != VALIDATION:
        choose_labels, choose_on = labels_in(folder, VALIDATION), [scores_in(folder, VALIDATION)]
        files = replace(files, choose_labels=choose_labels, choose_on=choose_on)
    return of_files(files, Options(**one.options))


def check_versions(bundle: Bundle, packages: Collection[str] | None = None) -> list[Finding]:
    """The program, Python and the packages that its results depend on (`packages`; None: all) are those of
    the bundle."""
    named = {
        n: version for n, version in bundle.packages.items() if packages is None or n in ("python", *packages)
    }
    other = environment.differences({"code": bundle.code, "packages": named})
    return [Finding("versions", not other, few(other) or f"telltale {bundle.code} and its packages")]


def write_data(path: Path, root: Path, files: Sequence[Path]) -> None:
    """data.csv: path below `root`, bytes and SHA-256 of each file."""
    digests = hashes(root, files)
    rows = [(name, (root / name).stat().st_size, digest) for name, digest in digests.items()]
    write_table(path, [("path", "bytes", "sha256"), *rows])


def check_data(bundle: Bundle, root: Path, below: Sequence[str]) -> list[Finding]:
    """The files of data.csv in the folders and files `below` the data folder are there and are the same."""
    listed = bundle.folder / "data.csv"
    (_, header), *rows = read_table(listed, "the list of files that telltale bundle wrote")
    try:
        path_at, digest_at = header.index("path"), header.index("sha256")
        wanted = {row[path_at]: row[digest_at] for _, row in rows}
    except (ValueError, IndexError) as error:
        raise InputError(
            f"{listed}: is damaged ({error}); wanted the list of files that telltale bundle wrote"
        ) from None
    asked = [name for name in wanted if any(name == start or name.startswith(f"{start}/") for start in below)]
    there = [name for name in asked if (root / name).is_file()]
    here = hashes(root, [root / name for name in there])
    wrong = [f"{name} is missing" for name in asked if name not in here]
    wrong += [f"{name} has other content" for name in there if here[name] != wanted[name]]
    if not asked:
        wrong.append(f"data.csv lists nothing in {', '.join(below)}")
    return [
        Finding(
            "data files", not wrong, f"{root}: {few(wrong) or f'{len(asked):,} files, each with its SHA-256'}"
        )
    ]


def few(things: Sequence[str], shown: int = 3) -> str:
    """The first few, and how many more there are."""
    return "; ".join(things[:shown]) + (f"; and {len(things) - shown} more" if len(things) > shown else "")
