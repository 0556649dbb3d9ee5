"""The flagship: what it is made of, what a missing modality changes, and that it learns its cues."""

import copy
from typing import Any

import pytest
import torch
from flagship_world import CLIP, MEL, batch, build, settings, speaking
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from telltale import config
from telltale.errors import InputError
from telltale.forge.material import CUES
from telltale.models import flagship
from telltale.models.output import Output

torch.set_num_threads(1)

OF_PICTURE, OF_SOUND = ("picture", "motion"), ("sound",)
SWITCHES: tuple[dict[str, Any], ...] = (
    {"flagship_native": False},
    {"flagship_residuals": "off"},
    {"flagship_sound": "mel"},
    {"flagship_sound": "linear"},
    {"flagship_motion": False},
    {"flagship_in_step": False},
    {"flagship_cross_attention": False},
    {"flagship_gates": False},
    {"flagship_motion": False, "flagship_in_step": False, "flagship_cross_attention": False},
)


def run(model: flagship.Flagship, inputs: dict[str, Any], **more: Any) -> Output:
    with torch.inference_mode():
        return model(**inputs, **more)


def tensors(output: Output) -> list[Tensor]:
    training = output.training or ()
    maps = [] if output.maps is None else [output.maps]
    return [output.logit, output.features, *output.heads.values(), *maps, *training]


def untrained(model: torch.nn.Module) -> list[str]:
    return [name for name, weight in model.named_parameters() if weight.grad is None]


def test_it_gives_a_logit_four_heads_parts_and_maps() -> None:
    output = run(build().eval(), batch(2), want=("maps", "training"))
    assert output.logit.shape == (2,) and output.features.shape == (2, build().width)
    assert tuple(output.heads) == CUES and all(each.shape == (2,) for each in output.heads.values())
    assert output.maps is not None and output.maps.shape == (2, CLIP.frames, 8, 8)
    assert output.maps.amin() >= 0 and output.maps.amax() <= 1
    found: Any = output.training
    assert found.segments.shape == (2, CLIP.frames) and found.mask.shape == (2, CLIP.frames, 8, 8)
    # 1 second at 10 steps a second, offsets to 0.3 seconds
    assert found.offsets.shape == found.valid.shape == (2, 10, 7) and found.whole.shape == (2, 7)
    assert torch.equal(output.maps, found.mask.sigmoid())
    assert found.valid.dtype == torch.bool and found.valid[:, :, 3].all()
    assert all(each.dtype == torch.float32 for each in tensors(output) if each is not found.valid)


def test_what_is_asked_for_never_changes_the_logit() -> None:
    model, inputs = build().eval(), batch(2)
    plain = run(model, inputs)
    assert plain.maps is None and plain.training is None
    assert torch.equal(plain.logit, run(model, inputs, want=("maps", "training")).logit)


@pytest.mark.parametrize("changes", SWITCHES, ids=str)
def test_every_switch_leaves_a_model_that_trains_all_it_has(changes: dict[str, Any]) -> None:
    model = build(**changes)
    output = model(**batch(2), want=("training",))
    output.logit.sum().backward()
    assert untrained(model) == []
    names = {name.split(".")[0] for name, _ in model.named_parameters()}
    parts = {"native": "crops", "motion": "motion", "in_step": "in_step", "cross_attention": "cross"}
    for switch, part in parts.items():
        assert (part in names) == changes.get(f"flagship_{switch}", True)
    for cue in ("motion", "in_step"):
        assert (cue in model.cue_heads) == model.has(cue)
        assert model.has(cue) or not output.heads[cue].any()


