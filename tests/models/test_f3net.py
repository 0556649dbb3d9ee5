"""F3-Net's mathematics against scipy and loops by hand."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from detector_world import detector, normal
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import dctn, idctn
from torch import nn
from torch.testing import assert_close

from telltale.errors import InputError
from telltale.models import f3net, xception

torch.set_num_threads(1)


def unlearnt(module: Any) -> Any:
    """The same with nothing added to its fixed bands."""
    nn.init.zeros_(module.filters.learnt)
    return module.requires_grad_(False)


def between(size: int, first: float, last: float) -> np.ndarray:
    """Where first <= i + j <= last."""
    total = np.add.outer(np.arange(size), np.arange(size))
    return (total >= first - 1e-9) & (total <= last + 1e-9)


@pytest.mark.parametrize("size", [10, 64, 299])
def test_the_dct_is_scipys_and_orthonormal(size: int) -> None:
    matrix, picture = f3net.dct_matrix(size), normal(size, size)
    assert_close(matrix @ matrix.T, torch.eye(size), rtol=0, atol=1e-5)
    wanted = torch.from_numpy(dctn(picture.double().numpy(), type=2, norm="ortho")).float()
    assert_close(matrix @ picture @ matrix.T, wanted, rtol=1e-4, atol=1e-4)


def test_the_bands_of_a_decomposition_are_scipys_and_add_up_to_the_picture() -> None:
    pictures = normal(2, 3, 64, 64)
    low, middle, high, whole = unlearnt(f3net.Decomposition(64))(pictures).split(3, 1)
    assert_close(whole, pictures, rtol=1e-4, atol=1e-4)
    spectrum = dctn(pictures.double().numpy(), type=2, norm="ortho", axes=(2, 3))
    for ours, (first, last) in (
        (low, (0, 22)),
        (middle, (22, 32)),
        (high, (32, 126)),
    ):  # 64 / 2.82 and 64 / 2
        kept = spectrum * (between(64, first, last))
        np.testing.assert_allclose(
            ours.numpy(), idctn(kept, type=2, norm="ortho", axes=(2, 3)), rtol=1e-4, atol=1e-4
        )
    shared = idctn(
        spectrum * (between(64, 22, 22) | between(64, 32, 32)), type=2, norm="ortho", axes=(2, 3)
    )  # counted twice
    np.testing.assert_allclose((low + middle + high).numpy(), pictures.numpy() + shared, rtol=1e-4, atol=1e-4)


def test_at_299_the_bands_end_where_the_published_ones_do() -> None:
    bands = f3net.Decomposition(299).filters.fixed
    for ours, (first, last) in zip(bands, ((0, 106), (106, 149), (149, 596), (0, 596)), strict=True):
        np.testing.assert_array_equal(ours.numpy(), between(299, first, last))
    assert bands[0].mean().item() == pytest.approx(1 / 16, rel=0.05)
    assert torch.maximum(bands[0], bands[1]).mean().item() == pytest.approx(1 / 8, rel=0.05)


def test_what_is_learnt_is_added_to_a_band() -> None:
    module, pictures = unlearnt(f3net.Decomposition(16)), normal(1, 3, 16, 16)
    for learnt, factor in (
        (math.log(3), 1.5),
        (-math.log(3), 0.5),
        (100.0, 2.0),
        (-100.0, 0.0),
    ):  # 2 * sigmoid - 1
        module.filters.learnt.fill_(learnt)
        assert_close(module(pictures)[:, 9:], factor * pictures, rtol=1e-4, atol=1e-5)


def test_the_local_statistics_are_scipys_of_windows_cut_out_by_hand() -> None:
    pictures, statistics = (normal(1, 3, 32, 32) / 3).clamp(-1, 1), unlearnt(f3net.Statistics())
    ours = statistics(pictures)[0].numpy()
    red, green, blue = (pictures[0].double().numpy() + 1) * 127.5
    grey = np.pad(0.299 * red + 0.587 * green + 0.114 * blue, 4)
    windows = sliding_window_view(grey, (10, 10))[::2, ::2]
    energy = np.abs(dctn(windows, type=2, norm="ortho", axes=(2, 3)))
    for number in range(6):
        inside = energy * between(10, 20 * number / 6, 20 * (number + 1) / 6)
        np.testing.assert_allclose(ours[number], np.log10(inside.sum((2, 3)) + 1e-15), rtol=1e-3, atol=1e-4)
    assert statistics(torch.zeros(1, 3, 299, 299)).shape == (1, 6, 149, 149)
    assert statistics(-torch.ones(1, 3, 32, 32)).isfinite().all()  # no energy at all


@pytest.mark.parametrize("training", [False, True])
def test_a_mix_block_begins_as_the_identity_and_its_gates_open_it(training: bool) -> None:
    torch.manual_seed(0)
    block, fad, lfs = f3net.MixBlock(6).train(training), normal(2, 6, 5, 5), normal(2, 6, 5, 5, seed=1)
    with torch.no_grad():
        assert all(
            torch.equal(after, before) for after, before in zip(block(fad, lfs), (fad, lfs), strict=True)
        )
        block.gates[1].fill_(0.5)  # lets the second map into the first
        after = block(fad, lfs)
    assert not torch.allclose(after[0], fad, atol=1e-3)
    assert torch.equal(after[1], lfs)
    sum(each.square().sum() for each in block(fad, lfs)).backward()
    for layer in (*block.queries, *block.keys):
        assert layer.weight.grad.abs().max() > 0


def test_a_mix_block_attends_as_loops_by_hand_do() -> None:
    torch.manual_seed(0)
    block, maps = (
        f3net.MixBlock(4).eval().requires_grad_(False),
        (normal(1, 4, 3, 3), normal(1, 4, 3, 3, seed=1)),
    )
    block.gates[1].fill_(math.log(3))  # half of what is taken
    ours = block(*maps)[0][0]
    query = torch.cat([layer(each) for layer, each in zip(block.queries, maps, strict=True)], 3)[0]
    key = torch.cat([layer(each) for layer, each in zip(block.keys, maps, strict=True)], 3)[0]
    for channel, weight in enumerate(block.give[0][0].weight.flatten()):
        energy = (query[channel] @ key[channel].T).exp()
        taken = maps[1][0, channel] * energy / energy.sum(1, keepdim=True) / 2 * weight / math.sqrt(1 + 1e-5)
        assert_close(ours[channel], maps[0][0, channel] + taken, rtol=1e-4, atol=1e-5)


def test_the_sides_of_f3nets_maps_are_foretold_and_maps_that_differ_are_not_mixed() -> None:
    for size, parts in itertools.product((33, 64, 101, 299), ("fad", "lfs")):
        network = detector("f3net", size, f3net_parts=parts).eval().requires_grad_(False)
        maps = getattr(network, parts)(torch.zeros(1, 3, size, size))
        maps = xception.blocks(network.trunks[parts], xception.stem(network.trunks[parts], maps), 1, 7)
        assert maps.shape[2:] == (f3net.map_side(parts, size),) * 2
    differing = [
        size for size in range(33, 301) if f3net.map_side("fad", size) != f3net.map_side("lfs", size)
    ]
    assert all(size % 32 and size != 299 for size in differing)
    with pytest.raises(
        InputError, match=rf"clip\.image_size is {differing[0]}, at which .* a multiple of 32, or 299"
    ):
        detector("f3net", differing[0], f3net_parts="mix")
