"""One training run in its folder: what `train.py` is the table of contents of."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from telltale import config, models
from telltale.competition import access, audit_record, packages, rules
from telltale.config.detectors import DETECTORS, SbiSettings
from telltale.data.dataset import ClipDataset, open_store, warn_of_store
from telltale.data.loader import ClipLoader
from telltale.data.manifest import Manifest
from telltale.data.order import TrainBatches, evaluation_batches, file_sizes
from telltale.errors import InputError
from telltale.files import fingerprint, write_text
from telltale.forge.face import Landmarks, read_landmarks
from telltale.models import checkpoint, norms
from telltale.runtime.distributed import Process
from telltale.runtime.signals import SignalWatch, Stopped
from telltale.scores.score import Score, status_counts
from telltale.train import state, validation_scores
from telltale.train.history import Record
from telltale.train.loop import fit
from telltale.train.objectives import Objective
from telltale.train.run_folder import Reads, write_environment


def data_fingerprint(*splits: Manifest) -> str:
    """16 hex digits of the names, targets and methods of the splits, in order."""
    rows = [[s.split, [[row.video_name, row.target, row.method] for row in s.rows]] for s in splits]
    return fingerprint(rows)


def describe(split: Manifest) -> str:
    """One line on a split: what is there, and what was let pass."""
    line = f"{split.split}: {len(split.rows)} clips, {split.n_genuine} genuine, {split.n_forged} forged"
    return line + "".join(
        f", {len(names)} {what}"
        for names, what in ((split.missing, "listed but missing"), (split.unlisted, "not listed"))
        if names
    )


class Account:
    """What this run read, kept up to date in its folder, and its audit with it. Every process has one, the
    main one writes.

    seen: what this process opened and called; reads: the folder's record, None but in the main process;
    audit: of the model.
    """

    def __init__(
        self,
        folder: Path,
        process: Process,
        seen: access.AccessLog,
        audit: audit_record.Audit,
        reads: Reads | None,
        data: str,
    ) -> None:
        self.folder, self.process, self.seen, self.audit, self.reads, self.data = (
            folder,
            process,
            seen,
            audit,
            reads,
            data,
        )
        self._write()

    def note(self) -> None:
        """Write down what is new. All processes call it, before weights are saved: what they learnt from is
        written first."""
        found = self.process.gather((access.new_files(self.seen), sorted(self.seen.hosts)))
        if self.reads is not None and sum(self.reads.note(*each) for each in found):
            self._write()

    def finish(self) -> None:
        """Training is over: complete the record and the audit. All processes call it."""
        self.note()
        found = self.process.gather(packages.third_party_modules(sys.modules))
        if self.reads is not None:
            forbidden, foreign = (sorted({name for each in found for name in each[kind]}) for kind in (0, 1))
            self.reads.finish(forbidden, foreign)
            self._write()

    def _write(self) -> None:
        if self.reads is None:
            return
        complete = self.reads.tree["complete"]
        single = (
            audit_record.single_model(self.folder)
            if complete
            else audit_record.Finding("single model", None, rules.NOT_YET)
        )
        self.audit = self.audit.having([*rules.of_reads(self.reads.tree, self.data), single])
        audit_record.write(self.audit, self.folder / "audit.json")


def account(
    folder: Path,
    root: Path,
    settings: config.Config,
    splits: tuple[Manifest, Manifest],
    audit: audit_record.Audit,
    seen: access.AccessLog,
    configs: list[str],
    process: Process,
    store: Path | None,
    resumed: dict[str, Any] | None,
) -> Account:
    """Write what a run's folder says of it before its first step: config.yaml, environment.json, reads.*,
    audit.json.

    root: the data folder; configs: the files that `settings` were read from. Raises InputError, with nothing
    written, where the run was begun with other data, where the processes see different data, and for
    synchronised batch norm off CUDA.
    """
    data, reads, again = data_fingerprint(*splits), None, resumed is not None
    if (seen_by := process.gather(data)) != [data] * process.world:
        other = next(rank for rank, digest in enumerate(seen_by) if digest != seen_by[0])
        raise InputError(
            f"--data {root}: process {other} sees other labels or videos there than process 0; wanted the "
            "same"
        )
    if settings.optim.sync_batch_norm and process.world > 1 and process.device.type != "cuda":
        raise InputError(
            "optim.sync_batch_norm=true: batch norm over several processes works on CUDA only; set it to "
            "false"
        )
    if resumed is not None and resumed["data"] != data:
        raise InputError(
            f"{folder}: was trained on other labels or videos than these; resume with the same data, or "
            "give another --out"
        )
    if process.main:
        write_text(folder / "config.yaml", config.dump(settings))
        write_environment(folder, process.world, resumed=again)
        told, free = given(settings, audit.provenance, configs), [] if store is None else [store]
        digests = [tower["sha256"] for tower in audit.provenance.values() if tower["sha256"]]
        reads = Reads(folder, root, settings.data, splits, told, digests=digests, free=free, resumed=again)
    return Account(folder, process, seen, audit, reads, data)


def given(
    settings: config.Config, provenance: dict[str, dict[str, Any]], configs: Iterable[str]
) -> list[tuple[str, Path]]:
    """(kind, path) of the files beside labels and videos that the run is told to read: configs, landmarks,
    weights."""
    named = [("config", Path(name)) for name in configs]
    assert isinstance(settings.objective, SbiSettings)
    if settings.objective.landmarks is not None:
        named.append(("landmarks", Path(settings.objective.landmarks)))
    weights = [Path(tower["path"]) for tower in provenance.values() if tower["source"] in ("file", "folder")]
    named += [("weights", path) for path in dict.fromkeys(weights)]
    if weights or settings.model.pretrained:
        from telltale.models import hub

        folders = dict.fromkeys((hub.folder(), *(path.parent for path in weights)))
        named += [("record of weights", folder / hub.RECORD) for folder in folders]
    # What is not there is for its own reader to say, or, in a resumed run, no longer wanted.
    return [(kind, path) for kind, path in named if path.is_file()]


def run(
    model: torch.nn.Module,
    objective: Objective,
    train: Manifest,
    validation: Manifest,
    settings: config.Config,
    process: Process,
    watch: SignalWatch,
    account: Account,
    resumed: dict[str, Any] | None,
    store: Path | None = None,
) -> state.State:
    """Train `model` by `objective` and keep the account's folder up to date; `resumed` is what
    `runfolder.prepare` found.

    Raises InputError, Stopped.
    """
    folder, data = account.folder, account.data
    model = placed(model, objective.unit, settings, process)
    now = state.begin(model, settings.optim, process.device.type)
    if resumed is not None:
        now.restore(resumed)
    batches = TrainBatches(train.targets, settings, process.rank, process.world, objective.unit)
    record = Record(folder, now.progress.epoch * len(batches) + now.progress.step) if process.main else None
    about: dict[str, Any] = {
        "config": settings.model_dump(mode="json"),
        "data": data,
        "provenance": model.provenance,
    }
    about["steps_per_epoch"] = len(batches)

    def save() -> None:
        account.note()
        if process.main:
            checkpoint.save(folder / "last.pt", {**now.content(), **about})

    def report(step: int, terms: dict[str, float], rate: float) -> None:
        if record is not None:
            record.step(step, terms, rate)

    def finish_epoch(scores: list[Score], is_best: bool) -> None:
        if record is None:
            return
        if is_best:
            checkpoint.save(folder / "best.pt", {**best(now), **about})
            validation_scores.keep_scores(scores, config.fingerprint(settings), data, process.world, folder)
        record.epoch(now.progress.history, (now.progress.epoch + 1) * len(batches))
        print(summary(now.progress.history[-1], scores, is_best), flush=True)

    fixed = evaluation_batches(
        file_sizes(validation.rows), settings.predict.batch_size, process.rank, process.world
    )
    training, judging = loaders((train, batches), (validation, fixed), settings, process, store)
    hooks: dict[str, Any] = {
        "objective": objective,
        "save": save,
        "report": report,
        "finish_epoch": finish_epoch,
    }
    try:
        fit(now, training, judging, settings, process, watch, **hooks)
    except Stopped as stop:
        kept = f"{folder}/last.pt is up to date" if (folder / "last.pt").exists() else "nothing was saved yet"
        raise Stopped(stop.number, f"go on with the same command and --resume ({kept})") from None
    finally:
        training.close()
        judging.close()
        if record is not None:
            record.close()
    account.finish()
    validation_scores.score_alone(folder, judging.dataset, settings, process, watch)
    return now


def placed(model: torch.nn.Module, unit: str, settings: config.Config, process: Process) -> torch.nn.Module:
    """The model on its device, its batch norm synchronised if that is asked for; warns of few samples for
    batch norm."""
    # Channels beside each other is how both oneDNN and cuDNN like their convolutions.
    model.to(process.device).to(memory_format=torch.channels_last)
    if process.main and (warning := norms.few_samples(model, settings, unit, process.world)):
        print(warning, file=sys.stderr, flush=True)
    return norms.synchronise(model) if settings.optim.sync_batch_norm and process.world > 1 else model


def best(now: state.State) -> dict[str, Any]:
    """What prediction needs of the epoch just judged, and how well it did."""
    progress = now.progress
    metrics = {"auc": progress.best_auc, "tpr_at_fpr_1e-3": progress.best_tpr}
    weights = models.shipped(now.judged.state_dict())
    return {
        "model": weights,
        "epoch": progress.epoch + 1,
        "mean_score": progress.best_mean,
        "metrics": metrics,
    }


def loaders(
    train: tuple[Manifest, TrainBatches],
    validation: tuple[Manifest, Any],
    settings: config.Config,
    process: Process,
    store: Path | None,
) -> tuple[ClipLoader, ClipLoader]:
    """The clips of each split in its batches. Raises InputError where training would never ask a store for a
    span twice."""
    if store is not None and not settings.data.spans:
        raise InputError(
            f"--store {store}: training takes a span anywhere in the clip, which no store can hold; wanted "
            "data.spans=N,"
            " to choose among N spans of each clip"
        )
    reads = DETECTORS[settings.model.name].reads
    kept = None if store is None else open_store(store, settings, reads)
    if kept is not None and process.main:
        warn_of_store(
            kept, settings, reads, len(train[0].rows) * settings.data.spans + len(validation[0].rows)
        )
    workers, limit = process.workers(settings.data.workers, len(train[0].rows)), settings.data.timeout_seconds
    blends = train[1].unit == "genuine"
    assert isinstance(settings.objective, SbiSettings)
    landmarks = faces(settings.objective.landmarks, train[0], process) if blends else None
    learnt = ClipDataset(
        train[0].rows, settings, reads, store=kept, training=True, blends=blends, landmarks=landmarks
    )
    judged = ClipDataset(validation[0].rows, settings, reads, store=kept)
    return (
        ClipLoader(learnt, train[1], workers, timeout_seconds=limit),
        ClipLoader(judged, validation[1], workers, timeout_seconds=limit),
    )


def faces(file: str | None, train: Manifest, process: Process) -> dict[str, Landmarks]:
    """The landmarks of the training clips by video name; says how many genuine clips have none. Raises
    InputError."""
    found = {} if file is None else read_landmarks(Path(file))
    genuine = [row.video_name for row in train.rows if row.target == 0]
    without = sum(name not in found for name in genuine)
    if process.main and without:
        print(
            f"faces of {without} of {len(genuine)} genuine clips are looked for where talking heads have "
            "them",
            flush=True,
        )
    return found


def summary(row: dict[str, Any], scores: list[Score], is_best: bool) -> str:
    """One line on an epoch, and one on validation clips that could not be scored."""
    line = (
        f"epoch {row['epoch']}: train loss {row['train_loss']:.4f}, validation AUC "
        f"{row['validation_auc']:.4f}, "
        f"TPR@FPR=1e-3 {row['validation_tpr_at_fpr_1e-3']:.4f}, {row['clips_per_second']:.1f} clips/s"
    )
    line += ", best so far" if is_best else ""
    if row["train_unreadable"]:
        line += (
            f"\n  {row['train_unreadable']} training clips could not be read and were left out of this epoch"
        )
    if row["validation_unscored"]:
        line += f"\n  validation: {status_counts(scores)}"
    return line


def last_words(done: state.State, account: Account) -> str:
    """What the run gave, where it lies, and its audit."""
    progress = done.progress
    return (
        f"best epoch {progress.best_epoch + 1} of {progress.epoch}: validation AUC {progress.best_auc:.4f}, "
        f"TPR@FPR=1e-3 {progress.best_tpr:.4f}; wrote {account.folder}/best.pt, history.csv, curves.png\n"
        f"{audit_record.one_line(account.audit)}"
    )
