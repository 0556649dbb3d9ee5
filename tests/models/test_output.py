"""What models return: every field's shape and type, and that nothing that is asked for changes the logit."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from telltale import config, models
from telltale.data.mel import n_columns
from telltale.models.detector import logit_of
from telltale.models.output import Output, Want

torch.set_num_threads(1)

MEL = config.MelSettings(n_mels=64)
FRAMES, SIZE = 3, 64
TIMM = {"picture_backbone": "test_resnet", "sound_backbone": "test_resnet", "width": 32}
MODELS = [
    ("mel_cnn", TIMM),
    ("audiovisual", TIMM),
    ("audiovisual", {**TIMM, "pooling": "attention"}),
    *(("frame_cnn", {**TIMM, "pooling": pooling}) for pooling in ("mean", "max", "top_k", "attention")),
    ("meso4", {}),
    ("lav", {}),
]


def build(name: str, methods: int | None = None, **changes: Any) -> Any:
    """The model with weights from seed 0, for evaluation."""
    torch.manual_seed(0)
    settings = config.ModelSettings.model_validate({"name": name, "top_k": 2, **changes})
    clip = config.ClipSettings(seconds=1.0, frames=FRAMES, image_size=SIZE)
    return models.build(settings, MEL, clip, initialise=True, methods=methods).eval()


def inputs(count: int = 2) -> dict[str, Tensor]:
    """A model's arguments: clips of noise that have pictures and sound."""
    draw = torch.Generator().manual_seed(1)
    there = torch.ones(count, dtype=torch.bool)
    return {
        "pictures": torch.rand(count, FRAMES, 3, SIZE, SIZE, generator=draw),
        "mel": torch.rand(count, MEL.n_mels, n_columns(MEL, 1.0), generator=draw) * 100 - 90,
        "has_picture": there,
        "has_sound": there.clone(),
        "frame_seconds": torch.linspace(0, 1, FRAMES).repeat(count, 1),
    }


def head_of(model: Any) -> nn.Module:
    return model.detector.head if hasattr(model, "detector") else model.head


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize(("name", "changes"), MODELS)
def test_every_model_gives_logits_and_features_in_float32_and_invents_no_heads(
    name: str, changes: dict[str, Any], autocast: bool
) -> None:
    model = build(name, **changes)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        output: Output = model(**inputs())
    assert output.logit.shape == (2,) and output.features.shape[0] == 2 and output.features.ndim == 2
    assert output.logit.dtype == output.features.dtype == torch.float32
    assert output.features.std() > 0
    assert output.heads == {} and output.maps is None and output.training is None
    if hasattr(model, "detector"):
        assert output.frame_logits is not None and output.frame_logits.shape == (2, FRAMES)
    else:
        assert output.frame_logits is None


@pytest.mark.parametrize(("name", "changes"), MODELS)
def test_features_are_what_the_last_layers_make_the_logit_of(name: str, changes: dict[str, Any]) -> None:
    # The heads of these models are linear, so the head of the pooled features is the pooled logit.
    model = build(name, **changes)
    with torch.no_grad():
        output: Output = model(**inputs())
        again = logit_of(head_of(model)(output.features))
    torch.testing.assert_close(again, output.logit, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("want", [("maps",), ("training",), ("maps", "training")])
def test_forgery_maps_come_if_asked_for_and_leave_the_logit_as_it_is(want: Want) -> None:
    trained = build("lav", methods=1)
    with torch.no_grad():
        plain: Output = trained(**inputs())
        asked: Output = trained(**inputs(), want=want)
        shipped: Output = models.for_prediction(trained)(**inputs(), want=want)
    assert torch.equal(asked.logit, plain.logit) and torch.equal(shipped.logit, plain.logit)
    assert torch.equal(asked.features, plain.features)
    assert (asked.maps is not None) == ("maps" in want) == (shipped.maps is not None)
    assert (asked.training is not None) == ("training" in want) and shipped.training is None
    if asked.maps is not None:
        assert asked.maps.shape == (2, FRAMES, SIZE // 16, SIZE // 16)
        assert asked.maps.dtype == torch.float32 and asked.maps.amin() >= 0 and asked.maps.amax() <= 1
        # Each map is that of its own clip and frame.
        with torch.no_grad():
            alone = trained(**{key: value[1:] for key, value in inputs().items()}, want=want).maps
        torch.testing.assert_close(asked.maps[1:], alone, rtol=1e-4, atol=1e-5)


def test_a_pictures_logit_is_its_own_although_ucf_learns_from_shuffled_features() -> None:
    detector, shuffled = build("ucf", methods=2).detector, 0
    pictures = inputs(4)["pictures"].flatten(0, 1) * torch.linspace(0.1, 1, 4 * FRAMES).view(-1, 1, 1, 1)
    with torch.no_grad():
        plain = detector(pictures)
        for seed in range(4):
            torch.manual_seed(seed)
            asked = detector(pictures, want=("training",))
            torch.testing.assert_close(asked.logit, plain.logit, rtol=1e-4, atol=1e-5)
            assert torch.equal(asked.features, plain.features)
            shuffled += not torch.equal(asked.training.common_features, plain.features)
    assert shuffled > 0


@pytest.mark.parametrize(("name", "changes"), [("mel_cnn", TIMM), ("audiovisual", TIMM), ("meso4", {})])
def test_compilers_take_the_output_as_it_is(name: str, changes: dict[str, Any]) -> None:
    model, given = build(name, **changes), inputs()
    with torch.no_grad():
        plain: Output = model(**given)
        traced: Output = torch.compile(model, backend="eager", dynamic=True)(**given)
    assert isinstance(traced, Output) and torch.equal(traced.logit, plain.logit)
    if name != "audiovisual":  # which rows have a modality depends on the data, which export does not follow
        exported = torch.export.export(model, args=(), kwargs=given).module()(**given)
        assert isinstance(exported, Output) and exported.heads == {} and exported.maps is None
        torch.testing.assert_close(exported.logit, plain.logit)
