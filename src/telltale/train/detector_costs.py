"""What each detector costs: parameters and multiply-adds, counted as an audit counts them, and time per clip.

models/counts.json holds the counts of every detector as its file in configs/ says, so that
`telltale models` needs no torch. `python -m bench.counts` renews it.
"""

import time
from functools import cache
from pathlib import Path
from typing import Any

from telltale import config
from telltale.config import detectors
from telltale.config.detectors import DETECTORS
from telltale.files import fingerprint, read_json
from telltale.runtime import source

COUNTS = source.PACKAGE / "models" / "counts.json"


def describe(name: str, *, timed: bool) -> dict[str, Any]:
    """One detector's row: name, source, what it reads, and its costs.

    milliseconds_per_clip is None unless `timed`. A detector that counts.json does not hold, or holds with
    other settings, is built and counted.
    """
    entry = DETECTORS[name]
    settings = config.read(Path("configs", entry.config))
    reads = detectors.reads(settings.model)
    known = {} if timed else counted().get(name, {})
    return {
        "name": name,
        "source": entry.source,
        "config": f"configs/{entry.config}",
        "reads": list(reads),
        "inputs": inputs(settings, reads),
        "backbone": settings.model.picture_backbone if "picture" in reads else settings.model.sound_backbone,
        "objective": entry.objective,
        **(
            known["counts"]
            if known.get("settings") == counted_fingerprint(settings)
            else measure(settings, timed=timed)
        ),
    }


@cache
def counted() -> dict[str, Any]:
    """counts.json: of each detector the fingerprint of its "settings", and its "counts"."""
    return read_json(COUNTS, "the counts that python -m bench.counts writes")


def counted_fingerprint(settings: config.Config) -> str:
    """16 hex digits of what the counts depend on: the keys of model, mel and clip that the file sets."""
    sections = (settings.model, settings.mel, settings.clip)
    values = [section.model_dump(mode="json", exclude_unset=True) for section in sections]
    return fingerprint(values)


def measure(settings: config.Config, *, timed: bool) -> dict[str, Any]:
    """Build the model, count it as an audit does, and time it if `timed`."""
    from telltale import models
    from telltale.competition import rules

    model = models.build(settings.model, settings.mel, settings.clip, initialise=False)
    audit = rules.audit(model, settings)
    counts = {"parameters": audit.parameters, "thop_parameters": audit.thop_parameters, "macs": audit.macs}
    return {**counts, "milliseconds_per_clip": milliseconds(model, settings) if timed else None}


def inputs(settings: config.Config, reads: tuple[str, ...]) -> str:
    """What one view of a clip is, such as "8 frames of 224 x 224, mel 128 x 251"."""
    from telltale.data.mel import n_columns, n_rows

    clip, mel = settings.clip, settings.mel
    frames = f"{clip.frames} frame{'s' * (clip.frames > 1)} of {clip.image_size} x {clip.image_size}"
    parts = {
        "picture": frames,
        "sound": f"mel {n_rows(mel)} x {n_columns(mel, clip.seconds)}",
        "native": f"crops of {clip.native_size} x {clip.native_size}",
        "mouth": f"{clip.mouth_frames} mouths of {clip.mouth_size} x {clip.mouth_size}",
    }
    return ", ".join(parts[tower] for tower in reads)


def milliseconds(model: Any, settings: config.Config, repeats: int = 3) -> float:
    """The median time of one clip through the model, in a batch of one, after a warm-up; on the GPU if there
    is one."""
    from dataclasses import replace

    import numpy as np
    import torch

    from telltale.data.batch import SampleInfo, blank
    from telltale.data.clip import frame_times
    from telltale.data.dataset import ClipDataset
    from telltale.predict.inference import Inference

    clip, reads = settings.clip, detectors.reads(settings.model)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    batch = blank([SampleInfo(0, "noise.mp4", 0.0, "ok")], ClipDataset([], settings, reads).shapes())
    batch = replace(
        batch,
        pictures=torch.randint_like(batch.pictures, 0, 256),
        crops=torch.randint_like(batch.crops, 0, 256),
        mouth=torch.randint_like(batch.mouth, 0, 256),
    )
    for times, count in ((batch.frame_seconds, clip.frames), (batch.mouth_seconds, clip.mouth_frames)):
        if times.numel():
            times[:] = torch.from_numpy(frame_times(0.0, clip.seconds, count))
    infer, seconds = Inference(model, device, "off"), []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        infer(batch)
        seconds.append(time.perf_counter() - began)
    return round(1e3 * float(np.median(seconds[1:])), 1)
