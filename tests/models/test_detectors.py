"""The frame-level detectors: published sizes, gradients, and one network wherever it is used."""

import copy
from typing import Any

import pytest
import timm
import torch
from detector_world import MEL, SMALL, clips, count, logits, model, output, untrained
from torch import Tensor, nn

from telltale import config, models
from telltale.competition import rules
from telltale.config.detectors import DETECTORS
from telltale.data.mel import n_columns
from telltale.errors import InputError
from telltale.models.shallownet import ShallowNet

torch.set_num_threads(1)

FRAME_WISE = [name for name, entry in DETECTORS.items() if entry.per_frame]
LEARNERS = ["ucf", "lav"]
MAP_BRANCH = ("detector.scores.", "detector.locate.")  # of lav: its map has no part in a clip's score
TRACED = ["frame_cnn", "meso4", "mesoinception4", "shallownet_v3", "xception", "resnet18", "spsl", "f3net"]
DRAWN = {"sound_backbone": "test_efficientnet", "width": 32, "modality_dropout": 0.0}


@pytest.fixture(scope="module", params=FRAME_WISE)
def name(request: pytest.FixtureRequest) -> str:
    """Every detector in turn: its tests run one after another, and share `settled`."""
    return request.param


@pytest.fixture(scope="module")
def settled(name: str) -> Any:
    """The network for evaluation, its batch norms' statistics those of a first batch. Leave it as it is."""
    network = model(name, methods=2)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = None  # the mean over all batches, here of one
    with torch.no_grad():
        logits(network.train(), clips(3))
    return network.eval()


@pytest.mark.parametrize(
    ("name", "size", "changes", "wanted"),
    [
        ("meso4", 256, {}, 27_977),
        ("mesoinception4", 256, {}, 28_615),
        ("shallownet_v3", 64, {}, 4_833_058),
        ("shallownet_v3", 128, {}, 25_804_578),
        ("shallownet_v3", 256, {}, 118_079_266),
        ("xception", 299, {}, 20_811_050),
        ("f3net", 299, {"f3net_parts": "both"}, 41_979_661),
        ("f3net", 299, {"f3net_parts": "mix"}, 48_314_929),
        ("spsl", 256, {"spsl_trunk": "full"}, 20_811_338),
        ("spsl", 256, {"spsl_trunk": "shallow"}, 7_899_530),
        ("ucf", 256, {}, 22_252_586),
        ("ucf", 256, {"methods": 4}, 46_830_234),
        ("lav", 299, {}, 55_077_593),
    ],
)
def test_a_detector_has_as_many_parameters_as_the_published_one(
    name: str, size: int, changes: Any, wanted: int
) -> None:
    with torch.device("meta"):
        assert count(model(name, size, **changes)) == wanted


def test_the_published_parts_and_variants_have_their_sizes() -> None:
    with torch.device("meta"):
        assert [count(ShallowNet(size, outputs=1)) for size in (64, 128, 256)] == [
            4_832_033,
            25_803_553,
            118_078_241,
        ]
        assert count(model("ucf", 256, methods=4).detector.learning.decoder) == 2_323_523


def test_locate_and_verify_is_the_published_network_less_what_nothing_depends_on() -> None:
    with torch.device("meta"):
        network, ours = timm.create_model("legacy_xception"), count(model("lav", 299))
    ending = sum(count(getattr(network, name)) for name in ("block12", "conv3", "bn3", "conv4", "bn4"))
    unused_convolutions = sum(2 * 9 * width * width + 3 * 2 * width for width in (64, 128, 256))
    unused_norms = 3 * 2 * 728
    assert ours + ending + unused_convolutions + unused_norms == 63_421_321


@pytest.mark.parametrize(("name", "wanted"), [("ucf", 22_252_586), ("lav", 55_077_593)])
def test_the_audit_counts_nothing_that_only_training_needs(name: str, wanted: int) -> None:
    settings = config.Config.model_validate(
        {"clip": {"image_size": 64, "frames": 1, "seconds": 1.0}, "model": {"name": name}}
    )
    network = model(name, frames=1, methods=4)
    before = count(network)
    result = rules.audit(network, settings)
    assert result.passed
    assert result.parameters == wanted < before == count(network)
    assert not any("learning" in key.split(".") for key in models.for_prediction(network).state_dict())


@pytest.mark.parametrize("name", FRAME_WISE)
def test_a_batch_of_one_can_be_trained_and_scored_at_another_size(name: str) -> None:
    network = model(name, 96)
    with torch.no_grad():
        logit = logits(network, clips(1, size=96))
        assert logits(network.eval(), clips(3, 1, 96)).shape == (3,)
    assert logit.shape == (1,)
    assert logit.isfinite().all()


def test_a_clips_score_does_not_depend_on_the_batchs_others(settled: Any) -> None:
    pictures = clips(3)
    with torch.inference_mode():
        together = logits(settled, pictures)
        alone = torch.cat([logits(settled, pictures[place : place + 1]) for place in range(3)])
        assert torch.equal(together, logits(settled, pictures))
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)
    assert (together - alone).abs().max() < 0.01 * together.std()


