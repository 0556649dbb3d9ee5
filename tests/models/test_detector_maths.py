"""The detectors' own mathematics against scipy, numpy and loops by hand."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import dctn, idctn
from torch import Tensor, nn
from torch.testing import assert_close

from telltale import config, models
from telltale.errors import InputError
from telltale.models import f3net, lav, spsl, ucf, xception
from telltale.train import objectives

torch.set_num_threads(1)


def draw(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal values."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def build(name: str, size: int = 64, methods: int | None = None, **changes: object) -> Any:
    """The detector, from seed 0."""
    torch.manual_seed(0)
    settings = config.ModelSettings.model_validate({"name": name, **changes})
    return models.build(
        settings, config.MelSettings(), config.ClipSettings(image_size=size), initialise=True, methods=methods
    ).detector


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
    matrix, picture = f3net.dct_matrix(size), draw(size, size)
    assert_close(matrix @ matrix.T, torch.eye(size), rtol=0, atol=1e-5)
    wanted = torch.from_numpy(dctn(picture.double().numpy(), type=2, norm="ortho")).float()
    assert_close(matrix @ picture @ matrix.T, wanted, rtol=1e-4, atol=1e-4)


def test_the_bands_of_a_decomposition_are_scipys_and_add_up_to_the_picture() -> None:
    pictures = draw(2, 3, 64, 64)
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
    module, pictures = unlearnt(f3net.Decomposition(16)), draw(1, 3, 16, 16)
    for learnt, factor in (
        (math.log(3), 1.5),
        (-math.log(3), 0.5),
        (100.0, 2.0),
        (-100.0, 0.0),
    ):  # 2 * sigmoid - 1
        module.filters.learnt.fill_(learnt)
        assert_close(module(pictures)[:, 9:], factor * pictures, rtol=1e-4, atol=1e-5)


def test_the_local_statistics_are_scipys_of_windows_cut_out_by_hand() -> None:
    pictures, statistics = (draw(1, 3, 32, 32) / 3).clamp(-1, 1), unlearnt(f3net.Statistics())
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
    block, fad, lfs = f3net.MixBlock(6).train(training), draw(2, 6, 5, 5), draw(2, 6, 5, 5, seed=1)
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
    block, maps = f3net.MixBlock(4).eval().requires_grad_(False), (draw(1, 4, 3, 3), draw(1, 4, 3, 3, seed=1))
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
        detector = build("f3net", size, f3net_parts=parts).eval().requires_grad_(False)
        maps = getattr(detector, parts)(torch.zeros(1, 3, size, size))
        maps = xception.blocks(detector.trunks[parts], xception.stem(detector.trunks[parts], maps), 1, 7)
        assert maps.shape[2:] == (f3net.map_side(parts, size),) * 2
    differing = [
        size for size in range(33, 301) if f3net.map_side("fad", size) != f3net.map_side("lfs", size)
    ]
    assert all(size % 32 and size != 299 for size in differing)
    with pytest.raises(
        InputError, match=rf"clip\.image_size is {differing[0]}, at which .* a multiple of 32, or 299"
    ):
        build("f3net", differing[0], f3net_parts="mix")


@pytest.mark.parametrize("size", [64, 63])
def test_the_phase_channel_has_unit_amplitudes_whatever_the_gain(size: int) -> None:
    pictures = draw(2, 3, size, size)
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
    pictures = draw(1, 3, 64, 64)
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
    loud = lav.Srm()(draw(1, 3, 16, 16) * 100)
    assert (loud.amin(), loud.amax()) == (-3, 3)


def test_half_precision_does_not_drown_the_noise_residuals() -> None:
    pictures = 0.5 + draw(1, 3, 32, 32) / 255  # a grain of about one step of eight bits
    wanted = lav.Srm()(pictures)
    with torch.autocast("cpu", torch.bfloat16):
        change = (lav.Srm()(pictures).float() - wanted)[:, :, 2:-2, 2:-2]
    assert change.abs().mean() < 0.02 * wanted[:, :, 2:-2, 2:-2].abs().mean()


def test_two_maps_strengthen_what_they_agree_on() -> None:
    a, b = (draw(2, 5, 3, 4, seed=seed) for seed in (0, 1))
    alike = (a * b).sum(1, keepdim=True) / (
        a.square().sum(1, keepdim=True) * b.square().sum(1, keepdim=True)
    ).sqrt()
    updated = a + b * alike
    assert_close(lav.cmce(a, b), (updated.relu(), (b + updated * alike).relu()), rtol=1e-4, atol=1e-5)


def test_multi_scale_patch_features_have_a_channel_for_each_place_of_a_window_row_by_row() -> None:
    maps, coarse = draw(2, 5, 6, 6), draw(2, 5, 3, 3, seed=1)
    ours = lav.mpff(maps, coarse, 2)
    assert ours.shape == (2, 4, 3, 3)
    for row, column, place in itertools.product(range(3), range(3), range(4)):
        fine = maps[:, :, 2 * row + place // 2, 2 * column + place % 2]
        assert_close(ours[:, place, row, column], torch.tanh(fine * coarse[:, :, row, column]).sum(1))


def test_maps_are_padded_to_the_windows_of_the_published_sizes() -> None:
    for side, window in zip((150, 75, 38, 19, 19), lav.WINDOWS, strict=True):
        maps, whole = draw(1, 2, side, side), 19 * window
        assert lav.mpff(maps, draw(1, 2, 19, 19), window).shape == (1, window**2, 19, 19)
        before = (whole - side) // 2
        wanted = np.pad(maps.numpy(), ((0, 0), (0, 0), *((before, whole - side - before),) * 2), mode="edge")
        np.testing.assert_array_equal(lav.padded(maps, whole, whole), wanted)
    for side in (150, 75, 38, 19, 10):
        maps = draw(1, 2, side, side)
        small = lav.pooled(maps, 10, 10)
        assert small.shape == (1, 2, 10, 10)
        assert torch.equal(small.amax((2, 3)), maps.amax((2, 3)))
    assert torch.equal(small, maps)


def test_the_streams_of_locate_and_verify_have_the_published_sizes() -> None:
    with torch.no_grad():
        seen, noise = build("lav", 299).eval().streams(torch.rand(1, 3, 299, 299))
    sides = [(64, 150), (128, 75), (256, 38), (728, 19), (728, 19), (728, 19)]
    assert [tuple(maps.shape[1:3]) for maps in seen] == sides
    assert [tuple(maps.shape[1:3]) for maps in noise] == [*sides, (2048, 10)]


def test_guided_attention_begins_as_nothing_and_looks_where_the_picture_resembles_itself() -> None:
    torch.manual_seed(0)
    guide, noise, picture = lav.Lfga(8).requires_grad_(False), draw(2, 8, 3, 4), draw(2, 8, 3, 4, seed=1)
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


def test_adain_gives_the_content_the_moments_of_the_style() -> None:
    content, style = draw(2, 4, 5, 5), draw(2, 4, 5, 5, seed=1) * 3 + 2
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
    detector, calls = build("ucf", methods=2).eval().requires_grad_(False), []
    detector.learning.decoder.register_forward_hook(lambda _, inputs, __: calls.append(inputs[:2]))
    pictures = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    found = detector(pictures, ("training",)).training
    forgery, content = detector.forgery(found.pictures), detector.learning.content(found.pictures)
    condition = torch.cat([detector.learning.specific(forgery), detector.common(forgery)], 1)
    wanted = ((content, condition), (content, condition[[1, 0, 3, 2]]))  # genuine, forged, genuine, forged
    for call, pair in zip(calls, wanted, strict=True):
        assert_close(call, pair)
    assert (
        found.pictures.abs().max() <= 1
    )  # either is held against the content's own picture, as the decoder's lie


def test_triplets_of_one_of_each_kind_are_what_a_hand_would_compute() -> None:
    features, kinds = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]]), torch.tensor([0, 1, 2])
    # Each is its own positive, 0 away. Genuine and forged are 3 apart; the two forged ones are not compared.
    for margin, wanted in ((5.0, 4.0), (3.5, 1.0), (2.0, 0.0)):
        assert objectives.triplets(features, kinds, margin).item() == pytest.approx(wanted, abs=1e-4)
    assert objectives.triplets(torch.ones(4, 3), torch.tensor([0, 1, 0, 2]), 3.0).item() == pytest.approx(
        6, abs=1e-4
    )


def test_triplets_draw_positives_of_the_kind_and_negatives_of_the_other_class() -> None:
    features = draw(5, 3).double().numpy()  # of the kinds 0, 0, 1, 1, 2
    away = np.linalg.norm(features[:, None] - features[None], axis=2)
    alike, unlike = ((0, 1), (0, 1), (2, 3), (2, 3), (4,)), ((2, 3, 4), (2, 3, 4), (0, 1), (0, 1), (0, 1))
    lost = [[max(away[i, p] - away[i, n] + 3, 0) for p in alike[i] for n in unlike[i]] for i in range(5)]
    possible = np.array([np.mean(each[:2]) + np.mean(each[2:]) for each in itertools.product(*lost)])
    torch.manual_seed(0)
    drawn = {
        objectives.triplets(torch.from_numpy(features), torch.tensor([0, 0, 1, 1, 2]), 3.0).item()
        for _ in range(50)
    }
    assert len(drawn) > 10
    assert all(np.abs(possible - each).min() < 1e-4 for each in drawn)


def test_a_patch_is_forged_where_it_points_rather_to_the_forged_faces() -> None:
    face = torch.zeros(10, 10, dtype=torch.bool)
    face[3:8, 3:7] = True  # where talking heads have it
    projected = torch.zeros(4, 2, 10, 10)
    projected[:, 1] = 2.0
    projected[1::2] = torch.stack([face, ~face]).float() * 5
    labels = objectives.patch_labels(projected, torch.tensor([0, 1, 0, 1]))
    assert torch.equal(labels, torch.stack([torch.zeros_like(face), face] * 2).long())
    projected[0] = projected[1]  # whatever a genuine picture shows, its patches are genuine
    assert not objectives.patch_labels(projected, torch.tensor([0, 1, 0, 1]))[::2].any()
