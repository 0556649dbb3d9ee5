"""The training loop, in the open: `fit` trains a model epoch by epoch, `train_epoch` step by step.

What happens to a batch: decoded by the feed → moved to the device → `objective(net, batch, epoch)` → losses →
gradient → step. A run may be cut at any step and goes on from it with equal bits on the CPU: randomness is
keyed by (seed, epoch, step), and `State` holds the rest.
"""

import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from telltale import config, metrics
from telltale.data.batch import Batch
from telltale.data.loader import ClipLoader, on_device
from telltale.data.order import TrainBatches
from telltale.errors import InputError
from telltale.models import norms
from telltale.predict.inference import Inference, autocast, is_out_of_memory
from telltale.predict.scoring import score, together
from telltale.runtime import distributed
from telltale.runtime.distributed import Process
from telltale.runtime.progress import bar
from telltale.runtime.signals import SignalWatch, Stopped
from telltale.scores.score import Score, merge, status_counts
from telltale.train.footprint import REMEDY
from telltale.train.losses import Losses
from telltale.train.objectives import Objective
from telltale.train.optim import perturbed, rate_at
from telltale.train.state import Progress, State


def fit(
    state: State,
    train: ClipLoader,
    validation: ClipLoader,
    settings: config.Config,
    process: Process,
    watch: SignalWatch,
    *,
    objective: Objective,
    save: Callable[[], None],
    report: Callable[[int, dict[str, float], float], None],
    finish_epoch: Callable[[list[Score], bool], None],
) -> None:
    """Train until the last epoch, or until `optim.patience` epochs in a row brought nothing better.

    `save()` writes `last.pt`; `report(step, terms, rate)` hears of each step's losses by name,
    `finish_epoch(scores, is_best)` of each epoch. All processes call this together. Raises Stopped after a
    signal, with `last.pt` written, NonFiniteLoss, and InputError if memory runs out.
    """
    net = DistributedDataParallel(state.model) if process.world > 1 else state.model
    while not finished(state, settings.optim):
        try:
            train_epoch(net, state, train, settings, process, watch, objective, save, report)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            reason = str(error).splitlines()[0]
            raise InputError(
                f"{process.device}: out of memory in a step of training ({reason}); {REMEDY}"
            ) from None
        save()
        shown = bar(len(validation), "validation", "batch", process.main)
        # Running statistics of batch norm, and their average, are each process's own; best.pt holds the main
        # one's.
        process.broadcast(state.judged.state_dict().values())
        infer = Inference(state.judged, process.device, settings.optim.autocast)
        mine: dict[str, Score] = {}
        with together(process, watch):
            for batch in score(infer, validation, watch, shown):
                mine |= {s.video_name: s for s in batch}
        scores = merge(process.gather(mine), [row.video_name for row in validation.dataset.rows])
        targets = {row.video_name: row.target for row in validation.dataset.rows}
        rate = rate_at(settings.optim, (state.progress.epoch + 1) * len(train) - 1, len(train))
        finish_epoch(scores, judge(state, scores, targets, rate))
        state.progress.next_epoch()
        save()


