"""SPSL's phase channel against numpy, its scale, and its widened stem."""

from typing import Any

import numpy as np
import pytest
import torch
from detector_world import detector, normal
from torch.testing import assert_close

from telltale import config
from telltale.models import spsl, xception

torch.set_num_threads(1)


@pytest.mark.parametrize("size", [64, 63])
def test_the_phase_channel_has_unit_amplitudes_whatever_the_gain(size: int) -> None:
    pictures = normal(2, 3, size, size)
    channel = spsl.phase_channel(pictures)
    np.testing.assert_allclose(np.abs(np.fft.fft2(channel.double().numpy())), 1, atol=1e-3)
    wanted = np.fft.ifft2(
        np.exp(1j * np.angle(np.fft.fft2(pictures.double().numpy().mean(1, keepdims=True))))
    ).real
    np.testing.assert_allclose(channel.numpy(), wanted, atol=1e-5)
    assert_close(spsl.phase_channel(pictures * 3.7), channel, rtol=0, atol=1e-5)
    assert spsl.phase_channel(pictures * 0).isfinite().all()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(spsl.phase_channel(pictures), channel)


def test_a_constant_that_is_added_changes_one_bin_of_the_phase_channel_alone() -> None:
    pictures = normal(1, 3, 64, 64)
    pictures -= pictures.mean() + 0.1
    before, after = (
        np.fft.fft2(spsl.phase_channel(each).double().numpy())[0, 0] for each in (pictures, pictures + 0.5)
    )
    assert (before[0, 0].real, after[0, 0].real) == pytest.approx((-1, 1), abs=1e-3)
    before[0, 0] = after[0, 0] = 0
    np.testing.assert_allclose(after, before, atol=1e-3)


def test_the_widened_stem_of_spsl_has_the_mean_of_the_colours_for_every_channel() -> None:
    torch.manual_seed(0)
    tower: Any = xception.trunk(
        config.ModelSettings.model_validate({"name": "spsl"}), config.ClipSettings(), initialise=True
    )
    colours = tower.network.conv1.weight.detach().clone()
    wide = spsl.Spsl(tower, "full").backbone.conv1
    assert (wide.stride, wide.padding, wide.bias) == ((2, 2), (0, 0), None)
    assert_close(wide.weight, torch.stack([colours.mean(1)] * 4, 1))


def test_an_orthonormal_phase_channel_is_the_same_at_the_scale_of_a_picture() -> None:
    pictures = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    plain, scaled = spsl.phase_channel(pictures), spsl.phase_channel(pictures, "ortho")
    torch.testing.assert_close(scaled, 64 * plain)
    assert scaled.square().mean().item() == pytest.approx(1, rel=1e-3)
    wide, narrow = (detector("spsl", spsl_trunk="shallow", spsl_norm=norm) for norm in ("ortho", "backward"))
    with torch.no_grad():
        assert not torch.allclose(wide(pictures).logit, narrow(pictures).logit, atol=1e-3)
