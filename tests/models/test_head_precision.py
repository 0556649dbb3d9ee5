"""Logits are float32 whatever the precision of the rest: as many distinct scores as clips; what is not finite
has no score."""

import numpy as np
import pytest
import torch
from loader_world import Numbered, loader_of

from telltale import config, models
from telltale.data.batch import Batch, SampleInfo
from telltale.predict.inference import Inference
from telltale.predict.scoring import score
from telltale.runtime.progress import bar
from telltale.runtime.signals import SignalWatch

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("meso4", {}),
        ("meso4", {"pooling": "attention"}),
        ("mel_cnn", {"sound_backbone": "test_resnet"}),
        ("audiovisual", {"sound_backbone": "test_resnet", "picture_backbone": "test_resnet", "width": 32}),
    ],
)
def test_bf16_gives_as_many_scores_as_clips(name: str, more: dict) -> None:
    tree = {"model": {"name": name, **more}, "clip": {"frames": 1, "image_size": 32, "seconds": 0.5}}
    settings, count = config.parse(tree, "test"), 80
    torch.manual_seed(7)
    model = models.build(settings.model, settings.mel, settings.clip, initialise=True)
    there = torch.ones(count, 1, dtype=torch.bool)
    pictures = torch.randint(0, 256, (count, 1, 1, 32, 32, 3), dtype=torch.uint8)
    mel = torch.rand(count, 1, settings.mel.n_mels, 32) * -80
    infos = [SampleInfo(row, f"{row}.mp4", 1.0, "ok") for row in range(count)]
    found = Inference(model, CPU, "bf16")(
        Batch(infos, pictures, mel, there, there, torch.zeros(count, 1, 1), torch.ones(count), there)
    )
    assert len(np.unique(found)) == count


def test_a_logit_that_is_not_finite_has_no_probability() -> None:
    logits = np.array([[800.0], [np.inf], [-np.inf], [np.nan]])
    judge = type("Told", (), {"device": CPU, "__call__": lambda self, batch: logits})()
    (scores,) = score(judge, loader_of(Numbered(4), 0), SignalWatch(), bar(1, "", "", False))
    assert [s.status for s in scores] == ["ok", "not_finite", "not_finite", "not_finite"]
    assert [s.fake_probability for s in scores] == [1.0, None, None, None]