def test_without_an_in_step_measure_no_offset_is_valid() -> None:
    found: Any = run(build(flagship_in_step=False), batch(2), want=("training",)).training
    assert not found.valid.any() and found.offsets.shape == found.valid.shape


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("backbone", ["test_convnext", "test_resnet"])
def test_a_missing_modality_changes_nothing_but_the_missing_evidence(backbone: str, training: bool) -> None:
    model, inputs = build(picture_backbone=backbone).train(training), batch(3)
    whole = run(copy.deepcopy(model), inputs, want=("maps", "training"))
    for missing, arrays, own, other in (
        ("has_sound", ("mel",), OF_SOUND, OF_PICTURE),
        ("has_picture", ("pictures", "crops", "mouth"), OF_PICTURE, OF_SOUND),
    ):
        less = {name: value.clone() for name, value in inputs.items()}
        less[missing][1] = False
        for name in arrays:
            less[name][1] = torch.nan  # it is never looked at
        found = run(copy.deepcopy(model), less, want=("maps", "training"))
        for name in other:
            # Batch norm, in training, counts the clips that are there.
            rows = [1] if training and backbone == "test_resnet" and missing == "has_picture" else [0, 1, 2]
            torch.testing.assert_close(found.heads[name][rows], whole.heads[name][rows], rtol=0, atol=1e-6)
        for name in (*own, "in_step"):
            assert found.heads[name][1] == 0 != whole.heads[name][1]
        assert all(each.isfinite().all() for each in tensors(found))
        assert found.logit[1] != whole.logit[1]
        details: Any = found.training
        assert not details.valid[1].any() and details.valid[0].any()
        assert details.segments[1].any()
        assert found.maps is not None and found.maps[1].any() == (missing == "has_sound")


def test_a_clip_with_neither_gets_the_same_logit_whatever_its_arrays_hold() -> None:
    model, nothing = build().eval(), torch.zeros(2, dtype=torch.bool)
    logits = run(model, {**batch(2), "has_picture": nothing, "has_sound": nothing}).logit
    other = run(model, {**batch(2, seed=5), "has_picture": nothing, "has_sound": nothing})
    assert torch.equal(logits, other.logit) and logits.isfinite().all()
    assert not any(each.any() for each in other.heads.values())


@pytest.mark.parametrize("backbone", ["test_convnext", "test_resnet"])
def test_no_clip_depends_on_the_others_of_its_batch(backbone: str) -> None:
    model, inputs = build(picture_backbone=backbone).eval(), batch(4)
    inputs["has_picture"][1], inputs["has_sound"][2] = False, False
    together = run(model, inputs, want=("maps", "training"))
    alone = [
        run(model, {name: value[k : k + 1] for name, value in inputs.items()}, want=("maps", "training"))
        for k in range(4)
    ]
    for whole, *parts in zip(tensors(together), *map(tensors, alone), strict=True):
        torch.testing.assert_close(whole, torch.cat(parts), rtol=1e-4, atol=1e-5)
    assert together.logit.std() > 0


def test_clips_may_share_a_row_of_the_mel_image() -> None:
    model, inputs = build().eval(), batch(4)
    shared = {**inputs, "mel": inputs["mel"][:2]}
    twice = {**inputs, "mel": inputs["mel"][:2].repeat(2, 1, 1)}
    torch.testing.assert_close(run(model, shared).logit, run(model, twice).logit)


def test_autocast_gives_finite_float32_and_residuals_that_half_precision_does_not_drown() -> None:
    model, inputs = build(), batch(2)
    # a grain of about one step of eight bits, which bf16 cannot hold beside 0.5
    inputs["crops"] = 0.5 + (inputs["crops"] - 0.5) / 100
    assert model.crops is not None
    exact = model.crops.residuals(inputs["crops"].flatten(0, 1))[0]
    with torch.autocast("cpu", torch.bfloat16):
        half = model.crops.residuals(inputs["crops"].flatten(0, 1))[0]
        output = model(**inputs, want=("maps", "training"))
    assert torch.equal(exact, half)
    found: Any = output.training
    assert all(each.dtype == torch.float32 for each in tensors(output) if each is not found.valid)
    (output.logit.sum() + found.segments.sum() + found.mask.sum() + found.offsets.sum()).backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in model.parameters())


@pytest.mark.parametrize(("seen", "heard"), [(0, 1), (1, 0), (0, 0)])
@pytest.mark.parametrize("backbone", ["test_convnext", "test_resnet"])
def test_a_batch_without_a_modality_gives_every_weight_a_gradient(
    backbone: str, seen: int, heard: int
) -> None:
    model, inputs = build(picture_backbone=backbone), batch(2)
    kept = [each.clone() for each in model.frames.backbone.buffers()]
    inputs["has_picture"][:], inputs["has_sound"][:] = bool(seen), bool(heard)
    output = model(**inputs, want=("training",))
    (output.logit.sum() + sum(each.sum() for each in output.heads.values())).backward()
    assert untrained(model) == []
    assert all(weight.grad.isfinite().all() for weight in model.parameters())
    same = all(torch.equal(a, b) for a, b in zip(kept, model.frames.backbone.buffers(), strict=True))
    assert same == (not seen or backbone == "test_convnext")


