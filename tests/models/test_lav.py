"""Locate and Verify's mathematics against numpy and loops by hand."""

import itertools

import numpy as np
import torch
from detector_world import detector, normal
from torch.testing import assert_close

from telltale.models import lav

torch.set_num_threads(1)


def test_the_srm_kernels_are_the_published_ones_and_see_nothing_in_a_constant() -> None:
    kernels = lav.srm_kernels()
    assert kernels.sum((2, 3)).abs().max() < 1e-6
    edge = np.pad(np.outer([1, -2, 1], [-1, 2, -1]) / 4, 1)
    full = (
        np.array(
            [
                [-1, 2, -2, 2, -1],
                [2, -6, 8, -6, 2],
                [-2, 8, -12, 8, -2],
                [2, -6, 8, -6, 2],
                [-1, 2, -2, 2, -1],
            ]
        )
        / 12
    )
    row = np.pad(np.array([[1, -2, 1]]) / 2, ((2, 2), (1, 1)))
    for colour in range(3):
        np.testing.assert_allclose(kernels[:, colour], np.stack([edge, full, row]), atol=1e-7)
    assert lav.Srm()(torch.full((1, 3, 16, 16), 0.7))[:, :, 2:-2, 2:-2].abs().max() < 1e-5
    loud = lav.Srm()(normal(1, 3, 16, 16) * 100)
    assert (loud.amin(), loud.amax()) == (-3, 3)


def test_half_precision_does_not_drown_the_noise_residuals() -> None:
    pictures = 0.5 + normal(1, 3, 32, 32) / 255  # a grain of about one step of eight bits
    wanted = lav.Srm()(pictures)
    with torch.autocast("cpu", torch.bfloat16):
        change = (lav.Srm()(pictures).float() - wanted)[:, :, 2:-2, 2:-2]
    assert change.abs().mean() < 0.02 * wanted[:, :, 2:-2, 2:-2].abs().mean()


def test_two_maps_strengthen_what_they_agree_on() -> None:
    a, b = (normal(2, 5, 3, 4, seed=seed) for seed in (0, 1))
    alike = (a * b).sum(1, keepdim=True) / (
        a.square().sum(1, keepdim=True) * b.square().sum(1, keepdim=True)
    ).sqrt()
    updated = a + b * alike
    assert_close(lav.cmce(a, b), (updated.relu(), (b + updated * alike).relu()), rtol=1e-4, atol=1e-5)


def test_multi_scale_patch_features_have_a_channel_for_each_place_of_a_window_row_by_row() -> None:
    maps, coarse = normal(2, 5, 6, 6), normal(2, 5, 3, 3, seed=1)
    ours = lav.mpff(maps, coarse, 2)
    assert ours.shape == (2, 4, 3, 3)
    for row, column, place in itertools.product(range(3), range(3), range(4)):
        fine = maps[:, :, 2 * row + place // 2, 2 * column + place % 2]
        assert_close(ours[:, place, row, column], torch.tanh(fine * coarse[:, :, row, column]).sum(1))


def test_maps_are_padded_to_the_windows_of_the_published_sizes() -> None:
    for side, window in zip((150, 75, 38, 19, 19), lav.WINDOWS, strict=True):
        maps, whole = normal(1, 2, side, side), 19 * window
        assert lav.mpff(maps, normal(1, 2, 19, 19), window).shape == (1, window**2, 19, 19)
        before = (whole - side) // 2
        wanted = np.pad(maps.numpy(), ((0, 0), (0, 0), *((before, whole - side - before),) * 2), mode="edge")
        np.testing.assert_array_equal(lav.padded(maps, whole, whole), wanted)
    for side in (150, 75, 38, 19, 10):
        maps = normal(1, 2, side, side)
        small = lav.pooled(maps, 10, 10)
        assert small.shape == (1, 2, 10, 10)
        assert torch.equal(small.amax((2, 3)), maps.amax((2, 3)))
    assert torch.equal(small, maps)


def test_the_streams_of_locate_and_verify_have_the_published_sizes() -> None:
    with torch.no_grad():
        seen, noise = detector("lav", 299).eval().streams(torch.rand(1, 3, 299, 299))
    sides = [(64, 150), (128, 75), (256, 38), (728, 19), (728, 19), (728, 19)]
    assert [tuple(maps.shape[1:3]) for maps in seen] == sides
    assert [tuple(maps.shape[1:3]) for maps in noise] == [*sides, (2048, 10)]


def test_guided_attention_begins_as_nothing_and_looks_where_the_picture_resembles_itself() -> None:
    torch.manual_seed(0)
    guide, noise, picture = lav.Lfga(8).requires_grad_(False), normal(2, 8, 3, 4), normal(2, 8, 3, 4, seed=1)
    assert torch.equal(guide(noise, picture), torch.relu(noise))
    guide.gamma.fill_(0.7)
    ours = guide(noise, picture)
    for clip in range(2):
        query, key, value = (
            layer.weight[:, :, 0, 0] @ maps[clip].flatten(1) + layer.bias[:, None]  # (channels, places)
            for layer, maps in ((guide.query, picture), (guide.key, picture), (guide.value, noise))
        )
        energy = (query.T @ key).exp()
        taken = value @ (energy / energy.sum(1, keepdim=True)).T
        assert_close(
            ours[clip].flatten(1), torch.relu(0.7 * taken + noise[clip].flatten(1)), rtol=1e-4, atol=1e-5
        )
