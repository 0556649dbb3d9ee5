"""UCF's mathematics: its normalisation, its shuffling, and which pictures it rebuilds."""

import numpy as np
import pytest
import torch
from detector_world import detector, normal
from torch.testing import assert_close

from telltale.models import ucf

torch.set_num_threads(1)


def test_adain_gives_the_content_the_moments_of_the_style() -> None:
    content, style = normal(2, 4, 5, 5), normal(2, 4, 5, 5, seed=1) * 3 + 2
    result = ucf.adain(content, style)
    assert_close(result.mean((2, 3)), style.mean((2, 3)), rtol=1e-4, atol=1e-4)
    assert_close(result.std((2, 3), correction=1), style.std((2, 3), correction=1), rtol=1e-3, atol=1e-4)
    assert np.corrcoef(content[0, 0].flatten(), result[0, 0].flatten())[0, 1] == pytest.approx(1, abs=1e-5)
    assert ucf.adain(content[:, :, :1, :1], style[:, :, :1, :1]).isfinite().all()


def test_common_parts_change_places_within_their_class() -> None:
    torch.manual_seed(0)
    orders = {tuple(ucf.within_classes(10, torch.device("cpu")).tolist()) for _ in range(20)}
    assert len(orders) > 15
    assert all(sorted(order[first::2]) == list(range(first, 10, 2)) for order in orders for first in range(2))


def test_each_picture_is_rebuilt_under_its_own_and_its_partners_forgery(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ucf, "SHUFFLED", 0.0)
    network, calls = detector("ucf", methods=2).eval().requires_grad_(False), []
    network.learning.decoder.register_forward_hook(lambda _, inputs, __: calls.append(inputs[:2]))
    pictures = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    found = network(pictures, ("training",)).training
    forgery, content = network.forgery(found.pictures), network.learning.content(found.pictures)
    condition = torch.cat([network.learning.specific(forgery), network.common(forgery)], 1)
    wanted = ((content, condition), (content, condition[[1, 0, 3, 2]]))  # genuine, forged, genuine, forged
    for call, pair in zip(calls, wanted, strict=True):
        assert_close(call, pair)
    assert (
        found.pictures.abs().max() <= 1
    )  # either is held against the content's own picture, as the decoder's lie
