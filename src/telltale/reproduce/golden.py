"""Golden clips: a few drawn clips with the values that one model on one machine gave for them, stage by
stage.

    rows = measure(checkpoint, clips)  # file → pictures and mel image → logit, of every clip in the folder
    write(folder / "golden.json", rows)
    findings = compare(read(folder / "golden.json"), measure(checkpoint, clips), tolerance=1e-4)

Pictures and mel images are kept as hashes and as means. Equal hashes show that all is the same to the bit. If
they differ, the means show by how much. So on a machine that gives other scores, the first stage that differs
is known: the file, the decoding, the mel image or the model.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from telltale.competition import rules
from telltale.competition.audit_record import Finding
from telltale.config import detectors
from telltale.data.batch import EVALUATION, Batch, SampleKey, read_batch
from telltale.data.dataset import ClipDataset
from telltale.data.manifest import Row
from telltale.data.videos import rows_of
from telltale.data.views import Views
from telltale.errors import InputError
from telltale.files import read_json, sha256, write_text
from telltale.predict import prediction
from telltale.predict.inference import Inference
from telltale.runtime import distributed

# Decoding is exact, so a small bound suffices. Sound is resampled in floating point, and its last bits depend
# on the processor. Differences within both bounds do not change a score noticeably.
PICTURE_TOLERANCE_LEVELS, MEL_TOLERANCE_DB = 0.05, 1e-2


@dataclass(frozen=True)
class Golden:
    """One clip through one model.

    sha256: of the file.
    status: one of `telltale.status`.
    picture_sha256: of the frames that the model gets, uint8; None if it gets none.
    picture_means: of each frame of each view, in levels of 0 to 255.
    mel_sha256: of the mel images that the model gets, float32; None if it gets none.
    mel_means: of each band, in dB.
    logit: of the clip; None if nothing could be scored.
    crop_sha256, crop_means, mouth_sha256, mouth_means: of native crops and of lower faces, as of pictures.
        Bundles from before there were any lack them.
    """

    video_name: str
    sha256: str
    status: str
    picture_sha256: str | None
    picture_means: list[float]
    mel_sha256: str | None
    mel_means: list[float]
    logit: float | None
    crop_sha256: str | None = None
    crop_means: list[float] = field(default_factory=list)
    mouth_sha256: str | None = None
    mouth_means: list[float] = field(default_factory=list)


def measure(checkpoint: Path, clips: Path) -> list[Golden]:
    """Score every video of the folder with the checkpoint's model, one by one, in this process.

    Raises InputError for a checkpoint or a folder that cannot be used.
    """
    settings, content = prediction.read(checkpoint, [])
    rows = rows_of([clips]).rows
    views = Views(settings.predict.spans, settings.predict.crops)
    dataset = ClipDataset(rows, settings, detectors.reads(settings.model), views)
    dataset.prepare()
    with distributed.join(settings.threads) as process:
        model = prediction.restore(content, settings, checkpoint)
        rules.enforce(rules.audit(model, settings), settings)
        infer = Inference(model, process.device, settings.optim.autocast)
        return [
            _of(row, read_batch(dataset, [SampleKey(index, EVALUATION)]), infer)
            for index, row in enumerate(rows)
        ]


def _of(row: Row, batch: Batch, infer: Inference) -> Golden:
    usable = batch.usable[0].numpy()
    logits = infer(batch)[0][: len(usable)][usable]
    pictures, mel = batch.pictures[0].numpy(), batch.mel[0].numpy()
    crops, mouth = batch.crops[0].numpy(), batch.mouth[0].numpy()
    return Golden(
        row.video_name,
        sha256(row.path),
        batch.infos[0].status,
        _digest(pictures),
        pictures.mean(axis=(2, 3, 4)).ravel().tolist() if pictures.size else [],
        _digest(mel),
        mel.mean(axis=2, dtype=np.float64).ravel().tolist() if mel.size else [],
        float(logits.mean()) if len(logits) else None,
        _digest(crops),
        crops.mean(axis=(2, 3, 4)).ravel().tolist() if crops.size else [],
        _digest(mouth),
        mouth.mean(axis=(2, 3)).ravel().tolist() if mouth.size else [],
    )


def _digest(array: np.ndarray) -> str | None:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest() if array.size else None


def write(path: Path, rows: Sequence[Golden]) -> None:
    write_text(path, json.dumps([asdict(row) for row in rows], indent=1) + "\n")


def read(path: Path) -> list[Golden]:
    """What `write` wrote. Raises InputError for anything else."""
    trees = read_json(path, "the golden scores of a bundle")
    try:
        rows = [Golden(**tree) for tree in trees]
    except TypeError as error:
        raise InputError(
            f"{path}: holds no golden scores ({error}); wanted the file that telltale bundle wrote"
        ) from None
    if not rows:
        raise InputError(f"{path}: holds no golden score; wanted at least one")
    return rows


def compare(before: Sequence[Golden], now: Sequence[Golden], *, tolerance: float) -> list[Finding]:
    """One finding for each stage, in the order in which a clip passes them.

    tolerance: how far a fake probability may change.
    """
    then, today = ({row.video_name: row for row in rows} for rows in (before, now))
    if then.keys() != today.keys():
        odd = sorted(then.keys() ^ today.keys())
        return [
            Finding("golden clips", False, f"other clips than those that were scored: {', '.join(odd[:5])}")
        ]
    pairs = [(then[name], today[name]) for name in then]
    edited = [old.video_name for old, new in pairs if old.sha256 != new.sha256]
    files = (
        f"{', '.join(edited)}: other content than what was scored"
        if edited
        else f"{len(pairs)}, the same files"
    )
    changed = [
        f"{old.video_name}: {old.status} there, {new.status} here"
        for old, new in pairs
        if old.status != new.status
    ]
    return [
        Finding("golden clips", not edited, files),
        Finding("golden statuses", not changed, "; ".join(changed) or "the same"),
        _stage(
            "golden pictures", pairs, "picture", PICTURE_TOLERANCE_LEVELS, "levels of 255 in a frame's mean"
        ),
        *(
            _stage(
                f"golden {what}s", pairs, what, PICTURE_TOLERANCE_LEVELS, "levels of 255 in a frame's mean"
            )
            for what in ("crop", "mouth")
            if any(getattr(row, f"{what}_means") for row in (*before, *now))
        ),
        _stage("golden mel images", pairs, "mel", MEL_TOLERANCE_DB, "dB in a band's mean"),
        _scores(pairs, tolerance),
    ]


def _stage(
    rule: str, pairs: Sequence[tuple[Golden, Golden]], what: str, tolerance: float, unit: str
) -> Finding:
    def means(row: Golden) -> list[float]:
        return getattr(row, f"{what}_means")

    if not any(means(old) or means(new) for old, new in pairs):
        return Finding(rule, True, "the model reads none")
    if any(len(means(old)) != len(means(new)) for old, new in pairs):
        return Finding(rule, False, "of another shape than those that were scored")
    other = [
        old.video_name
        for old, new in pairs
        if getattr(old, f"{what}_sha256") != getattr(new, f"{what}_sha256")
    ]
    if not other:
        return Finding(rule, True, "the same to the bit")
    worst = _largest(pairs, lambda old, new: np.abs(np.subtract(means(old), means(new))).max())
    return Finding(
        rule,
        worst <= tolerance,
        f"other bits in {len(other)} of {len(pairs)} clips, by {worst:.2g} {unit} at most",
    )


def _scores(pairs: Sequence[tuple[Golden, Golden]], tolerance: float) -> Finding:
    if lost := [old.video_name for old, new in pairs if (old.logit is None) != (new.logit is None)]:
        return Finding("golden scores", False, f"scored on one machine only: {', '.join(lost)}")
    both = [(old, new) for old, new in pairs if old.logit is not None]
    if all(old.logit == new.logit for old, new in both):
        return Finding("golden scores", True, f"{len(both)}, the same to the bit")
    worst = _largest(both, lambda old, new: abs(expit(old.logit) - expit(new.logit)))
    detail = f"other bits, by {worst:.2g} of fake probability at most; tolerance {tolerance:g}"
    return Finding("golden scores", worst <= tolerance, detail)


def _largest(pairs: Sequence[tuple[Golden, Golden]], apart: Callable[[Golden, Golden], Any]) -> float:
    """The largest distance. It is infinite if one is not finite, so that it is within no tolerance."""
    found = [float(apart(old, new)) for old, new in pairs]
    return max(found, default=0.0) if np.isfinite(found).all() else float("inf")
