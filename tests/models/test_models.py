"""The models: sizes, masks, gradients, and that a clip's score is its own."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from telltale import config, models
from telltale.config.detectors import DETECTORS
from telltale.data.mel import n_columns
from telltale.errors import InputError
from telltale.models.audiovisual import drop_one
from telltale.models.pooling import pooling

torch.set_num_threads(1)

MEL = config.MelSettings(n_mels=64)
CLIP = config.ClipSettings(seconds=1.0, frames=3, image_size=64)
NAMES = ("mel_cnn", "frame_cnn", "audiovisual")  # the others: test_detectors.py
SMALL = {
    "picture_backbone": "test_resnet",
    "sound_backbone": "test_efficientnet",
    "width": 32,
    "modality_dropout": 0.0,
}


def settings(name: str, **changes: object) -> config.ModelSettings:
    return config.ModelSettings.model_validate({"name": name, **SMALL, **changes})


def build(name: str, seed: int = 0, clip: config.ClipSettings = CLIP, **changes: object) -> nn.Module:
    torch.manual_seed(seed)
    return models.build(settings(name, **changes), MEL, clip, initialise=True)


def batch(
    count: int, clip: config.ClipSettings = CLIP, seed: int = 1
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """A model's arguments: clips of noise, all there, whose frames are spread over the span."""
    torch.manual_seed(seed)
    pictures = torch.rand(count, clip.frames, 3, clip.image_size, clip.image_size)
    mel = torch.rand(count, MEL.n_mels, n_columns(MEL, clip.seconds)) * 100 - 90
    there = torch.ones(count, dtype=torch.bool)
    return pictures, mel, there, there.clone(), torch.linspace(0, clip.seconds, clip.frames).repeat(count, 1)


def masks(text: str) -> Tensor:
    return torch.tensor([letter == "1" for letter in text])


def untrained(model: nn.Module) -> list[str]:
    """Names of parameters without a gradient."""
    return [name for name, parameter in model.named_parameters() if parameter.grad is None]


def test_the_default_models_have_the_sizes_that_we_state() -> None:
    sizes = {}
    for name in NAMES:
        chosen = config.ModelSettings.model_validate({"name": name})
        model = models.build(chosen, config.MelSettings(), config.ClipSettings(), initialise=True)
        sizes[name] = sum(parameter.numel() for parameter in model.parameters())
    assert sizes == {"mel_cnn": 11_177_538, "frame_cnn": 4_204_594, "audiovisual": 17_225_405}


def test_one_logit_with_binary_cross_entropy_is_two_classes_with_cross_entropy() -> None:
    model = build("mel_cnn", dropout=0.0)
    inputs, target = batch(4), torch.tensor([0, 1, 1, 0])
    loss = binary_cross_entropy_with_logits(model(*inputs).logit, target.float())
    ours = torch.autograd.grad(loss, list(model.parameters()))
    wanted = cross_entropy(model.head(model(*inputs).features), target)
    theirs = torch.autograd.grad(wanted, list(model.parameters()))
    torch.testing.assert_close(loss, wanted)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("pool", ["mean", "attention"])
def test_every_parameter_is_trained_and_a_batch_of_one_works(name: str, pool: str) -> None:
    model = build(name, pooling=pool)
    logit = model(*batch(1)).logit
    assert logit.shape == (1,)
    logit.sum().backward()
    assert untrained(model) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_clips_score_does_not_depend_on_the_batchs_others(name: str) -> None:
    model = build(name).eval()
    pictures, mel, _, _, times = batch(5)
    seen, heard = masks("11011"), masks("10111")
    with torch.inference_mode():
        together = model(pictures, mel, seen, heard, times).logit
        alone = torch.cat(
            [
                model(*(each[i : i + 1] for each in (pictures, mel, seen, heard, times))).logit
                for i in range(5)
            ]
        )
        again = model(pictures, mel, seen, heard, times).logit
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)
    assert torch.equal(together, again)
    assert together.std() > 0


@pytest.mark.parametrize("name", NAMES)
def test_what_a_model_does_not_read_may_be_empty_or_none(name: str) -> None:
    model = build(name).eval()
    pictures, mel, seen, heard, times = batch(2)
    reads = DETECTORS[name].reads
    full = model(pictures, mel, seen, heard, times).logit
    for nothing in (None, torch.zeros(2, 0)):
        spare = (pictures if "picture" in reads else nothing, mel if "sound" in reads else nothing)
        assert torch.equal(full, model(*spare, seen, heard, times).logit)


