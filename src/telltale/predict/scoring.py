"""From batches of clips to scores: one score a clip, with a status that says why if it has no number."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import numpy as np
from tqdm import tqdm

from telltale.data.batch import Batch, SampleInfo
from telltale.data.loader import on_device
from telltale.predict.inference import Inference
from telltale.predict.maps import Maps
from telltale.predict.profile import Profile
from telltale.runtime.distributed import Process
from telltale.runtime.progress import say
from telltale.runtime.signals import SignalWatch, Stopped
from telltale.scores.score import Score
from telltale.status import ABSENT


def score(
    infer: Inference,
    batches: Iterable[Batch],
    watch: SignalWatch,
    progress_bar: tqdm,
    profile: Profile | None = None,
    maps: Maps | None = None,
) -> Iterator[list[Score]]:
    """The scores of each batch, in the order of the batches.

    infer: the model
    batches: of a loader, in the host's memory
    watch: a signal raises Stopped before the next batch
    progress_bar: counts batches
    profile: gets the time that each part takes
    maps: writes each batch's forgery maps

    A clip's logit is the mean over its usable views. A clip without a usable view, or with a logit that is
    not finite, gets no probability and a status that says so.
    """
    profile = profile or Profile()
    for batch in on_device(batches, infer.device):
        profile.decoded(batch.infos)
        watch.defer()
        if watch.number:
            raise Stopped(watch.number)
        logits = infer(batch)
        profile.did("model")
        if maps is not None:
            maps.write(batch)
        scores = scores_of(batch, logits)
        for info, one in zip(batch.infos, scores, strict=True):
            if one.fake_probability is None and info.detail and one.status not in ABSENT:
                # scores.csv has the status alone; the sentence on what was wrong goes to the terminal.
                say(f"{info.status}: {info.detail}")
        yield scores
        profile.did("writing")
        progress_bar.update()
    progress_bar.close()


def scores_of(batch: Batch, logits: np.ndarray) -> list[Score]:
    """One score a clip. logits: of the batch by `Inference`, (N, V), or (N, 2 V) with mirror images."""
    usable = batch.usable.repeat(1, logits.shape[1] // batch.usable.shape[1]).numpy()
    return [_score(info, row[used]) for info, row, used in zip(batch.infos, logits, usable, strict=True)]


@contextmanager
def together(process: Process, watch: SignalWatch) -> Iterator[None]:
    """A block in which each process scores its share: if a signal stops one of them, all raise Stopped at its
    end.

    Otherwise a process that finished its share would wait for those that stopped.
    """
    with suppress(Stopped):
        yield
    if number := max(process.gather(watch.number)):
        raise Stopped(number)


def _score(info: SampleInfo, logits: np.ndarray) -> Score:
    if not len(logits):
        return Score(info.video_name, None, info.status, info.seconds)
    from scipy.special import expit

    logit = logits.mean()
    # Check the logit, not the probability: an infinite logit would become a probability of exactly 1.
    if not np.isfinite(logit):
        return Score(info.video_name, None, "not_finite", info.seconds)
    return Score(info.video_name, float(expit(logit)), info.status, info.seconds)