def train_epoch(
    net: nn.Module,
    state: State,
    train: ClipLoader,
    settings: config.Config,
    process: Process,
    watch: SignalWatch,
    objective: Objective,
    save: Callable[[], None],
    report: Callable[[int, dict[str, float], float], None],
) -> None:
    """The rest of one epoch, from `progress.step` on."""
    order: TrainBatches = train.batches  # type: ignore[assignment]
    progress, steps, optim = state.progress, len(order), settings.optim
    order.epoch, order.start = progress.epoch, progress.step
    shown = bar(
        order.clips, f"epoch {progress.epoch + 1}/{optim.epochs}", "clip", process.main, int(progress.clips)
    )
    clock = time.perf_counter()
    net.train()
    for batch in on_device(train, process.device) if progress.step < steps else ():
        rate = rate_at(optim, progress.epoch * steps + progress.step, steps)
        distributed.seed(settings.seed, progress.epoch, progress.step, process.rank)
        # Gradients of `accumulate` batches make one update; the epoch's last group may be smaller.
        first = progress.step - progress.step % optim.accumulate
        group = min(optim.accumulate, steps - first)
        updates = progress.step + 1 == first + group
        usable = order.whole(batch.usable.any(1)) & order.counts(progress.step)
        clips, stopping = process.total(float(usable.sum()), float(watch.number))
        # All processes have come this far: from now on a signal waits for the end of a step.
        watch.defer()
        # The mean over all processes' clips; DDP averages gradients over processes, hence the factor `world`.
        share = process.world / max(clips, 1.0) / group
        # Other processes wait in their synchronised norms for one whose clips all cannot be used, or that has
        # none.
        exchange = partial(norms.silent, net) if clips and not usable.any() else nullcontext
        with apart(net, not updates and process.world > 1), exchange():
            losses = backward(net, batch, usable, objective, state, optim, share)
        if optim.sam_rho:
            # The same draws again, dropout's too: only the weights differ.
            distributed.seed(settings.seed, progress.epoch, progress.step, process.rank)
            with perturbed(state.model, optim.sam_rho), exchange():
                backward(net, batch, usable, objective, state, optim, share)
        if updates:
            update(state, optim, rate)
        mine = float(usable.sum())
        sums = process.total(
            float(losses.probability.double().sum()),
            *(mine * float(v.detach()) for v in losses.terms.values()),
        )
        terms = dict(zip(losses.terms, sums[1:], strict=True))
        means = {name: value / max(clips, 1.0) for name, value in terms.items()}
        report(progress.epoch * steps + progress.step, means, rate)
        elapsed, clock = time.perf_counter() - clock, time.perf_counter()
        progress.add(terms, sums[0], clips, order.global_size(progress.step) - clips, elapsed)
        shown.update(int(clips))
        shown.set_postfix(
            loss=f"{progress.loss_sum / max(progress.clips, 1):.4f}", rate=f"{rate:.1e}", refresh=False
        )
        # With several batches to an update: at the first update at or after each multiple.
        if updates and (stopping or progress.step // optim.save_every > first // optim.save_every):
            save()
        if updates and stopping:
            raise Stopped(watch.number or signal.SIGTERM)
    shown.close()


def backward(
    net: nn.Module,
    batch: Batch,
    usable: Tensor,
    objective: Objective,
    state: State,
    optim: config.OptimSettings,
    share: float,
) -> Losses:
    """The objective's losses on the batch's usable clips, bool (N,), and their gradient, added to what is
    there.

    share: what one clip counts for. With none usable the first clip or pair stands in, its loss times zero:
    under DDP every process must take part in every step. Raises NonFiniteLoss.
    """
    count = int(usable.sum())
    part = batch.only(
        usable if count else torch.arange(len(usable)) < (2 if objective.unit == "pairs" else 1)
    )
    part = part if count else replace(part, usable=torch.ones_like(part.usable))
    with autocast(part.has_picture.device, optim.autocast):
        losses = objective(net, part, state.progress.epoch)
    losses.check([info.video_name for info in part.infos])
    state.scaler.scale(losses.total * (count * share)).backward()
    return (
        losses
        if count
        else Losses({name: value * 0 for name, value in losses.terms.items()}, losses.probability[:0])
    )


def update(state: State, optim: config.OptimSettings, rate: float) -> None:
    """One optimiser step with the gradients at hand."""
    for group in state.optimiser.param_groups:
        group["lr"] = rate
    if optim.clip_norm is not None:
        state.scaler.unscale_(state.optimiser)
        nn.utils.clip_grad_norm_(state.model.parameters(), optim.clip_norm)
    state.scaler.step(state.optimiser)
    state.scaler.update()
    state.optimiser.zero_grad(set_to_none=True)
    if state.average is not None:
        state.average.update_parameters(state.model)


def judge(state: State, scores: list[Score], targets: dict[str, int | None], rate: float) -> bool:
    """Add the epoch's row to the history; True if it is the best so far, by AUC and then by TPR at FPR
    1e-3."""
    from sklearn.metrics import log_loss

    progress = state.progress
    read = [(targets[s.video_name], s.fake_probability) for s in scores if s.fake_probability is not None]
    truth, probability = np.array([t for t, _ in read]), np.array([p for _, p in read])
    if len(set(truth.tolist())) < 2:
        raise InputError(
            f"validation: {len(read)} of {len(scores)} clips could be scored and they are not of both "
            "classes;"
            f" wanted genuine and forged clips that can be read (statuses: {status_counts(scores)})"
        )
    auc, tpr = metrics.selection(truth, probability)
    row = {
        "epoch": progress.epoch + 1,
        "train_loss": progress.loss_sum / max(progress.clips, 1),
        **terms_of(progress),
        "rate": rate,
        "clips_per_second": (progress.clips + progress.unreadable) / max(progress.seconds, 1e-9),
        "validation_loss": float(log_loss(truth, probability)),
        "validation_auc": auc,
        "validation_tpr_at_fpr_1e-3": tpr,
        "train_unreadable": int(progress.unreadable),
        "validation_unscored": len(scores) - len(read),
        "seconds": progress.seconds,
    }
    progress.history.append(row)
    if (auc, tpr) <= (progress.best_auc, progress.best_tpr):
        return False
    progress.best_epoch, progress.best_auc, progress.best_tpr = progress.epoch, auc, tpr
    progress.best_mean = progress.probability_sum / max(progress.clips, 1)
    return True


def terms_of(progress: Progress) -> dict[str, float]:
    """Each term of the epoch's loss, where there are several."""
    several = progress.terms if len(progress.terms) > 1 else {}
    return {f"train_{name}": value / max(progress.clips, 1) for name, value in several.items()}


def finished(state: State, optim: config.OptimSettings) -> bool:
    progress = state.progress
    tired = (
        optim.patience > 0
        and progress.best_epoch >= 0
        and progress.epoch - 1 - progress.best_epoch >= optim.patience
    )
    return progress.epoch >= optim.epochs or (tired and progress.step == 0)


def apart(net: nn.Module, alone: bool) -> AbstractContextManager:
    """Under DDP, keep this batch's gradient to this process until the update."""
    return net.no_sync() if alone else nullcontext()  # type: ignore[operator]
