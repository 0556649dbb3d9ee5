"""The gate: whether a detector that learns from pseudo-forgeries has learnt to tell them from what they are
made of, on clips that it was not trained on.

    columns = judge(state, clips, context)     # {"pseudo_auc": 0.93, "pseudo_picture_auc": 0.99, ...}

Genuine validation clips are scored beside forgeries that are made of them in the same way each time, see
`Views.gate`. Before a detector has passed this gate its AUC on other forgeries says nothing.
"""

import numpy as np
from numpy.typing import NDArray

from telltale.data.loader import on_device
from telltale.data.views import Views
from telltale.forge.pseudo import CUES
from telltale.predict.inference import Inference
from telltale.predict.scoring import together
from telltale.runtime.progress import bar
from telltale.runtime.signals import Stopped
from telltale.train import best_epoch
from telltale.train.context import RunContext
from telltale.train.loaders import ValidationClips
from telltale.train.state import State

# Of one clip, by name of the head ("" is the logit): a number for each of its views, NaN for one of nothing.
Said = dict[str, list[float]]


def judge(state: State, clips: ValidationClips, context: RunContext) -> dict[str, float | None]:
    """Columns of history.csv, the same in all processes. None: what cannot be known, because there is no
    pair of a genuine clip and a forgery, or the model has no such head. Raises Stopped.

    state: whose averaged weights, if there are any, are judged. clips: of a data set with `Views.gate`.
    """
    process, watch = context.process, context.watch
    infer = Inference(state.evaluated, process.device, context.settings.optim.autocast)
    progress_bar = bar(len(clips.batches), "pseudo-forgeries", "batch", process.main)
    own: dict[str, Said] = {}
    with together(process, watch):
        for batch in on_device(clips.loader.read(clips.batches), process.device):
            watch.defer()
            if watch.number:
                raise Stopped(watch.number)
            said = infer.heads(batch)
            for number, info in enumerate(batch.infos):
                own[info.video_name] = {name: values[number].tolist() for name, values in said.items()}
            progress_bar.update()
        progress_bar.close()
    everyone = {name: said for part in process.gather(own) for name, said in part.items()}
    dataset = clips.loader.dataset
    views: Views = dataset.views  # type: ignore[attr-defined]
    return columns([everyone[row.video_name] for row in dataset.rows], views)


def columns(clips: list[Said], views: Views) -> dict[str, float | None]:
    """The AUCs: of all forgeries against the genuine clips by the logit and, with `views.twins`, of the
    forgeries of each cue by the head of that cue."""
    found = {best_epoch.PSEUDO_AUC: auc(_array(clips, "", views), slice(1, None))}
    if views.twins:
        for place, cue in enumerate(CUES, start=1):
            found[best_epoch.CUE_AUCS[cue]] = auc(_array(clips, cue, views), slice(place, place + 1))
    return found


def auc(logits: NDArray[np.float64], forged: slice) -> float | None:
    """The AUC of the columns `forged` against the first column; None if one of the two has no number, or all
    numbers are one.

    logits: float64 (N, V), NaN for a view of nothing. Numbers that are not finite are left out.
    """
    from sklearn.metrics import roc_auc_score

    genuine, made = (each[np.isfinite(each)] for each in (logits[:, 0], logits[:, forged].ravel()))
    both = np.concatenate([genuine, made])
    if not len(genuine) or not len(made) or (both == both[0]).all():
        return None
    return float(roc_auc_score(np.repeat([0, 1], [len(genuine), len(made)]), both))


def _array(clips: list[Said], name: str, views: Views) -> NDArray[np.float64]:
    """float64 (N, V): what the head `name` says; NaN for a clip of which it said nothing."""
    nothing = [np.nan] * views.count
    return np.array([said.get(name, nothing) for said in clips], np.float64).reshape(-1, views.count)
