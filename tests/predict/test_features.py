"""Features of clips: joined by name, the same whatever the batches, kept in a file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from programs import trained
from torch import nn

from telltale.data.batch import Batch, SampleInfo
from telltale.data.manifest import Row
from telltale.errors import InputError
from telltale.models.output import Output
from telltale.predict import features as features_module
from telltale.predict import prediction
from telltale.predict.features import features, kept
from telltale.predict.inference import Inference
from telltale.runtime.signals import SignalWatch


def rows_of(folder: Path) -> list[Row]:
    return [Row(path.name, path, None) for path in sorted(folder.glob("*.mp4"))]


def untrained(folder: Path, name: str) -> Path:
    return trained(folder, name, *(["model.picture_backbone=null"] if name == "meso4" else []))


@pytest.mark.parametrize("name", ["audiovisual", "mel_cnn", "meso4"])
def test_features_are_joined_by_name_whatever_the_order_and_the_batches(
    name: str, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, rows = untrained(tmp_path, name), rows_of(tiny / "test")[:5]
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    found = features([Row(broken.name, broken, None), *rows], checkpoint, SignalWatch())
    assert found.names == tuple(row.video_name for row in rows)
    assert found.values.dtype == np.float32 and len(found.values) == len(rows)
    assert found.values.std(0).max() > 0
    assert found.statuses == {"broken.mp4": "refused", **dict.fromkeys(found.names, "ok")}

    settings, content = prediction.read(checkpoint, ["predict.batch_size=2"])
    monkeypatch.setattr(prediction, "read", lambda path, overrides: (settings, content))
    turned = features(rows[::-1], checkpoint, SignalWatch())
    assert turned.names == found.names[::-1]
    np.testing.assert_allclose(turned.of(found.names), found.values, rtol=1e-4, atol=1e-5)


def test_kept_features_are_read_and_not_computed_again(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, rows, path = untrained(tmp_path, "meso4"), rows_of(tiny / "test")[:3], tmp_path / "f.npz"
    first = kept(path, rows, checkpoint, SignalWatch())
    data = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(features_module, "features", None)
        again = kept(path, rows, checkpoint, SignalWatch())
        with pytest.raises(TypeError):  # of other clips nothing is kept
            kept(path, rows[:2], checkpoint, SignalWatch())
    assert again.names == first.names and again.statuses == first.statuses
    assert np.array_equal(again.values, first.values)
    path.write_bytes(data[:100])
    kept(path, rows, checkpoint, SignalWatch())
    assert path.read_bytes() == data


class Twice(nn.Module):
    """The first pixel's colours as features; the second clip's are not finite."""

    def forward(self, pictures, mel, has_picture, has_sound, frame_seconds):
        values = pictures[:, 0, :, 0, 0]
        return Output(values.sum(1), {}, None, torch.where(values > 0.99, torch.inf, values))


def test_features_are_the_mean_over_usable_views() -> None:
    pictures = torch.zeros(3, 2, 1, 4, 4, 3, dtype=torch.uint8)
    pictures[0, 0], pictures[0, 1], pictures[1, 0] = 51, 153, 255
    usable = torch.tensor([[True, True], [True, False], [False, False]])
    infos = [SampleInfo(row, f"{row}.mp4", 1.0, "ok") for row in range(3)]
    nothing, seconds = torch.zeros(3, 2, 0), torch.zeros(3, 2, 1)
    batch = Batch(infos, pictures, nothing, usable, usable, seconds, torch.ones(3), usable)
    for flip in (False, True):
        infer = Inference(Twice(), torch.device("cpu"), "off", flip=flip)
        values = infer.features(batch)
        assert values.dtype == np.float32
        np.testing.assert_allclose(values[0], [0.4] * 3, rtol=1e-6)
        assert np.isinf(values[1]).all() and np.isnan(values[2]).all()
        assert infer.features(batch.only(torch.tensor([False, False, True]))).shape == (1, 0)


def test_features_of_another_file_than_a_checkpoint_are_refused(tmp_path: Path) -> None:
    (tmp_path / "best.pt").write_bytes(b"x")
    with pytest.raises(InputError, match=r"best\.pt"):
        features([], tmp_path / "best.pt", SignalWatch())
