"""A clip's score from its frames'."""

import pytest
import torch
from detector_world import clips, logits, model

from telltale.models.pooling import FramePooling

torch.set_num_threads(1)


def test_pooling_of_frames_is_what_a_hand_would_compute() -> None:
    torch.manual_seed(0)
    features, logits = torch.randn(2, 4, 6), torch.tensor([[1.0, -2.0, 4.0, 3.0], [0.0, 0.0, -8.0, 2.0]])
    wanted = {
        ("mean", 3): [1.5, -1.5],
        ("max", 3): [4.0, 2.0],
        ("top_k", 1): [4.0, 2.0],
        ("top_k", 2): [3.5, 1.0],
        ("top_k", 9): [1.5, -1.5],
    }
    for (name, top_k), each in wanted.items():
        pooled, _ = FramePooling(name, 6, top_k)(features, logits)
        torch.testing.assert_close(pooled, torch.tensor(each))
    attending = FramePooling("attention", 6, 3)
    first, _, last = attending.attention.score
    energy = torch.tanh(features @ first.weight.T + first.bias) @ last.weight[0] + last.bias
    weights = energy.exp() / energy.exp().sum(1, keepdim=True)
    torch.testing.assert_close(attending(features, logits)[0], (weights * logits).sum(1))


@pytest.mark.parametrize("pool", ["mean", "max", "top_k", "attention"])
@pytest.mark.parametrize("name", ["frame_cnn", "meso4", "spsl"])
def test_a_clips_logit_is_pooled_from_its_frames(name: str, pool: str) -> None:
    network = model(name, pooling=pool, top_k=2).eval()
    with torch.no_grad():
        logit = logits(network, clips(2, 3))
        frames = network.detector(clips(2, 3).flatten(0, 1)).logit.view(2, 3)
    assert logit.shape == (2,)
    assert ((frames.amin(1) - 1e-6 <= logit) & (logit <= frames.amax(1) + 1e-6)).all()
    if pool != "attention":
        wanted = {
            "mean": frames.mean(1),
            "max": frames.amax(1),
            "top_k": frames.sort(1).values[:, 1:].mean(1),
        }[pool]
        torch.testing.assert_close(logit, wanted, rtol=1e-4, atol=1e-5)
