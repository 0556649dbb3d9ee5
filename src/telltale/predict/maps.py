"""Forgery maps as pictures: `predict.py --maps DIR` writes NAME.mp4.png for every clip that could be scored.

The upper row shows the frames as the model saw them. Below each frame lies its map: a patch's grey level,
divided by 255, is its probability of being forged. Patches are drawn as squares and not smoothed, because the
model gives one number for each.
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from telltale.config.detectors import DETECTORS
from telltale.data.batch import Batch
from telltale.errors import InputError
from telltale.files import write_whole
from telltale.predict.inference import Inference, autocast


class Maps:
    """Writes the maps of clips into `folder`, each of the clip's first usable view."""

    def __init__(self, folder: Path, infer: Inference) -> None:
        self.folder, self.infer = folder, infer

    def write(self, batch: Batch) -> None:
        """Write one file for each clip of the batch that has a usable view."""
        for index, info in enumerate(batch.infos):
            views = batch.usable[index].nonzero().squeeze(1)
            if len(views):
                first = index * batch.usable.shape[1] + views[:1]
                self._save(info.video_name, self._draw(batch.inputs_at(first, self.infer.device)))

    @torch.inference_mode()
    def _draw(self, inputs: dict[str, Any]) -> np.ndarray:
        self.infer.model.eval()
        with autocast(self.infer.device, self.infer.precision):
            maps = self.infer.model(**inputs, want=("maps",)).maps[0]
        frames = (inputs["pictures"][0] * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        return picture(frames, maps.cpu().numpy())

    def _save(self, video_name: str, drawn: np.ndarray) -> None:
        _, data = cv2.imencode(".png", drawn[..., ::-1])
        path = self.folder / f"{video_name}.png"
        with write_whole(path) as file:
            file.write(data.tobytes())


def picture(frames: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Frames uint8 (T, S, S, 3) RGB and maps float (T, h, w), 0 to 1 → uint8 (2 S, T S, 3) RGB."""
    size = frames.shape[1]
    grey = [
        cv2.resize(np.rint(m * 255).astype(np.uint8), (size, size), interpolation=cv2.INTER_NEAREST)
        for m in maps
    ]
    return np.vstack(
        [np.hstack(list(frames)), np.hstack([np.repeat(each[..., None], 3, 2) for each in grey])]
    )


def check(name: str, folder: Path) -> None:
    """Make the folder. Raises InputError if the detector `name` gives no maps, or if the folder cannot be
    made."""
    if not DETECTORS[name].maps:
        drawing = ", ".join(other for other, entry in DETECTORS.items() if entry.maps)
        raise InputError(
            f"--maps {folder}: {name} says whether a clip is forged, not where; wanted a checkpoint of "
            f"{drawing}"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"--maps {folder}: cannot be made ({error.strerror}); give a folder that can be written"
        ) from None
