"""The flagship's parts against numpy, formulas and cases worked by hand."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from telltale.models.flagship_cues import Fusion
from telltale.models.flagship_layers import ClipNorm, ConvBlock, resample, where_present
from telltale.models.flagship_picture import finest
from telltale.models.flagship_residuals import CHANNELS, Residuals, neighbours
from telltale.models.flagship_sound import images
from telltale.models.flagship_step import InStep

torch.set_num_threads(1)


@pytest.mark.parametrize("kind", CHANNELS)
@pytest.mark.parametrize("size", [32, 33])
def test_a_picture_without_detail_has_no_residual_and_grain_has(kind: str, size: int) -> None:
    torch.manual_seed(0)
    front = Residuals(kind)
    flat = torch.full((1, 3, size, size), 0.4)
    grain = flat + (torch.rand(1, 3, size, size) - 0.5) / 50
    maps, levels = front(grain)
    assert maps.shape == (1, front.channels, size, size) and levels.shape == (1, front.channels)
    assert maps.abs().max() < 1.01 and front.channels == CHANNELS[kind]
    if kind not in ("off", "phase", "all"):
        assert front(flat)[0].abs().max() < 1e-3
        assert (levels > front(flat)[1] + 0.3).all()


def test_learnt_kernels_begin_as_the_published_ones_and_stay_blind_to_brightness() -> None:
    torch.manual_seed(0)
    learnt, fixed, pictures = Residuals("learnt"), Residuals("srm"), torch.rand(2, 3, 24, 24)
    assert_close(learnt(pictures)[0][:, :3], fixed(pictures)[0], rtol=1e-4, atol=1e-4)
    assert learnt.kernels is not None
    with torch.no_grad():
        learnt.kernels += torch.rand_like(learnt.kernels)
    assert_close(learnt(pictures + 0.2)[0], learnt(pictures)[0], rtol=1e-3, atol=1e-3)
    learnt(pictures)[0].square().sum().backward()
    assert learnt.kernels.grad is not None and learnt.kernels.grad.abs().sum() > 0


def test_differences_of_neighbours_are_those_of_each_square_to_its_first_pixel() -> None:
    pictures = torch.rand(1, 3, 5, 6)
    found = neighbours(pictures).numpy()
    for row in range(5):
        for column in range(6):
            first = pictures[0, :, row // 2 * 2, column // 2 * 2]
            np.testing.assert_allclose(found[0, :, row, column], pictures[0, :, row, column] - first)


def test_the_norm_is_of_the_clip_so_that_a_strong_frame_stays_strong() -> None:
    norm, maps = ClipNorm(2), torch.rand(4, 2, 3, 3)
    maps[1] *= 10
    found = norm(maps, 2)
    for clip in (slice(0, 2), slice(2, 4)):
        whole = maps[clip] / (maps[clip].square().mean() + 1e-5).sqrt()
        assert_close(found[clip], whole)
    assert found[1].norm() > 5 * found[0].norm()


def test_a_block_begins_as_its_shortcut_and_halves_odd_sides_upward() -> None:
    maps = torch.rand(2, 4, 7, 9)
    assert_close(ConvBlock(4, 4, (1, 1))(maps, 1), maps)
    assert ConvBlock(4, 6, (2, 1), excite=True)(maps, 2).shape == (2, 6, 4, 9)
    assert ConvBlock(4, 6, (2, 2))(maps, 2).shape == (2, 6, 4, 5)


def test_tokens_are_resampled_by_their_times_wherever_they_stand_in_the_array() -> None:
    seconds, at = torch.tensor([[0.0, 0.5, 1.0]]), torch.tensor([0.0, 0.25, 1.0, 9.0])
    tokens = torch.tensor([[[0.0], [1.0], [4.0]]])
    found = resample(tokens, seconds, at, 0.1)
    assert_close(found[0, :, 0], torch.tensor([0.0, 0.5, 4.0, 4.0]), rtol=0, atol=1e-4)
    turned = resample(tokens.flip(1), seconds.flip(1), at, 0.1)
    assert_close(turned, found)
    # The last frame, repeated with its time, weighs no more at other times.
    again = resample(
        torch.cat([tokens, tokens[:, -1:]], 1), torch.cat([seconds, seconds[:, -1:]], 1), at, 0.1
    )
    assert_close(again, found, rtol=0, atol=1e-4)


def test_what_is_absent_becomes_zeros() -> None:
    values = torch.tensor([[1.0, torch.nan], [2.0, 3.0]])
    assert torch.equal(where_present(torch.tensor([False, True]), values), torch.tensor([[0, 0], [2.0, 3.0]]))


def curve(part: InStep, mouth: torch.Tensor, sound: torch.Tensor, covered: torch.Tensor) -> np.ndarray:
    """The curve over the whole clip, by loops."""

    def changes(vectors: np.ndarray, there: np.ndarray) -> np.ndarray:
        moved = np.where(there[:, None], vectors - vectors[there].mean(0), 0)
        return moved / np.sqrt((moved[there] ** 2).sum(1).mean() + 1e-6)

    there = covered.numpy()
    a, b = changes(mouth.numpy(), there), changes(sound.numpy(), there)
    found = np.zeros(2 * part.reach + 1)
    for place, offset in enumerate(range(-part.reach, part.reach + 1)):
        pairs = [
            a[k] @ b[k + offset]
            for k in range(part.steps)
            if 0 <= k + offset < part.steps and there[k] and there[k + offset]
        ]
        found[place] = np.mean(pairs) * part.sharpness.exp().item() if pairs else 0
    return found


def test_offset_curves_are_the_correlations_of_what_changes() -> None:
    torch.manual_seed(0)
    part = InStep(8, 2.0, 10.0, 0.4)
    mouth, sound = torch.randn(2, 20, 4), torch.randn(2, 20, 4)
    covered = torch.ones(2, 20, dtype=torch.bool)
    covered[1, 15:] = False  # the second clip ends early
    found = part.curves(mouth, sound, covered)
    for clip in range(2):
        wanted = curve(part, mouth[clip], sound[clip], covered[clip])
        np.testing.assert_allclose(found.whole[clip].detach().numpy(), wanted, rtol=1e-4, atol=1e-5)
    assert found.valid.shape == (2, 20, 9)
    assert not found.valid[0, 0, :4].any() and found.valid[0, 0, 4:].all()
    assert not found.valid[1, 15:].any() and not found.valid[1, 14, 5:].any()


@pytest.mark.parametrize("shift", [-3, 0, 2])
def test_the_curve_peaks_at_the_shift_whatever_is_constant(shift: int) -> None:
    torch.manual_seed(0)
    part, long = InStep(8, 3.0, 10.0, 0.5), torch.randn(1, 50, 4)
    mouth = long[:, 10:40] + 20  # a face that never changes has no say
    sound = 3 * long[:, 10 - shift : 40 - shift] - 5
    found = part.curves(mouth, sound, torch.ones(1, 30, dtype=torch.bool))
    assert found.whole.argmax(1).item() - part.reach == shift
    inner = found.logits[0, 8:-8].argmax(1) - part.reach
    assert (inner == shift).all()


def test_the_soft_maximum_is_of_the_cues_that_are_there() -> None:
    names = ("picture", "sound")
    fusion, width = Fusion(8, names, gated=True), 8
    features = {name: torch.randn(4, width) for name in names}
    logits = {"picture": torch.tensor([3.0, 3, 3, 3]), "sound": torch.tensor([-2.0, -2, -2, -2])}
    present = {
        "picture": torch.tensor([True, True, False, False]),
        "sound": torch.tensor([True, False, True, False]),
    }
    joined, most = fusion(features, logits, present)
    both = np.log((np.exp(3) + np.exp(-2)) / 2)
    np.testing.assert_allclose(most.numpy(), [both, 3, -2, 0], rtol=1e-5, atol=1e-6)
    assert joined.shape == (4, fusion.features)
    # What a missing cue would have said has no part in it.
    features["sound"][1] = 100.0
    torch.testing.assert_close(fusion(features, logits, present)[0][1], joined[1])


@pytest.mark.parametrize(
    ("name", "size", "wanted"),
    [
        ("test_convnext", 96, 8),  # 12 x 12 patches
        ("convnext_tiny", 384, None),  # its last map has 12 x 12
        ("resnet10t", 64, 8),
        ("test_vit", 160, None),
    ],
)
def test_the_map_is_read_off_the_deepest_layer_that_has_eight_patches_a_side(
    name: str, size: int, wanted: int | None
) -> None:
    import timm

    with torch.device("meta"):
        network = timm.create_model(name)
    level, channels = finest(network, size)
    if wanted is None:
        assert level is None
    else:
        assert level is not None and network.feature_info[level]["reduction"] == wanted
        assert channels == network.feature_info[level]["num_chs"]


def test_the_rows_of_the_sounds_images() -> None:
    assert images("both", 64, 32) == [(0, 64), (64, 96)]
    assert images("linear", 64, 32) == [(64, 96)] and images("mel", 64, 32) == [(0, 64)]