def test_dropping_a_modality_hides_it_from_the_fused_logit_alone_and_in_training_alone() -> None:
    model, inputs = build(modality_dropout=0.9), batch(8)
    torch.manual_seed(0)
    first, second = run(model.train(), inputs), run(model, inputs)
    assert not torch.equal(first.logit, second.logit)
    for name in CUES:
        assert torch.equal(first.heads[name], second.heads[name])
    model.eval()
    assert torch.equal(run(model, inputs).logit, run(model, inputs).logit)


def test_labelled_forgeries_teach_no_head() -> None:
    model = build()
    model(**batch(2)).logit.sum().backward()
    assert all(weight.grad is None for weight in model.cue_heads.parameters())
    assert model.motion is not None and model.motion.change.weight.grad is not None


def test_order_in_time_matters() -> None:
    model, inputs = build().eval(), batch(1)
    turned = {**inputs, "mouth": inputs["mouth"].flip(1)}
    one, other = run(model, inputs), run(model, turned)
    assert one.heads["picture"] == other.heads["picture"] and one.heads["sound"] == other.heads["sound"]
    assert one.heads["motion"] != other.heads["motion"] and one.heads["in_step"] != other.heads["in_step"]


def test_it_learns_whether_a_mouth_moves_with_the_sound_and_judges_another_shift() -> None:
    clip = CLIP.model_copy(update={"mouth_frames": 20, "seconds": 2.0, "frames": 1, "image_size": 32})
    changes = {"flagship_native": False, "flagship_cross_attention": False, "flagship_reach_seconds": 0.5}
    model = build(clip=clip, width=32, **changes)
    optimiser = torch.optim.AdamW(model.parameters(), 4e-3)
    for step in range(16):
        shifts = (0, -3 if step % 2 else 2)
        genuine, forged = (speaking(6, shift, 10 * step + shift, clip) for shift in shifts)
        output = model(
            **{name: torch.cat([genuine[name], forged[name]]) for name in genuine}, want=("training",)
        )
        found: Any = output.training
        target = torch.tensor([0.0] * 6 + [1.0] * 6)
        loss = binary_cross_entropy_with_logits(output.heads["in_step"], target)
        loss = loss + binary_cross_entropy_with_logits(output.logit, target)
        curve = found.whole[:6]
        loss = loss + cross_entropy(curve, torch.full((6,), curve.shape[1] // 2))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model.eval()
    right, wrong = (run(model, speaking(20, shift, 999 + shift, clip)) for shift in (0, -2))
    assert (right.heads["in_step"][:, None] < wrong.heads["in_step"]).float().mean() > 0.85
    assert (right.logit[:, None] < wrong.logit).float().mean() > 0.85


@pytest.mark.slow
def test_it_can_be_exported_for_any_number_of_clips() -> None:
    model, inputs = build().eval(), batch(2)
    anyhow = {name: {0: torch.export.Dim("clips", min=2, max=64)} for name in inputs}
    exported = torch.export.export(model, (), inputs, dynamic_shapes=anyhow, strict=False)
    other = batch(3, seed=4)
    other["has_sound"][1] = False
    found = exported.module(check_guards=False)(**other)
    torch.testing.assert_close(found.logit, run(model, other).logit, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 36}, r"model\.width is 36; wanted a multiple of 8"),
        ({"mel": {"linear_bands": 0}}, r"model\.flagship_sound is 'both', and mel\.linear_bands 0"),
    ],
)
def test_settings_that_do_not_fit_are_told_in_a_sentence(changes: dict[str, Any], message: str) -> None:
    mel = config.MelSettings(**{**MEL.model_dump(), **changes.pop("mel", {})})
    with pytest.raises(InputError, match=message):
        flagship.build(settings(**changes), mel, CLIP, initialise=True)


def test_a_backbone_without_a_map_and_a_batch_without_crops_are_told() -> None:
    with pytest.raises(InputError, match=r"model\.picture_backbone gives features of shape .* wants a map"):
        build(picture_backbone="test_vit")(**batch(1))
    with pytest.raises(ValueError, match="flagship reads crops, which the batch lacks"):
        build()(**{**batch(1), "crops": None})
