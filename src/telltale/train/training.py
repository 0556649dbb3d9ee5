"""One training run, from its model to its files: what `train.py` calls step by step."""

import sys
from typing import Any

import torch

from telltale import config, models
from telltale.competition import audit_record
from telltale.data.folds import UNSEEN, Splits
from telltale.models import checkpoint, norms
from telltale.models.last_layers import freeze_others
from telltale.models.start import start
from telltale.runtime import distributed
from telltale.runtime.signals import Stopped
from telltale.scores.score import status_counts
from telltale.train import best_epoch, calibrate, loaders, objectives, splits, validation_scores
from telltale.train.context import RunContext, RunInputs
from telltale.train.history import RunLog
from telltale.train.loop import Epoch, Step, fit
from telltale.train.objectives import Objective
from telltale.train.run_audit import RunAudit
from telltale.train.state import State, initial_state


def build(inputs: RunInputs, context: RunContext) -> tuple[torch.nn.Module, Objective]:
    """The model and what trains it, from the run's seed or from `model.start_from`. A resumed run gets its
    weights in `run`.

    Raises InputError.
    """
    settings = context.settings
    context.say(f"building {settings.model.name}")
    distributed.seed(settings.seed)
    objective = objectives.build(settings, inputs.train.rows)
    model = models.build(
        settings.model,
        settings.mel,
        settings.clip,
        initialise=inputs.resumed is None and settings.model.start_from is None,
        methods=objective.methods,
    )
    if inputs.resumed is not None:
        model.provenance = inputs.resumed["provenance"]
    elif settings.model.start_from is not None:
        start(model, settings)
    if settings.optim.trained == "last":
        freeze_others(model, settings)
    return model, objective


def run(
    model: torch.nn.Module, objective: Objective, inputs: RunInputs, context: RunContext, audit: RunAudit
) -> State:
    """Train `model` and write best.pt, last.pt, history and validation scores into the run's folder.

    All processes call it; the main process writes. Raises InputError, NonFiniteLoss, and Stopped after a
    signal, once last.pt is written.
    """
    settings, process, folder = context.settings, context.process, inputs.folder
    model = placed(model, objective.unit, context)
    state = initial_state(model, settings.optim, process.device.type)
    if inputs.resumed is not None:
        state.restore(inputs.resumed)
    clips = loaders.build(inputs, objective.unit, context)
    steps = len(clips.train.order)
    about = {
        "config": settings.model_dump(mode="json"),
        "data": audit.data,
        "provenance": model.provenance,
        "steps_per_epoch": steps,
    }
    log = RunLog(folder, state.progress.epoch * steps + state.progress.step) if process.main else None
    try:
        for event in fit(state, objective, clips.train, clips.validation, context, clips.unseen):
            if log is not None and isinstance(event, Step):
                log.step(event.number, event.terms, event.rate)
            if log is not None and isinstance(event, Epoch):
                if event.is_best:
                    checkpoint.save(folder / "best.pt", {**best(state), **about})
                    fingerprint = config.fingerprint(settings)
                    scores = {"validation": event.scores}
                    scores |= {} if event.unseen is None else {UNSEEN: event.unseen}
                    validation_scores.keep(folder, scores, fingerprint, audit.data, process.world)
                log.epoch(state.progress.history, state.progress.epoch * steps, state.progress.best_epoch)
                print(summary(event), flush=True)
            if isinstance(event, Epoch) or event.save:
                audit.update()
                if process.main:
                    checkpoint.save(folder / "last.pt", {**state.content(), **about})
    except Stopped as stop:
        kept = f"{folder}/last.pt is up to date" if (folder / "last.pt").exists() else "nothing was saved yet"
        raise Stopped(stop.number, f"go on with the same command and --resume ({kept})") from None
    finally:
        clips.close()
        if log is not None:
            log.close()
    audit.finish()
    sources = {"validation": clips.validation.loader.dataset}
    sources |= {} if clips.unseen is None else {UNSEEN: clips.unseen.loader.dataset}
    if settings.optim.calibrate and process.main:
        if not validation_scores.scored_by(folder, "validation"):
            validation_scores.score_best(folder, {"validation": sources["validation"]}, context)
        targets = {row.video_name: row.target for row in inputs.validation.rows}
        context.say(calibrate.calibrate(folder, targets))
    validation_scores.score_alone(folder, sources, context)
    return state