@pytest.mark.parametrize("name", NAMES)
def test_bf16_autocast_gives_finite_float32_scores(name: str) -> None:
    model = build(name, pooling="attention")
    with torch.autocast("cpu", torch.bfloat16):
        pictures, mel, _, _, times = batch(3)
        logit = model(pictures, mel, masks("110"), masks("101"), times).logit
    assert logit.dtype == torch.float32
    assert logit.isfinite().all()
    logit.sum().backward()
    assert all(
        parameter.grad.isfinite().all() for parameter in model.parameters() if parameter.grad is not None
    )


@pytest.mark.parametrize("training", [False, True])
def test_a_missing_modality_is_not_looked_at(training: bool) -> None:
    model = build("audiovisual", dropout=0.0).train(training)
    pictures, mel, _, _, times = batch(4)
    seen, heard = masks("1010"), masks("1100")
    with torch.no_grad():
        first = copy.deepcopy(model)(pictures, mel, seen, heard, times).logit
        pictures[~seen], mel[~heard] = torch.nan, torch.nan
        second = copy.deepcopy(model)(pictures, mel, seen, heard, times).logit
    assert torch.equal(first, second)
    assert first.isfinite().all()


def test_either_modality_matters_where_it_is_there() -> None:
    model = build("audiovisual").eval()
    pictures, mel, _, _, times = batch(1)
    pairs = [("1", "1"), ("1", "0"), ("0", "1"), ("0", "0")]
    with torch.no_grad():
        logits = [
            model(pictures, mel, masks(seen), masks(heard), times).logit.item() for seen, heard in pairs
        ]
        silence = model(pictures, torch.full_like(mel, -100.0), masks("1"), masks("1"), times).logit.item()
        dark = model(torch.zeros_like(pictures), mel, masks("1"), masks("1"), times).logit.item()
    assert len({*logits, silence, dark}) == 6
    assert all(abs(logit) < 100 for logit in logits)


def test_order_in_time_matters_to_audiovisual_and_not_to_frame_cnn() -> None:
    pictures, mel, seen, heard, times = batch(1)
    for name, differs in (("audiovisual", True), ("frame_cnn", False)):
        model = build(name).eval()
        with torch.no_grad():
            forward = model(pictures, mel, seen, heard, times).logit
            backward = model(pictures.flip(1), mel, seen, heard, times).logit
        assert ((forward - backward).abs().item() > 1e-6) == differs


@pytest.mark.parametrize(("seen", "heard"), [("000", "111"), ("111", "000"), ("000", "000")])
def test_a_batch_without_a_modality_gives_its_tower_zero_gradients_and_keeps_its_statistics(
    seen: str, heard: str
) -> None:
    model = build("audiovisual")
    statistics = {
        "picture": copy.deepcopy(list(model.picture.buffers())),
        "sound": copy.deepcopy(list(model.sound.buffers())),
    }
    pictures, mel, _, _, times = batch(3)
    binary_cross_entropy_with_logits(
        model(pictures, mel, masks(seen), masks(heard), times).logit, torch.tensor([0.0, 1.0, 1.0])
    ).backward()
    assert untrained(model) == []
    for stream, text, name in ((model.picture, seen, "picture"), (model.sound, heard, "sound")):
        unchanged = all(
            torch.equal(old, new) for old, new in zip(statistics[name], stream.buffers(), strict=True)
        )
        still = all((parameter.grad == 0).all() for parameter in stream.parameters())
        assert unchanged == still == (text == "000")


def test_batch_norm_sees_only_the_rows_that_are_there() -> None:
    few, many = build("audiovisual"), build("audiovisual")
    pictures, mel, seen, heard, times = batch(4)
    few(pictures[:2], mel[:2], seen[:2], heard[:2], times[:2])
    many(pictures, mel, masks("1100"), masks("1100"), times)
    for one, other in zip(few.buffers(), many.buffers(), strict=True):
        torch.testing.assert_close(one, other)


def test_modality_dropout_hides_one_of_two_at_the_stated_rate() -> None:
    torch.manual_seed(0)
    seen, heard = masks("1101").repeat(5000), masks("1011").repeat(5000)
    both = seen & heard
    left_seen, left_heard = drop_one(seen, heard, 0.3)
    assert torch.equal(left_seen[~both], seen[~both])
    assert torch.equal(left_heard[~both], heard[~both])
    assert (left_seen | left_heard)[both].all()
    assert (~left_seen[both]).float().mean().item() == pytest.approx(0.15, abs=0.015)
    assert (~left_heard[both]).float().mean().item() == pytest.approx(0.15, abs=0.015)
    torch.manual_seed(0)
    assert torch.equal(drop_one(seen, heard, 0.3)[0], left_seen)