def test_bf16_autocast_gives_finite_float32_scores_and_a_gradient_to_all_that_is_scored_by(
    name: str, settled: Any
) -> None:
    network = copy.deepcopy(settled).train()
    with torch.autocast("cpu", torch.bfloat16):
        logit = logits(network, clips(2))
    assert logit.dtype == torch.float32
    assert logit.isfinite().all()
    logit.sum().backward()
    assert all(
        parameter.grad.isfinite().all() for parameter in network.parameters() if parameter.grad is not None
    )
    spare = ("learning.", "detector.learning.", *(MAP_BRANCH if name == "lav" else ()))
    assert untrained(network) == {key for key, _ in network.named_parameters() if key.startswith(spare)}


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("name", LEARNERS)
def test_what_a_detector_learns_from_reaches_every_weight_that_learns(name: str, half: bool) -> None:
    network = model(name, methods=2)
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        found: Any = output(network, clips(2), ("training",)).training
    if name == "ucf":
        parts = [found.common, found.specific, found.common_features, found.specific_features, *found.rebuilt]
    else:
        parts = [found.classes, found.patches]
    torch.stack([part.float().square().mean() for part in parts]).sum().backward()
    frozen = {key for key, parameter in network.named_parameters() if not parameter.requires_grad}
    assert untrained(network) == frozen
    assert all(
        parameter.grad.isfinite().all() for parameter in network.parameters() if parameter.requires_grad
    )
    projection = {key for key, _ in network.named_parameters() if key.startswith("detector.learning.")}
    assert frozen == (projection if name == "lav" else set())


@pytest.mark.parametrize("size", [64, 96])
def test_what_is_learnt_from_says_something_of_every_frame(size: int) -> None:
    with torch.no_grad():
        ucf: Any = output(model("ucf", size, methods=3), clips(2, size=size), ("training",)).training
        lav: Any = output(model("lav", size, methods=1), clips(2, size=size), ("training",)).training
    assert (ucf.common.shape, ucf.specific.shape, ucf.common_features.shape) == ((4, 2), (4, 4), (4, 256))
    for picture in ucf.rebuilt:
        assert picture.shape == ucf.pictures.shape == (4, 3, size, size)
        assert 0 < picture.abs().max() <= 1
    side = size // 16
    assert (lav.classes.shape, lav.patches.shape, lav.projected.shape) == (
        (4, 2),
        (4, 2, side, side),
        (4, 256, side, side),
    )


class LogitAlone(nn.Module):
    """A detector whose output a trace can have: a tensor."""

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, pictures: Tensor) -> Tensor:
        return self.detector(pictures).logit


@pytest.mark.filterwarnings(
    "ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"
)
@pytest.mark.parametrize("name", TRACED, indirect=True)
def test_a_trace_of_one_frame_judges_two_as_the_detector_does(settled: Any) -> None:
    detector, frames = settled.detector, clips(3, 1).flatten(0, 1)
    with torch.no_grad():
        traced = torch.jit.trace(LogitAlone(detector), frames[:1])
        torch.testing.assert_close(traced(frames[1:]), detector(frames[1:]).logit, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "size"), [("lav", 63), ("shallownet_v3", 23)])
def test_too_small_a_picture_is_told_in_a_sentence(name: str, size: int) -> None:
    with pytest.raises(InputError, match=rf"clip\.image_size is {size}; {name} wants {size + 1} or more"):
        model(name, size)
    model(name, size + 1)


@pytest.mark.parametrize("name", FRAME_WISE)
def test_any_detector_is_the_picture_tower_of_audiovisual(name: str) -> None:
    small = SMALL if name == "frame_cnn" else {}
    network = model("audiovisual", frames=1, picture_detector=name, **small, **DRAWN)
    there, mel = torch.ones(2, dtype=torch.bool), torch.full((2, MEL.n_mels, n_columns(MEL, 1.0)), -50.0)
    logit = network(clips(2, 1), mel, there, there, torch.full((2, 1), 0.5)).logit
    assert logit.shape == (2,)
    logit.sum().backward()
    assert untrained(network) == set()
    assert logit.isfinite().all()
    assert not [
        key for key in network.picture.state_dict() if "detector.head" in key or "learning" in key.split(".")
    ]


def test_the_weights_that_are_shipped_fill_a_model_for_prediction(name: str, settled: Any) -> None:
    small = SMALL if name == "frame_cnn" else {}
    # Pretrained weights are asked for, and not looked for.
    settings = config.ModelSettings.model_validate(
        {"name": name, **small, "pretrained": DETECTORS[name].backbone is not None}
    )
    torch.manual_seed(5)
    bare = models.build(
        settings, MEL, config.ClipSettings(seconds=1.0, frames=2, image_size=64), initialise=False
    )
    assert bare.provenance["picture"]["source"] == "unknown"
    bare.load_state_dict(models.shipped(settled.state_dict()), strict=True)
    with torch.inference_mode():
        assert torch.equal(logits(bare.eval(), clips(2)), logits(settled, clips(2)))
