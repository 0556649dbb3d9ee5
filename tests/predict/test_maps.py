"""Forgery maps as pictures, from a model whose maps are known."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from model_outputs import output_of
from torch import Tensor, nn

from telltale.data.batch import Batch, SampleInfo
from telltale.errors import InputError
from telltale.models.output import Output, Want
from telltale.predict.inference import Inference
from telltale.predict.maps import Maps, check, picture


class Left(nn.Module):
    """Says that the left half of every frame is forged, as probable as its clip is bright."""

    def forward(
        self,
        pictures: Tensor,
        mel: object,
        has_picture: Tensor,
        has_sound: Tensor,
        frame_seconds: Tensor,
        want: Want = (),
    ) -> Output:
        assert want == ("maps",) and not self.training
        maps = torch.zeros(*pictures.shape[:2], 2, 2)
        maps[0, :, :, 0] = pictures[0].mean((1, 2, 3))[:, None]
        return output_of(torch.zeros(len(pictures)))._replace(maps=maps)


def test_a_picture_has_the_frames_above_their_maps() -> None:
    frames = np.stack([np.full((8, 8, 3), level, np.uint8) for level in (10, 200)])
    drawn = picture(frames, np.array([[[0.0, 1.0], [0.5, 0.25]], np.ones((2, 2))]))
    assert drawn.shape == (16, 16, 3)
    assert (drawn[:8, :8] == 10).all() and (drawn[:8, 8:] == 200).all()
    assert [drawn[y, x, 0] for y, x in ((8, 0), (8, 7), (15, 0), (15, 7))] == [0, 255, 128, 64]
    assert (drawn[8:, 8:] == 255).all()


def test_each_clip_that_can_be_seen_gets_a_file_of_its_first_usable_view(tmp_path: Path) -> None:
    infos = [SampleInfo(row, f"{row}.mp4", 0.0, "ok") for row in range(3)]
    pictures = torch.zeros(3, 2, 2, 8, 8, 3, dtype=torch.uint8)
    pictures[0, 0], pictures[0, 1], pictures[1, 1] = 255, 51, 102
    usable = torch.tensor([[True, True], [False, True], [False, False]])
    batch = Batch(
        infos, pictures, torch.empty(3, 2, 0), usable, ~usable, torch.zeros(3, 2, 2), torch.zeros(3), usable
    )
    Maps(tmp_path, Inference(Left(), torch.device("cpu"), "off")).write(batch)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.mp4.png", "1.mp4.png"]
    for name, level in (("0.mp4.png", 255), ("1.mp4.png", 102)):
        drawn = cv2.imread(str(tmp_path / name))
        assert drawn.shape == (16, 16, 3)
        assert (drawn[:8] == level).all()
        assert (drawn[8:, :4] == level).all() and (drawn[8:, 4:8] == 0).all()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be made"):
        check("lav", tmp_path / "file" / "maps")
    check("lav", tmp_path / "a" / "maps")
    assert (tmp_path / "a" / "maps").is_dir()