def placed(model: torch.nn.Module, unit: str, context: RunContext) -> torch.nn.Module:
    """The model on this process's device, with synchronised batch norm if `optim.sync_batch_norm` is set.

    Warns if batch norm gets few samples. unit: of the objective.
    """
    settings, process = context.settings, context.process
    # Both oneDNN and cuDNN convolve faster with the channels last in memory.
    model.to(process.device).to(memory_format=torch.channels_last)
    if process.main and (warning := norms.few_samples(model, settings, unit, process.world)):
        print(warning, file=sys.stderr, flush=True)
    return norms.synchronise(model) if settings.optim.sync_batch_norm and process.world > 1 else model


def best(state: State) -> dict[str, Any]:
    """What best.pt holds of the best epoch: the weights that prediction needs, and how good they are."""
    progress = state.progress
    row = progress.history[progress.best_epoch]
    return {
        "model": models.shipped(state.evaluated.state_dict()),
        "epoch": progress.best_epoch + 1,
        "mean_score": progress.best_mean,
        "metrics": {
            "auc": progress.best_auc,
            "tpr_at_fpr_1e-3": progress.best_tpr,
            **{column: row[column] for column in best_epoch.COLUMNS["unseen"][0] if column in row},
            **{
                column: row[column]
                for column in (best_epoch.PSEUDO_AUC, *best_epoch.CUE_AUCS.values())
                if row.get(column) is not None
            },
        },
    }


def beginning(found: Splits, context: RunContext) -> str:
    """Lines on the processes and the data, to print before anything is built."""
    settings, process = context.settings, context.process
    workers = process.workers(settings.data.workers, len(found.train.rows))
    lines = [process.describe(settings.optim.autocast, workers), *map(splits.describe, found.manifests)]
    return "\n".join([*lines, found.said] if found.said else lines)


def summary(epoch: Epoch) -> str:
    """One line on an epoch, and one more each if clips could not be read or scored."""
    row = epoch.row
    line = (
        f"epoch {row['epoch']}: train loss {row['train_loss']:.4f}, validation AUC "
        f"{row['validation_auc']:.4f}, "
        f"TPR@FPR=1e-3 {row['validation_tpr_at_fpr_1e-3']:.4f}, {unseen_text(row)}{pseudo_text(row)}"
        f"{row['clips_per_second']:.1f} clips/s"
    )
    line += ", best so far" if epoch.is_best else ""
    if row["train_unreadable"]:
        line += (
            f"\n  {row['train_unreadable']} training clips could not be read and were left out of this epoch"
        )
    if row["validation_unscored"]:
        line += f"\n  validation: {status_counts(epoch.scores)}"
    if row.get("unseen_unscored"):
        line += f"\n  unseen: {status_counts(epoch.unseen or [])}"
    return line


def unseen_text(row: dict[str, Any]) -> str:
    """The part of a line on the clips that folds hold out; "" for a row without them."""
    if best_epoch.UNSEEN_AUC not in row:
        return ""
    return f"unseen AUC {row[best_epoch.UNSEEN_AUC]:.4f}, TPR@FPR=1e-3 {row[best_epoch.UNSEEN_TPR]:.4f}, "


def pseudo_text(row: dict[str, Any]) -> str:
    """The part of a line on pseudo-forgeries; "" for a row without them."""
    if (auc := row.get(best_epoch.PSEUDO_AUC)) is None:
        return ""
    known = [(cue, row.get(name)) for cue, name in best_epoch.CUE_AUCS.items()]
    cues = ", ".join(f"{cue} {value:.4f}" for cue, value in known if value is not None)
    return f"pseudo AUC {auc:.4f}{cues and f' ({cues})'}, "


def result(state: State, inputs: RunInputs, audit: RunAudit) -> str:
    """Lines on the best epoch, the files and the audit, to print at the end."""
    progress = state.progress
    row = progress.history[progress.best_epoch]
    others = (unseen_text(row) + pseudo_text(row)).removesuffix(", ")
    others = others and f", {others}"
    return (
        f"best epoch {progress.best_epoch + 1} of {progress.epoch}: validation AUC {progress.best_auc:.4f}, "
        f"TPR@FPR=1e-3 {progress.best_tpr:.4f}{others}; "
        f"wrote {inputs.folder}/best.pt, history.csv, curves.png\n"
        f"{audit_record.one_line(audit.audit)}"
    )
