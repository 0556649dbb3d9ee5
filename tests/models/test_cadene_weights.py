"""Xception's weights as Cadene published them, which most papers on forgeries begin with."""

from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor, nn

from telltale import config, models
from telltale.competition import rules
from telltale.errors import InputError
from telltale.files import sha256
from telltale.models import hub

torch.set_num_threads(1)


def settings(name: str, path: Path) -> config.Config:
    tree = {"model": {"name": name, "picture_weights": str(path)}, "clip": {"frames": 1, "image_size": 64}}
    return config.parse(tree, "test")


def build(chosen: config.Config) -> nn.Module:
    return models.build(chosen.model, chosen.mel, chosen.clip, initialise=True)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLTALE_WEIGHTS", str(tmp_path / "weights"))


@pytest.fixture(scope="module")
def cadenes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Tensor]]:
    """A file of Xception's weights in the layout of xception-b5690688.pth, and the same weights as timm has
    them."""
    torch.manual_seed(3)
    tensors = timm.create_model("legacy_xception").state_dict()
    theirs = {
        name: value.flatten(1) if "pointwise" in name else value
        for name, value in tensors.items()
        if not name.endswith("num_batches_tracked")  # younger than the file
    }
    assert theirs["block1.rep.0.pointwise.weight"].shape == (128, 64)
    path = tmp_path_factory.mktemp("cadene") / "xception-b5690688.pth"
    torch.save(theirs, path)
    return path, tensors


@pytest.mark.parametrize(("name", "trunks"), [("xception", ["backbone"]), ("lav", ["picture", "noise"])])
def test_cadenes_xception_is_loaded_with_its_pointwise_weights_of_two_dimensions(
    name: str, trunks: list[str], cadenes: tuple[Path, dict[str, Tensor]]
) -> None:
    path, wanted = cadenes
    model = build(settings(name, path))
    for trunk in trunks:
        own = getattr(model.detector, trunk).state_dict()
        assert len(own) > 150
        assert all(
            torch.equal(value, wanted[key]) for key, value in own.items() if not key.endswith("tracked")
        )
    assert model.provenance["picture"]["sha256"] == sha256(path)


def test_cadenes_xception_is_known_by_the_digits_in_its_name_and_else_a_question(
    cadenes: tuple[Path, dict[str, Tensor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = cadenes
    assert hub.published_digits("legacy_xception.tf_in1k") == ("43020ad28", "b5690688")
    chosen = settings("f3net", path)
    with pytest.raises(InputError, match=r"declared as legacy_xception\.tf_in1k .*nothing shows"):
        rules.enforce_settings(chosen)  # its name alone proves nothing
    monkeypatch.setitem(hub.OTHERS, "legacy_xception.tf_in1k", (sha256(path)[:8],))
    rules.enforce_settings(chosen)


def test_a_classifier_called_last_linear_is_a_classifier(tmp_path: Path) -> None:
    wanted = timm.create_model("test_resnet").state_dict()
    torch.save(
        {key.replace("fc.", "last_linear."): value for key, value in wanted.items()}, tmp_path / "mine.pth"
    )
    tree = {
        "model": {
            "name": "frame_cnn",
            "picture_backbone": "test_resnet",
            "picture_weights": str(tmp_path / "mine.pth"),
        }
    }
    own = build(config.parse(tree, "test")).detector.backbone.state_dict()
    assert own.keys() == {key for key in wanted if not key.startswith("fc.")}
    assert all(torch.equal(value, wanted[key]) for key, value in own.items())
