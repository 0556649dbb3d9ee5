"""The training loop: `fit` trains a model epoch by epoch, `train_epoch` step by step.

    for event in fit(state, objective, clips, context):
        ...                             # a Step after each batch, an Epoch after each validation

What happens to a batch: read by the loader → moved to the device → `objective(net, batch, epoch)` → losses →
gradient → update. Nothing is saved or logged in this file: the caller does that between two events, when
`state` is complete. A run that ended after a saved step continues with the same bits on the CPU, because all
randomness is a function of (seed, epoch, step) and `State` holds the rest.
"""

import signal
import time
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from telltale import config
from telltale.data.batch import Batch
from telltale.data.folds import UNSEEN
from telltale.data.loader import on_device
from telltale.errors import InputError
from telltale.models import norms
from telltale.predict.inference import Inference, autocast, is_out_of_memory
from telltale.predict.scoring import score, together
from telltale.runtime import distributed
from telltale.runtime.progress import bar
from telltale.runtime.signals import Stopped
from telltale.scores.score import Score, merge
from telltale.train import gate
from telltale.train.context import RunContext
from telltale.train.footprint import REMEDY
from telltale.train.loaders import TrainClips, ValidationClips
from telltale.train.losses import Losses
from telltale.train.objectives import Objective
from telltale.train.optim import perturbed, rate_at
from telltale.train.selection import Judged, add_epoch
from telltale.train.state import State


@dataclass(frozen=True)
class Step:
    """One batch of all processes was trained on.

    number: batches before it since the run began
    epoch: its epoch, from 0
    terms: each term of the loss by name, a mean over the readable clips of all processes
    rate: its learning rate
    save: whether the state is to be saved now, the same in all processes: because `optim.save_every` says so,
        because the epoch ends, or because a signal came. Never True between the batches of one update.
    """

    number: int
    epoch: int
    terms: dict[str, float]
    rate: float
    save: bool


@dataclass(frozen=True)
class Epoch:
    """One epoch was trained and validated; the state is to be saved.

    row: of history.csv
    scores: of all validation clips, in the manifest's order
    is_best: whether it is the best epoch so far, see `selection.add_epoch`
    unseen: scores of all clips that folds hold out, None without folds
    """

    row: dict[str, Any]
    scores: list[Score]
    is_best: bool
    unseen: list[Score] | None = None


def fit(
    state: State,
    objective: Objective,
    train: TrainClips,
    validation: ValidationClips,
    context: RunContext,
    unseen: ValidationClips | None = None,
) -> Generator[Step | Epoch, None, None]:
    """Train until the last epoch, or until `optim.patience` epochs in a row brought no better one.

    unseen: clips that folds hold out, scored after each epoch like those of `validation`.

    All processes iterate together. After a signal the last event is a Step to save; then the iteration raises
    Stopped. It also raises NonFiniteLoss, and InputError if memory runs out. The caller closes the loaders.
    """
    process, optim, steps = context.process, context.settings.optim, len(train.order)
    net = DistributedDataParallel(state.model) if process.world > 1 else state.model
    while not is_finished(state, optim):
        try:
            yield from train_epoch(net, state, objective, train, context)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            reason = str(error).splitlines()[0]
            raise InputError(
                f"{process.device}: out of memory in a step of training ({reason}); {REMEDY}"
            ) from None
        judged = judge(state, validation, context)
        of_unseen = None if unseen is None else judge(state, unseen, context, UNSEEN)
        pseudo = None if validation.gate is None else gate.judge(state, validation.gate, context)
        rate = rate_at(optim, (state.progress.epoch + 1) * steps - 1, steps)
        is_best = add_epoch(state.progress, judged, rate, of_unseen, optim.select, pseudo)
        state.progress.next_epoch()
        held_out = None if of_unseen is None else of_unseen.scores
        yield Epoch(state.progress.history[-1], judged.scores, is_best, held_out)


def judge(state: State, clips: ValidationClips, context: RunContext, split: str = "validation") -> Judged:
    """Scores and targets of all clips of a split; the same in all processes. Raises Stopped."""
    targets = {row.video_name: row.target for row in clips.loader.dataset.rows}
    return Judged(split, validate(state, clips, context, split), targets)


