"""MesoNet's published weights: files as Keras 2 writes them against a forward pass in numpy, and files that
are none."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from keras_files import INCEPTION, MESO4, Keras, network, write

from telltale import config, models
from telltale.competition import rules
from telltale.errors import InputError
from telltale.files import sha256
from telltale.models.meso import load_keras
from telltale.models.weights import locate

torch.set_num_threads(1)


def settings(weights: Path, size: int = 256, competition: bool = False, **model: object) -> config.Config:
    tree = {
        "model": {
            "name": MESO4,
            "picture_weights": str(weights),
            "sound_backbone": "test_resnet",
            "width": 32,
            **model,
        }
    }
    return config.parse(
        {**tree, "clip": {"image_size": size, "frames": 1}, "rules": {"competition": competition}}, "test"
    )


def built(chosen: config.Config, *, initialise: bool = True) -> Any:
    return models.build(chosen.model, chosen.mel, chosen.clip, initialise=initialise)


@pytest.mark.parametrize("kind", [MESO4, INCEPTION])
def test_a_config_begins_with_a_published_file_and_the_competitions_rules_refuse_it(
    tmp_path: Path, kind: str
) -> None:
    path = write(tmp_path / "weights.h5", network(kind))
    chosen = settings(path, name=kind)
    model, wanted = built(chosen), load_keras(path)
    assert model.training
    state = model.detector.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in wanted.state_dict().items())
    provenance = {
        "tag": kind,
        "source": "file",
        "path": str(path),
        "sha256": sha256(path),
        "proof": None,
    }
    assert model.provenance == {"picture": provenance} == {"picture": asdict(locate(chosen.model, "picture"))}
    audit = rules.audit(model, chosen)
    rules.enforce(audit, chosen)  # it is not for the competition
    assert audit.findings[-1].passed is False
    sentence = rf"{kind} \(file {path}, SHA-256 .*\): it has seen the genuine and forged faces "
    sentence += ".* allows ImageNet-1K alone"
    with pytest.raises(InputError, match=f"picture weights: {sentence}.* set rules.competition=false"):
        rules.enforce_settings(settings(path, name=kind, competition=True))
    # A checkpoint fills it, so the file is not wanted again.
    path.unlink()
    assert built(chosen, initialise=False).provenance["picture"]["source"] == "unknown"


def test_a_published_file_fills_the_picture_tower_too(tmp_path: Path) -> None:
    path = write(tmp_path / "weights.h5", network(MESO4))
    model = built(settings(path, name="audiovisual", picture_detector=MESO4))
    first = load_keras(path).state_dict()["stages.0.weight"]
    assert torch.equal(model.picture.backbone.detector.stages[0].weight, first)
    assert model.provenance["picture"]["source"] == "file"


def test_a_config_of_another_network_or_size_than_the_file_is_told_in_a_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "weights.h5", network(MESO4))
    with pytest.raises(
        InputError, match=f"{path}: holds the weights of meso4; wanted those of mesoinception4"
    ):
        built(settings(path, name=INCEPTION))
    with pytest.raises(
        InputError, match=rf"{path}: does not fit meso4 at clip\.image_size=128; published at 256 \("
    ):
        built(settings(path, 128))
    with pytest.raises(InputError, match=r"absent\.h5: cannot be read"):
        rules.enforce_settings(settings(tmp_path / "absent.h5"))


@pytest.mark.parametrize(("leaky", "wrapped"), [(True, False), (False, False), (True, True)])
@pytest.mark.parametrize("kind", [MESO4, INCEPTION])
def test_a_published_file_gives_what_keras_gives(
    tmp_path: Path, kind: str, leaky: bool, wrapped: bool
) -> None:
    keras = network(kind)
    model = load_keras(write(tmp_path / "weights.h5", keras, leaky=leaky, wrapped=wrapped))
    assert not any(module.training for module in model.modules())
    assert (model.provenance["tag"], model.provenance["source"]) == (kind, "file")
    pictures = np.random.default_rng(1).random((2, 256, 256, 3), np.float32)
    pictures[1] = pictures[1] ** 4  # darker
    with torch.inference_mode():
        ours = torch.sigmoid(-model(torch.from_numpy(pictures).permute(0, 3, 1, 2)).logit).tolist()
    theirs = [keras.probability(picture) for picture in pictures]
    assert ours == pytest.approx(theirs, abs=1e-4)
    assert abs(theirs[0] - theirs[1]) > 1e-3
    assert all(0.01 < each < 0.99 for each in theirs)


def test_the_order_of_the_layers_in_the_file_does_not_matter(tmp_path: Path) -> None:
    keras = network(INCEPTION)
    first, second = (
        load_keras(write(tmp_path / f"{seed}.h5", keras, seed=seed)).state_dict() for seed in (0, 1)
    )
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_the_same_file_gives_forged_what_it_does_not_give_genuine(tmp_path: Path) -> None:
    keras = network(MESO4)
    last = keras.layers["dense_4"]
    last["kernel"], last["bias"] = (
        np.zeros_like(last["kernel"]),
        np.array([3.0], np.float32),
    )  # surely genuine
    model = load_keras(write(tmp_path / "weights.h5", keras))
    with torch.inference_mode():
        assert model(torch.full((1, 3, 256, 256), 0.4)).logit.item() == pytest.approx(-3, abs=1e-6)


def drop(keras: Keras, name: str) -> None:
    del keras.layers[name]


def turn(keras: Keras) -> None:
    keras.layers["conv2d_2"]["kernel"] = np.zeros((3, 3, 8, 8), np.float32)


def narrow(keras: Keras) -> None:
    keras.layers["dense_3"]["kernel"] = np.zeros((256, 16), np.float32)


def one_value(keras: Keras) -> None:
    keras.layers["conv2d_1"]["bias"] = np.zeros(1, np.float32)


def without_bias(keras: Keras) -> None:
    del keras.layers["conv2d_1"]["bias"]


def broken_number(keras: Keras) -> None:
    keras.layers["conv2d_1"]["bias"][0] = np.nan


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda keras: drop(keras, "conv2d_4"),
            "holds 3 convolutions; wanted Meso4's 4 or MesoInception4's 16",
        ),
        (lambda keras: drop(keras, "batch_normalization_2"), r"does not fit meso4 \("),
        (lambda keras: drop(keras, "dense_4"), r"does not fit meso4 \("),
        (turn, r"does not fit meso4 \(a tensor of \(8, 8, 3, 3\) where \(8, 8, 5, 5\) is wanted\)"),
        (narrow, r"does not fit meso4 \(a tensor of \(16, 256\) where \(16, 1024\) is wanted\)"),
        (one_value, r"does not fit meso4 \(a tensor of \(1,\) where \(8,\) is wanted\)"),
        (without_bias, r"does not fit meso4 \("),
        (broken_number, r"does not fit meso4 \(a weight that is not finite\)"),
    ],
)
def test_another_networks_file_is_told_in_a_sentence(tmp_path: Path, change, message: str) -> None:
    keras = network(MESO4)
    change(keras)
    path = write(tmp_path / "weights.h5", keras)
    with pytest.raises(InputError, match=rf"^{path}: {message}"):
        load_keras(path)


def test_what_is_no_file_of_weights_is_told_in_a_sentence(tmp_path: Path) -> None:
    text = tmp_path / "text.h5"
    text.write_text("not HDF5")
    broken = write(tmp_path / "broken.h5", network(MESO4))
    with h5py.File(broken, "a") as file:
        del file["conv2d_1/conv2d_1/kernel:0"]
    odd = write(tmp_path / "odd.h5", network(MESO4))
    with h5py.File(odd, "a") as file:
        file["conv2d_1"].attrs["weight_names"] = 5
    for path in (text, tmp_path / "missing.h5", broken, odd):
        with pytest.raises(InputError, match=rf"^{path}: is not Keras's file of weights \("):
            load_keras(path)
    with h5py.File(tmp_path / "empty.h5", "w"):
        pass
    with pytest.raises(InputError, match="holds 0 convolutions"):
        load_keras(tmp_path / "empty.h5")


def test_without_h5py_the_sentence_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "weights.h5", network(MESO4))
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(InputError, match=r"wants h5py; install it with: pip install 'telltale\[keras\]'"):
        load_keras(path)
