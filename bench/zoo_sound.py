"""Whether trivial statistics tell the zoo's forged sound from genuine sound, for each sound kind.

    python -m bench.zoo --sound [--clips 40]

Genuine and forged sound are of the same clips, before the nuisances. A kind that one statistic alone finds is
badly made: a detector would learn the statistic. The mean spectrum may find a kind, because that is what a
forged voice changes.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.zoo_sheet import COUNTS, log_mel
from telltale.zoo.clip import Studio, forge_sound
from telltale.zoo.dataset import ZooSpec
from telltale.zoo.plan import draw_plan
from telltale.zoo.sound_kinds import SOUND_KINDS

SECONDS = 2.0


def statistics(samples: np.ndarray) -> dict[str, float]:
    """What needs no look at the voice: levels of quiet and loud frames in dB, the peak, its ratio to RMS."""
    frames = 10 * np.log10(np.square(samples[: len(samples) // 441 * 441].reshape(-1, 441)).mean(1) + 1e-10)
    peak, rms = float(np.abs(samples).max()), float(samples.std())
    quiet, middle, loud = np.quantile(frames, (0.05, 0.5, 0.95)).tolist()
    return {"quiet": quiet, "middle": middle, "loud": loud, "peak": peak, "crest": peak / max(rms, 1e-9)}


def table(studio: Studio, clips: int) -> pd.DataFrame:
    """A row for each sound kind: the AUC of each statistic, 0.5 or more, and of the mean spectrum."""
    rows = []
    for name in SOUND_KINDS:
        spec = ZooSpec(COUNTS, studio.seed, SECONDS, studio.size, kinds=name, hold_out="none")
        plans = draw_plan(COUNTS, studio.seed, spec.selection(), SECONDS)
        forged = [plan for plan in plans if plan.target][:clips]
        genuine = [replace(plan, picture_kind="", sound_kind="") for plan in forged]
        sounds = [forge_sound(plan, studio) for plan in genuine + forged]
        target, pair = np.repeat((0, 1), len(forged)), np.tile(np.arange(len(forged)), 2)
        values = pd.DataFrame([statistics(sound) for sound in sounds])
        aucs = {column: roc_auc_score(target, values[column]) for column in values}
        row = {"kind": name} | {column: max(auc, 1 - auc) for column, auc in aucs.items()}
        spectra = np.stack([log_mel(sound).mean(1) for sound in sounds])
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
        scores = cross_val_predict(
            model, spectra, target, groups=pair, cv=GroupKFold(5), method="predict_proba"
        )
        rows.append(row | {"mean spectrum": roc_auc_score(target, scores[:, 1])})
        print(pd.DataFrame(rows[-1:]).round(2).to_string(index=False, header=len(rows) == 1), flush=True)
    return pd.DataFrame(rows)
