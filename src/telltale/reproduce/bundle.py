"""A bundle: one folder that shows where a run's numbers come from, with all that it takes to get them again.

bundle.json    hashes of every file, fingerprints of model, config and data, score sets, spread, tolerances
README.md      for the organiser
run/           the training run without its last state: best.pt, config.yaml, audit.json, ...
scores/        NAME.csv with its side file, of further videos
labels/        NAME.csv
evaluation/    NAME/metrics.json and figures
data.csv       every video and label file that was used: path, bytes, SHA-256
golden/        clips that this program drew, and what the model made of them
source/        the program with its lock and the recipe of its image

    bundle = read(folder)                                  # raises InputError if the folder is no bundle

`bundling.py` makes a bundle, `checks.py` checks one, `tiers.py` reproduces its numbers.
"""

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from telltale.errors import InputError
from telltale.evaluate.evaluation import Evaluation, of_files
from telltale.evaluate.options import Options, ScoreFiles
from telltale.files import read_json, sha256, write_table, write_text
from telltale.runtime.progress import each

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
    """Videos that were scored.

    name: of the set, and of its files in the bundle.
    videos: their folder, relative to the data folder.
    overrides: the --set strings that predict.py got.
    options: the fields of `evaluate.options.Options`.
    """

    name: str
    videos: str
    overrides: tuple[str, ...]
    options: dict[str, Any]


@dataclass(frozen=True)
class Spread:
    """Validation AUC of runs that differ in their seed alone, and the interval [low, high] in which that of
    one more such run is expected."""

    seeds: tuple[int, ...]
    validation_auc: tuple[float, ...]
    low: float
    high: float


@dataclass(frozen=True)
class Bundle:
    """The content of bundle.json.

    folder: the bundle; not in the file.
    model, model_sha256: the detector's name, and the SHA-256 of best.pt.
    config, data: fingerprints, 16 hex digits.
    seed: of the training.
    threads: torch's in training, on which the last bits of weights depend.
    validation_auc: of best.pt.
    code, packages: versions of the program in source/ and of its packages.
    machine: that of the training.
    date: when the bundle was made, UTC, ISO 8601.
    sets: the score sets, the validation split first.
    spread: None if it was not measured.
    tolerances: how far a number may move; see `TOLERANCES`.
    files: path within the bundle → SHA-256.
    processes: how many trained it; several numbers if the run was resumed with another number.
    """

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
    processes: tuple[int, ...] = (1,)  # earlier bundles lack it and hold no others

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
    """The path of a set's score file in the bundle at `folder`; the validation split has the run's own."""
    return (
        folder / "run" / "validation_scores.csv" if name == VALIDATION else folder / "scores" / f"{name}.csv"
    )


def labels_in(folder: Path, name: str) -> Path:
    """The path of a set's label file in the bundle at `folder`."""
    return folder / "labels" / f"{name}.csv"


def write(bundle: Bundle) -> None:
    """Write bundle.json, which is the last file of a bundle to be written."""
    tree = {"format": FORMAT, **asdict(bundle)}
    del tree["folder"]
    write_text(bundle.folder / MANIFEST, json.dumps(tree, indent=1) + "\n")


def read(folder: Path) -> Bundle:
    """The bundle in `folder`. Raises InputError if bundle.json is absent, damaged or of another format."""
    path = folder / MANIFEST
    tree = read_json(path, "the bundle.json of a folder that telltale bundle wrote")
    try:
        if tree.pop("format", None) != FORMAT:
            raise InputError(
                f"{path}: is not a {FORMAT} file; wanted one that telltale bundle wrote, or read it with the "
                "version of telltale in its source/"
            )
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
    """Path relative to `folder` → SHA-256, of files below it, in the given order. Several threads read."""
    listed = list(paths)
    with ThreadPoolExecutor() as pool:
        digests = list(each(pool.map(sha256, listed), "SHA-256", "file", len(listed)))
    return {path.relative_to(folder).as_posix(): digest for path, digest in zip(listed, digests, strict=True)}


def contents(folder: Path) -> list[Path]:
    """Every file of a bundle except bundle.json, sorted."""
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sorted(path for path in files if path != folder / MANIFEST)


def evaluate(folder: Path, one: ScoreSet) -> Evaluation:
    """Evaluate a score set of the bundle in `folder`, with the threshold chosen on the validation split.

    The validation split chooses its own. Raises InputError.
    """
    files = ScoreFiles(labels_in(folder, one.name), [scores_in(folder, one.name)])
    if one.name != VALIDATION:
        choose_labels, choose_on = labels_in(folder, VALIDATION), [scores_in(folder, VALIDATION)]
        files = replace(files, choose_labels=choose_labels, choose_on=choose_on)
    return of_files(files, Options(**one.options))


def write_data(path: Path, root: Path, files: Sequence[Path]) -> None:
    """Write data.csv: path relative to `root`, bytes and SHA-256 of each file."""
    digests = hashes(root, files)
    rows = [(name, (root / name).stat().st_size, digest) for name, digest in digests.items()]
    write_table(path, [("path", "bytes", "sha256"), *rows])
