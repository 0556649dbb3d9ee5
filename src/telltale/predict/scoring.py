"""Scoring clips: batches of a data loader → logits → one score per clip, with a status for what cannot be
scored."""

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
    shown: tqdm,
    profile: Profile | None = None,
    maps: Maps | None = None,
) -> Iterator[list[Score]]:
    """The scores of each batch, in their order. A clip's logit is the mean over its usable views.

    A clip with no usable view, or whose logit is not finite, has no probability and a status that says so.
    Raises Stopped.
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
        found = answers(batch, logits)
        for info, one in zip(batch.infos, found, strict=True):
            if one.fake_probability is None and info.detail and one.status not in ABSENT:
                # The status goes into the table; the sentence that says why is for whoever watches.
                say(f"{info.status}: {info.detail}")
        yield found
        profile.did("writing")
        shown.update()
    shown.close()


def answers(batch: Batch, logits: np.ndarray) -> list[Score]:
    """What `Inference` gave for a batch, (N, V) or with mirror images (N, 2 V), as one score a clip."""
    usable = batch.usable.repeat(1, logits.shape[1] // batch.usable.shape[1]).numpy()
    return [_score(info, row[seen]) for info, row, seen in zip(batch.infos, logits, usable, strict=True)]


@contextmanager
def together(process: Process, watch: SignalWatch) -> Iterator[None]:
    """Around scoring: all processes come to its end, or all of them raise Stopped if a signal stopped one.

    One that had finished its share would otherwise wait for those that stopped.
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
    # Of the logit, not of the probability: an overflow to infinity would pass for a certain 1.
    if not np.isfinite(logit):
        return Score(info.video_name, None, "not_finite", info.seconds)
    return Score(info.video_name, float(expit(logit)), info.status, info.seconds)