def train_epoch(
    net: nn.Module, state: State, objective: Objective, clips: TrainClips, context: RunContext
) -> Iterator[Step]:
    """The rest of one epoch, from `state.progress.step` on. net: `state.model`, under DDP its wrapper."""
    progress, order, optim, process = state.progress, clips.order, context.settings.optim, context.process
    epoch, steps, seed = progress.epoch, len(order), context.settings.seed
    progress_bar = bar(
        order.clips, f"epoch {epoch + 1}/{optim.epochs}", "clip", process.main, int(progress.clips)
    )
    clock = time.perf_counter()
    net.train()
    if optim.trained == "last":
        norms.hold(net)
    batches = clips.loader.read(order.batches_from(epoch, progress.step))
    for step, batch in enumerate(on_device(batches, process.device), progress.step):
        rate = rate_at(optim, epoch * steps + step, steps)
        distributed.seed(seed, epoch, step, process.rank)
        # Gradients of `accumulate` batches make one update; the epoch's last group may be smaller.
        first = step - step % optim.accumulate
        group = min(optim.accumulate, steps - first)
        updates = step + 1 == first + group
        usable = order.complete(batch.usable.any(1)) & order.is_own(step)
        own = float(usable.sum())
        count, stopping = process.total(own, float(context.watch.number))
        # All processes have come this far: from now on a signal waits for the end of a step.
        context.watch.defer()
        # The mean over all processes' clips; DDP averages gradients over processes, hence the factor `world`.
        weight = own * (process.world / max(count, 1.0) / group)
        part = usable_part(batch, usable, objective.unit)
        # A process without a usable clip takes part in the others' synchronised batch norms.
        exchange = partial(norms.silent, net) if count and not own else nullcontext
        with delayed(net) if process.world > 1 and not updates else nullcontext(), exchange():
            losses = backward(net, state, objective, part, weight, optim)
        if optim.sam_rho:
            # The same draws again, those of dropout too: only the weights differ.
            distributed.seed(seed, epoch, step, process.rank)
            with perturbed(state.model, optim.sam_rho), exchange():
                backward(net, state, objective, part, weight, optim)
        if updates:
            update(state, optim, rate)
        sums = process.total(
            float(losses.probability[: int(own)].double().sum()),
            *(own * float(term.detach()) for term in losses.terms.values()),
        )
        terms = dict(zip(losses.terms, sums[1:], strict=True))
        elapsed, clock = time.perf_counter() - clock, time.perf_counter()
        progress.add(terms, sums[0], count, order.global_size(step) - count, elapsed)
        progress_bar.update(int(count))
        loss = f"{progress.loss_sum / max(progress.clips, 1):.4f}"
        progress_bar.set_postfix(loss=loss, rate=f"{rate:.1e}", refresh=False)
        # With several batches to an update: at the first update at or after each multiple of `save_every`.
        due = (step + 1) // optim.save_every > first // optim.save_every or step + 1 == steps
        means = {name: value / max(count, 1.0) for name, value in terms.items()}
        yield Step(epoch * steps + step, epoch, means, rate, updates and (due or stopping > 0))
        if updates and stopping:
            raise Stopped(context.watch.number or signal.SIGTERM)
    progress_bar.close()


def usable_part(batch: Batch, usable: Tensor, unit: str) -> Batch:
    """The clips of a batch that are usable, bool (N,). unit: of the objective.

    If none is, the first clip or pair stands in, whose loss is to be multiplied by zero: under DDP every
    process must take part in every step.
    """
    if usable.any():
        return batch.only(usable)
    part = batch.only(torch.arange(len(usable)) < (2 if unit == "pairs" else 1))
    return replace(part, usable=torch.ones_like(part.usable))


def delayed(net: nn.Module) -> AbstractContextManager[None]:
    """Under DDP: keep this batch's gradient in its process until the update."""
    return net.no_sync()  # type: ignore[operator]


def backward(
    net: nn.Module,
    state: State,
    objective: Objective,
    part: Batch,
    weight: float,
    optim: config.OptimSettings,
) -> Losses:
    """The objective's losses on `part`; their gradient times `weight` is added to what is there.

    Raises NonFiniteLoss with the names of the clips.
    """
    with autocast(part.has_picture.device, optim.autocast):
        losses = objective(net, part, state.progress.epoch)
    losses.check([info.video_name for info in part.infos])
    state.scaler.scale(losses.total * weight).backward()
    return losses


def update(state: State, optim: config.OptimSettings, rate: float) -> None:
    """One optimiser step with the gradients that `backward` added up."""
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


def validate(
    state: State, clips: ValidationClips, context: RunContext, name: str = "validation"
) -> list[Score]:
    """Scores of all clips of the split `name`, in the manifest's order; the same in all processes. Raises
    Stopped."""
    process = context.process
    # Running statistics of batch norm, and their average, differ between processes; best.pt gets those of
    # the main process.
    process.broadcast(state.evaluated.state_dict().values())
    infer = Inference(state.evaluated, process.device, context.settings.optim.autocast)
    progress_bar = bar(len(clips.batches), name, "batch", process.main)
    own: dict[str, Score] = {}
    with together(process, context.watch):
        for scores in score(infer, clips.loader.read(clips.batches), context.watch, progress_bar):
            own |= {score.video_name: score for score in scores}
    return merge(process.gather(own), [row.video_name for row in clips.loader.dataset.rows])


def is_finished(state: State, optim: config.OptimSettings) -> bool:
    """Whether all epochs are done, or the last `patience` of them brought no better one."""
    progress = state.progress
    since_best = progress.epoch - 1 - progress.best_epoch
    out_of_patience = optim.patience > 0 and progress.best_epoch >= 0 and since_best >= optim.patience
    return progress.epoch >= optim.epochs or (out_of_patience and progress.step == 0)
