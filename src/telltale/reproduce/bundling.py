"""Making a bundle of a run, its data and its score files. `bundle.py` says what a bundle holds."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from telltale import config
from telltale.competition import audit_record
from telltale.data.folds import given_files, read_splits
from telltale.data.manifest import read_labels
from telltale.errors import InputError
from telltale.evaluate.options import Options
from telltale.files import sha256, write_table, write_text
from telltale.models import checkpoint
from telltale.reproduce import golden
from telltale.reproduce.bundle import (
    RUN_FILES,
    TOLERANCES,
    VALIDATION,
    Bundle,
    ScoreSet,
    Spread,
    contents,
    evaluate,
    hashes,
    labels_in,
    scores_in,
    write,
    write_data,
)
from telltale.reproduce.readme import readme
from telltale.reproduce.spread import spread_of
from telltale.runtime import environment, source
from telltale.scores import sidecar
from telltale.scores.table import read_scores
from telltale.train.run_folder import worlds
from telltale.train.splits import data_fingerprint


def make(
    run: Path,
    data: Path,
    out: Path,
    tests: Sequence[tuple[Path, Path, Path]],
    others: Sequence[Path],
    draw: Callable[[Path], None],
) -> Bundle:
    """Write the bundle of `run` to `out`. A bundle that is there is replaced once the new one is complete.

    data: the folder that the run was trained on.
    tests: of further videos that the run scored: scores.csv, labels, and their folder below `data`.
    others: runs that differ in their seed alone, for the spread.
    draw: writes a folder of golden clips.

    Raises InputError if anything is missing, or does not belong to this run.
    """
    part = out.with_name(f".{out.name}.unfinished-{os.getpid()}")
    try:
        _make_folders(part)
        _copy_run(run, part / "run")
        sets = [_validation(run, data, part), *(_test(*test, data, part) for test in tests)]
        _refuse_equal_names([one.name for one in sets])
        content = checkpoint.load(run / "best.pt")
        settings = config.parse(content["config"], str(run / "best.pt"))
        splits = read_splits(data, settings).manifests
        if data_fingerprint(*splits) != content["data"]:
            raise InputError(
                f"{data}: holds other labels or videos than {run} was trained on; wanted its training's "
                "folder"
            )
        labels = [data / settings.data.train_labels, data / settings.data.validation_labels]
        labels += [path for _, path in given_files(settings, data)]
        videos = [row.path for split in splits for row in split.rows]
        for one in sets[1:]:
            folder = data / one.videos
            videos += [
                path for name in read_labels(labels_in(part, one.name)) if (path := folder / name).is_file()
            ]
        demand_below(data, [*labels, *videos])
        write_data(part / "data.csv", data, [*labels, *videos])
        for one in sets:
            evaluate(part, one).write(part / "evaluation" / one.name)
        draw(part / "golden")
        golden.write(
            part / "golden" / "golden.json", golden.measure(part / "run" / "best.pt", part / "golden")
        )
        _copy_source(part / "source")
        bundle = _describe(part, content, settings, sets, spread_of(run, others))
        _put_in_place(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return replace(bundle, folder=out)


def _make_folders(part: Path) -> None:
    try:
        for folder in ("run", "scores", "labels"):
            (part / folder).mkdir(parents=True)
    except OSError as error:
        raise InputError(
            f"{part.parent}: cannot be written ({error.strerror}); give an --out that can"
        ) from None


def _put_in_place(part: Path, out: Path) -> None:
    """Rename `part` to `out`. An older bundle is deleted after that."""
    old = out.with_name(f".{out.name}.old-{os.getpid()}")
    if out.exists():
        out.rename(old)
    part.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def demand_below(data: Path, files: Sequence[Path]) -> None:
    """Raise InputError if a file does not lie below the data folder."""
    if outside := [path for path in files if not path.is_relative_to(data)]:
        raise InputError(
            f"{outside[0]}: does not lie below --data {data}; wanted all in one folder, for an organiser to "
            "be given"
        )


def _copy_run(run: Path, into: Path) -> None:
    """Raises InputError if a file is missing, and if the run holds other models beside best.pt."""
    for name in RUN_FILES:
        if not (run / name).is_file():
            raise InputError(
                f"{run / name}: is missing; wanted a finished run of train.py, with {', '.join(RUN_FILES)}"
            )
        shutil.copyfile(run / name, into / name)
    if extra := audit_record.checkpoints(run):
        raise InputError(
            f"{run}: holds {', '.join(extra)} beside best.pt; an entry is one single model, move the others "
            "away"
        )


def _validation(run: Path, data: Path, into: Path) -> ScoreSet:
    settings = config.read(run / "config.yaml")
    labels, videos = data / settings.data.validation_labels, settings.data.validation_videos
    copied = _copy_scores(VALIDATION, run / "validation_scores.csv", labels, videos, into)
    if settings.folds.by != "none":  # clips of held-out kinds were left out of validation
        listed = [(row.video_name, row.target) for row in read_splits(data, settings).validation.rows]
        write_table(labels_in(into, VALIDATION), [("video_name", "target"), *listed])
    return copied


def _test(scores: Path, labels: Path, videos: Path, data: Path, into: Path) -> ScoreSet:
    if not videos.resolve().is_relative_to(data.resolve()):
        raise InputError(
            f"--test {videos}: does not lie below --data {data}; wanted a folder that an organiser finds "
            "there"
        )
    below = videos.resolve().relative_to(data.resolve()).as_posix()
    return _copy_scores(below.replace("/", "_"), scores, labels, below, into)


def _copy_scores(name: str, scores: Path, labels: Path, videos: str, into: Path) -> ScoreSet:
    """Copy a score file with its side file and labels. Raises InputError if another model, or several
    processes, scored it."""
    origin = sidecar.check(scores)
    model = sha256(into / "run" / "best.pt")
    if origin.model_sha256 != model:
        raise InputError(
            f"{scores}: come from model {origin.model_sha256[:16]}, but best.pt is {model[:16]}; score them "
            "again"
        )
    if origin.world != 1:
        again = (
            "the training's command with --resume scores them again"
            if name == VALIDATION
            else "score with one"
        )
        raise InputError(
            f"{scores}: come from {origin.world} processes, whose last bits one does not give; {again}"
        )
    copied = scores_in(into, name)
    shutil.copyfile(scores, copied)
    shutil.copyfile(sidecar.path_of(scores), sidecar.path_of(copied))
    shutil.copyfile(labels, labels_in(into, name))
    unscored = any(score.fake_probability is None for score in read_scores(scores).values())
    # Any validation split has a threshold of equal errors; one at a low FPR takes many clips and a strong
    # model.
    options = Options(scored_only=unscored, choose="eer")
    return ScoreSet(name, videos, tuple(origin.overrides), asdict(options))


def _refuse_equal_names(names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise InputError(
            f"score sets {', '.join(names)}: two have one name; wanted each folder of videos once"
        )


def _copy_source(into: Path) -> None:
    source.copy(into)
    (into / "weights").mkdir()  # the containers mount it
    (into / "weights" / ".gitkeep").touch()


def _describe(
    part: Path, content: dict, settings: config.Config, sets: Sequence[ScoreSet], spread: Spread | None
) -> Bundle:
    """Write README.md and, last, bundle.json."""
    trained = sidecar.read(scores_in(part, VALIDATION))
    bundle = Bundle(
        folder=part,
        model=settings.model.name,
        model_sha256=sha256(part / "run" / "best.pt"),
        config=config.fingerprint(settings, content["config"]),
        data=content["data"],
        seed=settings.seed,
        threads=int(trained.machine.get("threads") or 0),
        validation_auc=content["metrics"]["auc"],
        # The versions of source/. What the run was trained with is in its environment.json.
        code=environment.code(),
        packages=environment.packages(),
        machine=trained.machine,
        date=environment.utc_date(),
        sets=tuple(sets),
        spread=spread,
        tolerances=TOLERANCES,
        files={},
        processes=worlds(part / "run"),
    )
    audit = audit_record.read(part / "run" / "audit.json")
    write_text(part / "README.md", readme(bundle, audit_record.one_line(audit)))
    bundle.files.update(hashes(part, contents(part)))
    write(bundle)
    return bundle
