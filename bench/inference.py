"""A model on the CPU: a few views in each thread, compared with torch's threads sharing each convolution."""

import copy
from pathlib import Path

import numpy as np
import torch

from bench.measure import Row, seconds
from telltale import config, models
from telltale.config.detectors import DETECTORS
from telltale.data.batch import Batch, SampleInfo
from telltale.data.clip import frame_times
from telltale.data.mel import n_columns, n_rows
from telltale.predict.inference import Inference

ROOT = Path(__file__).resolve().parent.parent
CPU = torch.device("cpu")


def batch(settings: config.Config, count: int, sees: bool) -> Batch:
    """A batch of `count` clips of noise with one view each. sees: whether the model reads pictures."""
    draw, clip, mel = torch.Generator().manual_seed(0), settings.clip, settings.mel
    side = clip.image_size
    pictures = torch.randint(
        0, 256, (count, 1, clip.frames, side, side, 3), dtype=torch.uint8, generator=draw
    )
    image = torch.rand(count, 1, n_rows(mel), n_columns(mel, clip.seconds), generator=draw) * -80
    present = torch.ones(count, 1, dtype=torch.bool)
    infos = [SampleInfo(row, f"{row}.mp4", 0.0, "ok") for row in range(count)]
    times = torch.from_numpy(frame_times(0.0, clip.seconds, clip.frames)).float().expand(count, 1, -1)
    if not sees:
        pictures, times = torch.empty(count, 1, 0), torch.empty(count, 1, 0)
    return Batch(infos, pictures, image, present & sees, present, times, torch.zeros(count), present)


def measure(repeats: int, count: int | None = None) -> list[Row]:
    """Measure. count: clips in a batch; None: `predict.batch_size` of the configuration."""
    rows = []
    for name in ("baseline", "audiovisual"):
        settings = config.read(ROOT / f"configs/{name}.yaml")
        plain = models.build(settings.model, settings.mel, settings.clip, initialise=False).eval()
        given = batch(
            settings,
            count or settings.predict.batch_size,
            "picture" in DETECTORS[settings.model.name].reads,
        )

        @torch.inference_mode()
        def together(plain: torch.nn.Module = plain, given: Batch = given) -> None:
            plain(**given.inputs(CPU))

        ours = {precision: Inference(copy.deepcopy(plain), CPU, precision) for precision in ("off", "bf16")}
        ways = {
            "together": together,
            **{key: lambda infer=infer, given=given: infer(given) for key, infer in ours.items()},
        }
        taken: dict[str, list[float]] = {key: [] for key in ways}
        for _ in range(repeats + 1):
            for key, way in ways.items():
                taken[key].append(seconds(way))
        clip = {key: 1e3 * float(np.median(values[1:])) / len(given.infos) for key, values in taken.items()}
        detail = f"{clip['off']:.1f} against {clip['together']:.1f} ms a clip; in bf16 {clip['bf16']:.1f}"
        rows.append(
            Row(
                f"model, {name}: time against torch's threads together",
                clip["off"] / clip["together"],
                None,
                detail=detail,
            )
        )
    return rows