def test_modality_dropout_is_for_training_alone() -> None:
    model = build("audiovisual", modality_dropout=0.9, dropout=0.0)
    inputs = batch(8)
    with torch.no_grad():
        assert torch.equal(model.eval()(*inputs).logit, model(*inputs).logit)
        torch.manual_seed(0)
        first = model.train()(*inputs).logit
        torch.manual_seed(5)
        assert not torch.equal(first, model(*inputs).logit)


@pytest.mark.parametrize("pool", ["mean", "attention"])
def test_pooling_leaves_masked_tokens_out(pool: str) -> None:
    torch.manual_seed(0)
    pooled, tokens, mask = pooling(pool, 8), torch.randn(2, 4, 8), torch.stack([masks("1100"), masks("1111")])
    short = pooled(tokens[:1, :2], torch.ones(1, 2, dtype=torch.bool))
    torch.testing.assert_close(pooled(tokens, mask)[:1], short)
    if pool == "mean":
        torch.testing.assert_close(short, tokens[:1, :2].mean(1))


@pytest.mark.parametrize(
    "changes",
    [
        {"picture_backbone": "test_vit", "sound_backbone": "test_vit"},
        {"picture_backbone": "test_convnext", "sound_backbone": "levit_128s"},
        {"picture_backbone": "efficientnet_b0", "sound_backbone": "mobilenetv3_small_050"},
        {"picture_backbone": "resnet10t", "sound_backbone": "swin_tiny_patch4_window7_224"},
    ],
)
def test_other_families_of_backbones_work_as_either_tower(changes: dict[str, str]) -> None:
    model = build("audiovisual", **changes)
    model(*batch(2)).logit.sum().backward()
    assert untrained(model) == []


@pytest.mark.parametrize("size", [224, 96])
def test_a_vision_transformer_takes_the_clips_picture_size(size: int) -> None:
    clip = config.ClipSettings(seconds=1.0, frames=1, image_size=size)
    model = build("frame_cnn", clip=clip, picture_backbone="vit_tiny_patch16_224").eval()
    with torch.no_grad():
        assert model(*batch(1, clip)).logit.isfinite().all()


def test_both_ways_of_building_give_the_same_names_and_prediction_looks_for_no_weights() -> None:
    wanted = settings("audiovisual", pretrained=True, sound_weights="/nowhere.pth")
    bare = models.build(wanted, MEL, CLIP, initialise=False)
    assert {tower: facts["source"] for tower, facts in bare.provenance.items()} == {
        "picture": "unknown",
        "sound": "unknown",
    }
    bare.load_state_dict(build("audiovisual").state_dict(), strict=True)


def test_unusable_settings_are_told_in_a_sentence() -> None:
    with pytest.raises(InputError, match=r"model\.width is 36; wanted a multiple of 8"):
        build("audiovisual", width=36)
    with pytest.raises(
        InputError, match=r"model\.sound_backbone gives features of shape .* wanted a map with a time axis"
    ):
        build("audiovisual", sound_backbone="deit_tiny_distilled_patch16_224")(*batch(1))
    with pytest.raises(InputError, match=r"model\.picture_backbone is 'resnut'"):
        build("frame_cnn", picture_backbone="resnut")
    with pytest.raises(InputError, match="'zip' is no tag of resnet18; timm has a1_in1k"):
        build("mel_cnn", sound_backbone="resnet18.zip")


def test_audiovisual_learns_a_clue_that_lies_between_picture_and_sound() -> None:
    """Bright with loud or dark with soft is genuine, mixed is forged: neither modality alone says
    anything."""
    torch.manual_seed(0)
    bright, loud = masks("00110011"), masks("01010101")
    pictures = torch.rand(8, 3, 3, 64, 64) * 0.2 + bright.float().view(8, 1, 1, 1, 1) * 0.8
    mel = -80 + torch.rand(8, 64, 63) * 5 + loud.float().view(8, 1, 1) * 60
    target, there = (bright ^ loud).float(), torch.ones(8, dtype=torch.bool)
    times = torch.linspace(0, 1, 3).repeat(8, 1)
    model = build("audiovisual", dropout=0.0)
    optimiser = torch.optim.AdamW(model.parameters(), 2e-3)
    for _ in range(60):
        loss = binary_cross_entropy_with_logits(model(pictures, mel, there, there, times).logit, target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.1
