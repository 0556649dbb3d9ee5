"""How a bundle is made of a run, its data and its score files; what lies in it is written down in
`reproduce/bundle.py`."""

import os
import shutil
import statistics
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from telltale import config
from telltale.competition import audit_record
from telltale.config.affects import Affects
from telltale.config.keys import affecting
from telltale.data.manifest import read_data, read_labels
from telltale.errors import InputError
from telltale.evaluate.options import Options
from telltale.files import sha256, write_text
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
from telltale.runtime import environment, source
from telltale.scores import sidecar
from telltale.scores.table import read_scores
from telltale.train.run_folder import worlds
from telltale.train.splits import data_fingerprint

# What runs over several seeds may differ in.
OF_A_SEED = affecting(Affects.SEED, Affects.SPEED, Affects.ROUNDING, Affects.TIMEOUT)


def make(
    run: Path,
    data: Path,
    out: Path,
    tests: Sequence[tuple[Path, Path, Path]],
    others: Sequence[Path],
    draw: Callable[[Path], None],
) -> Bundle:
    """Write the bundle of `run` to `out`, in place of a bundle that is there, once it is complete.

    data: the folder that it was trained on; tests: (scores.csv, labels, folder of videos below `data`) of
    further videos it scored; others: runs that differ in their seed alone, for the spread; draw: makes a
    folder of golden clips. Raises InputError where anything is missing, or does not belong to this run.
    """
    part = out.with_name(f".{out.name}.unfinished-{os.getpid()}")
    try:
        _make_folders(part)
        _take_run(run, part / "run")
        sets = [_validation(run, data, part), *(_test(*test, data, part) for test in tests)]
        _refuse_twins([one.name for one in sets])
        content = checkpoint.load(run / "best.pt")
        settings = config.parse(content["config"], str(run / "best.pt"))
        splits = read_data(data, settings.data)
        if data_fingerprint(*splits) != content["data"]:
            raise InputError(
                f"{data}: holds other labels or videos than {run} was trained on; wanted its training's "
                "folder"
            )
        labels = [data / settings.data.train_labels, data / settings.data.validation_labels]
        videos = [row.path for split in splits for row in split.rows]
        for one in sets[1:]:
            folder = data / one.videos
            videos += [
                path for name in read_labels(labels_in(part, one.name)) if (path := folder / name).is_file()
            ]
        _demand_below(data, [*labels, *videos])
        write_data(part / "data.csv", data, [*labels, *videos])
        for one in sets:
            evaluate(part, one).write(part / "evaluation" / one.name)
        draw(part / "golden")
        golden.write(
            part / "golden" / "golden.json", golden.measure(part / "run" / "best.pt", part / "golden")
        )
        _take_source(part / "source")
        made = _describe(part, content, settings, sets, spread_of(run, others))
        _put_in_place(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return replace(made, folder=out)


def _make_folders(part: Path) -> None:
    try:
        for folder in ("run", "scores", "labels"):
            (part / folder).mkdir(parents=True)
    except OSError as error:
        raise InputError(
            f"{part.parent}: cannot be written ({error.strerror}); give an --out that can"
        ) from None


def _put_in_place(part: Path, out: Path) -> None:
    """An older bundle is only deleted once the new one stands there."""
    old = out.with_name(f".{out.name}.old-{os.getpid()}")
    if out.exists():
        out.rename(old)
    part.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def _demand_below(data: Path, files: Sequence[Path]) -> None:
    if outside := [path for path in files if not path.is_relative_to(data)]:
        raise InputError(
            f"{outside[0]}: does not lie below --data {data}; wanted all in one folder, for an organiser to "
            "be given"
        )


def _take_run(run: Path, into: Path) -> None:
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
    return _take(VALIDATION, run / "validation_scores.csv", labels, videos, into)


def _test(scores: Path, labels: Path, videos: Path, data: Path, into: Path) -> ScoreSet:
    if not videos.resolve().is_relative_to(data.resolve()):
        raise InputError(
            f"--test {videos}: does not lie below --data {data}; wanted a folder that an organiser finds "
            "there"
        )
    below = videos.resolve().relative_to(data.resolve()).as_posix()
    return _take(below.replace("/", "_"), scores, labels, below, into)


def _take(name: str, scores: Path, labels: Path, videos: str, into: Path) -> ScoreSet:
    """Copy a score file with its side file and labels. Raises InputError where they are not of this very
    model."""
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
    taken = scores_in(into, name)
    shutil.copyfile(scores, taken)
    shutil.copyfile(sidecar.path_of(scores), sidecar.path_of(taken))
    shutil.copyfile(labels, labels_in(into, name))
    unscored = any(score.fake_probability is None for score in read_scores(scores).values())
    # The threshold of equal errors is there on any validation split; one at a low FPR takes many clips and a
    # strong model.
    options = Options(scored_only=unscored, choose="eer")
    return ScoreSet(name, videos, tuple(origin.overrides), asdict(options))


def _refuse_twins(names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise InputError(
            f"score sets {', '.join(names)}: two have one name; wanted each folder of videos once"
        )


def spread_of(run: Path, others: Sequence[Path]) -> Spread | None:
    """How far validation AUC goes with the seed: the 95 % interval in which one more run of the same kind is
    expected.

    It is Student's prediction interval, mean ± t·s·sqrt(1 + 1/n) over the n runs. Raises InputError for runs
    that differ in more than their seed, or not in it; None without `others`.
    """
    if not others:
        return None
    from scipy import stats

    runs = [checkpoint.load(folder / "best.pt") for folder in (run, *others)]
    seeds, aucs = (
        [content["config"]["seed"] for content in runs],
        [content["metrics"]["auc"] for content in runs],
    )
    first = _but_seed(runs[0]["config"])
    for folder, content in zip(others, runs[1:], strict=True):
        then = _but_seed(content["config"])
        if differing := sorted(key for key in first.keys() | then.keys() if first.get(key) != then.get(key)):
            raise InputError(
                f"--spread {folder}: differs from {run} in {differing[0]}; wanted a run with another seed "
                "alone"
            )
        if content["data"] != runs[0]["data"]:
            raise InputError(f"--spread {folder}: was trained on other data than {run}; wanted the same")
    if len(set(seeds)) < len(seeds):
        raise InputError(
            f"--spread: seeds {', '.join(map(str, seeds))}; wanted each run with a seed of its own"
        )
    n, mean = len(aucs), statistics.mean(aucs)  # exact: equal AUCs have themselves as their mean
    reach = float(stats.t.ppf(0.975, n - 1)) * statistics.stdev(aucs) * (1 + 1 / n) ** 0.5
    return Spread(tuple(seeds), tuple(aucs), max(0.0, mean - reach), min(1.0, mean + reach))


def _but_seed(tree: dict) -> dict:
    return {key: value for key, value in config.flatten(tree).items() if key not in OF_A_SEED}


def _take_source(into: Path) -> None:
    source.copy(into)
    (into / "weights").mkdir()  # which the containers mount
    (into / "weights" / ".gitkeep").touch()


def _describe(
    part: Path, content: dict, settings: config.Config, sets: Sequence[ScoreSet], spread: Spread | None
) -> Bundle:
    """README.md and, last, bundle.json."""
    trained = sidecar.read(scores_in(part, VALIDATION))
    made = Bundle(
        folder=part,
        model=settings.model.name,
        model_sha256=sha256(part / "run" / "best.pt"),
        config=config.fingerprint(settings, content["config"]),
        data=content["data"],
        seed=settings.seed,
        threads=int(trained.machine.get("threads") or 0),
        validation_auc=content["metrics"]["auc"],
        # Those of source/. What the run was trained with is in its environment.json.
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
    write_text(part / "README.md", readme(made, audit_record.one_line(audit)))
    made.files.update(hashes(part, contents(part)))
    write(made)
    return made


def readme(made: Bundle, audit: str) -> str:
    """What an organiser reads first."""
    sets = "\n".join(f"- `{one.videos}/`: `{scores_in(Path(), one.name).as_posix()}`" for one in made.sets)
    seeds = "only weights that are the same to the bit pass,\nsince no spread over seeds was measured"
    if made.spread is not None:
        low, high, known = made.spread.low, made.spread.high, ", ".join(map(str, made.spread.seeds))
        seeds = (
            f"validation AUC must lie in [{low:.4f}, {high:.4f}], where the seeds {known} put one more "
            "run of\n"
        )
        seeds += "this configuration, unless the weights are equal"
    return textwrap.dedent("""\
        # Bundle of {model}, {digest}

        Validation AUC {auc:.6f}. Made {date} with telltale {code}.

        {audit}

        Scores of the videos in these folders of the data:

        {sets}

        ## To get these numbers again

        `source/` holds the program and its image's recipe; its `docs/organiser.md` has each step.

        ```
        export HOST_UID=$(id -u) HOST_GID=$(id -g)
        export BUNDLE_DIR=$PWD DATA_DIR=/path/to/data OUTPUT_DIR=/path/to/output
        cd source
        docker compose build
        docker compose run --rm reproduce --tier scores      # seconds: metrics and figures, from score files
        docker compose run --rm reproduce --tier weights     # minutes: every video scored again
        docker compose run --rm reproduce --tier train       # as long as training took{processes}
        ```

        Each prints PASS or FAIL with its reasons, and ends with status 0 or 1. A fake probability may move by
        {probability:g} and an AUC by {auc_tolerance:g}; after training, {seeds}.
        """).format(
        model=made.model,
        digest=made.model_sha256[:16],
        auc=made.validation_auc,
        date=made.date,
        code=made.code,
        audit=audit,
        sets=sets,
        processes="" if made.processes == (1,) else f", in {max(made.processes)} processes by torchrun",
        probability=made.tolerances["fake_probability"],
        auc_tolerance=made.tolerances["auc"],
        seeds=seeds,
    )
