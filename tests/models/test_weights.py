"""Weights from files, from the folder of fetched weights, and from a hub that answers, lies, or is not
there."""

import argparse
import hashlib
import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from weight_hub import REVISION, Hub, point_at, weights

from telltale import config, models
from telltale.cli import fetch_weights
from telltale.competition import rules
from telltale.errors import InputError
from telltale.files import sha256
from telltale.models import hub

torch.set_num_threads(1)

TAG = "test_resnet.r160_in1k"


def settings(**changes: object) -> config.Config:
    model = {"name": "mel_cnn", "picture_backbone": "test_resnet", "sound_backbone": "test_resnet", **changes}
    tree = {"model": model, "clip": {"seconds": 1.0, "frames": 2, "image_size": 64}, "mel": {"n_mels": 64}}
    return config.Config.model_validate(tree)


def build(chosen: config.Config) -> nn.Module:
    return models.build(chosen.model, chosen.mel, chosen.clip, initialise=True)


def holds(model: nn.Module, wanted: dict[str, Tensor], classifier: str = "fc") -> bool:
    """Whether the backbone has every tensor of `wanted` but the classifier's, bit for bit."""
    own = model.backbone.state_dict()
    kept = {key: value for key, value in wanted.items() if not key.startswith(f"{classifier}.")}
    return own.keys() == kept.keys() and all(torch.equal(own[key], kept[key]) for key in kept)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TELLTALE_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "weights").mkdir()
    return tmp_path / "weights"


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[Hub]]:
    """A hub on this machine, with the weights of `weights()`."""
    save_file(weights(), tmp_path / "public.safetensors")
    Hub.content = (tmp_path / "public.safetensors").read_bytes()
    Hub.stated, Hub.asked = hashlib.sha256(Hub.content).hexdigest(), []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        point_at(monkeypatch, f"http://127.0.0.1:{server.server_port}")
        yield Hub
        server.shutdown()


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed port where the hub should be."""
    with http.server.HTTPServer(("127.0.0.1", 0), Hub) as server:
        port = server.server_port
    point_at(monkeypatch, f"http://127.0.0.1:{port}")


def test_weights_are_found_in_the_folder_without_a_network(folder: Path, unreachable: None) -> None:
    path = folder / f"{TAG}.safetensors"
    save_file(weights(), path)
    chosen = settings(pretrained=True)
    model = build(chosen)
    assert holds(model, weights())
    wanted = {"tag": TAG, "source": "folder", "path": str(path), "sha256": sha256(path), "proof": "name"}
    assert model.provenance == {"sound": wanted}
    audit = rules.audit(model, chosen)
    assert audit.passed
    assert all(
        said in audit.findings[-1].detail for said in ("declared by its file name alone", sha256(path))
    )


def test_without_weights_the_run_stops_at_once_with_the_remedies(unreachable: None) -> None:
    begun = time.monotonic()
    with pytest.raises(InputError) as caught:
        build(settings(pretrained=True))
    assert time.monotonic() - begun < 5
    sentence = str(caught.value)
    for wanted in (
        TAG,
        f"weights/{TAG}.safetensors",
        "fetch-weights",
        "TELLTALE_WEIGHTS",
        "model.pretrained=false",
        "refused",
    ):
        assert wanted in sentence
    assert "\n" not in sentence


def test_hf_hub_offline_is_obeyed(answering: type[Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="HF_HUB_OFFLINE"):
        build(settings(pretrained=True))
    assert answering.asked == []


def test_weights_come_from_the_hub_and_then_from_its_cache(answering: type[Hub]) -> None:
    first = build(settings(pretrained=True))
    assert holds(first, weights())
    facts = first.provenance["sound"]
    assert (facts["tag"], facts["source"], facts["sha256"], facts["proof"]) == (
        TAG,
        "hub",
        answering.stated,
        "publisher",
    )
    assert str(facts["path"]).endswith(f"/timm/{TAG}/resolve/main/model.safetensors")
    asked = len(answering.asked)
    assert holds(build(settings(pretrained=True)), weights())
    assert len(answering.asked) == asked


def test_a_file_that_is_not_what_the_hub_states_is_refused(answering: type[Hub]) -> None:
    answering.stated = "0" * 64
    with pytest.raises(InputError, match="is damaged, its SHA-256 is not the one that the hub states"):
        build(settings(pretrained=True))


def test_fetch_weights_makes_a_folder_that_an_offline_run_trains_from(
    answering: type[Hub], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.yaml").write_text(config.dump(settings()))
    out = tmp_path / "carried"
    assert fetch_weights.run(argparse.Namespace(config=tmp_path / "c.yaml", out=out, set=[])) == 0
    assert f"SHA-256 {answering.stated}" in capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == [f"{TAG}.safetensors", "weights.json"]
    entry = hub.read_record(out)[TAG]
    assert entry["sha256"] == entry["source_sha256"] == answering.stated
    assert (entry["revision"], entry["bytes"]) == (REVISION, len(answering.content))

    monkeypatch.setenv("TELLTALE_WEIGHTS", str(out))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    model = build(settings(pretrained=True))
    assert holds(model, weights())
    assert model.provenance["sound"]["proof"] == "record"
    # The same file, named by the configuration, is known by its SHA-256, whatever it is called.
    (out / f"{TAG}.safetensors").rename(tmp_path / "mine.safetensors")
    named = settings(sound_weights=str(tmp_path / "mine.safetensors"))
    rules.enforce_settings(named)
    assert build(named).provenance["sound"]["proof"] == "record"
    # A file that changed after it was fetched is not used.
    save_file({key: value + 1 for key, value in weights().items()}, out / f"{TAG}.safetensors")
    with pytest.raises(InputError, match="is not the file that was fetched"):
        build(settings(pretrained=True))


def test_fetch_weights_asks_the_rules_first_and_says_why_it_cannot(tmp_path: Path, unreachable: None) -> None:
    (tmp_path / "c.yaml").write_text(config.dump(settings()))
    forbidden = argparse.Namespace(
        config=tmp_path / "c.yaml", out=None, set=["model.sound_backbone=resnet18.fb_ssl_yfcc100m_ft_in1k"]
    )
    with pytest.raises(InputError, match="YFCC"):
        fetch_weights.run(forbidden)
    with pytest.raises(InputError, match="cannot be had"):
        fetch_weights.run(argparse.Namespace(config=tmp_path / "c.yaml", out=None, set=[]))


def test_weights_outside_the_hub_are_fetched_checked_and_kept_as_safetensors(
    answering: type[Hub], tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save({"state_dict": weights()}, tmp_path / "public.pth")
    answering.content = (tmp_path / "public.pth").read_bytes()
    digest = hashlib.sha256(answering.content).hexdigest()
    known = timm.models.get_pretrained_cfg(TAG)
    endpoint = huggingface_hub.constants.ENDPOINT
    for digits, fits in (("0123456789", False), (digest[:8], True)):
        elsewhere = type(known)(
            architecture="test_resnet", tag="r160_in1k", url=f"{endpoint}/files/net-{digits}.pth"
        )
        monkeypatch.setattr(hub, "get_pretrained_cfg", lambda _, found=elsewhere: found)
        if not fits:
            with pytest.raises(InputError, match="SHA-256 does not begin with 0123456789"):
                hub.fetch(TAG, folder)
            continue
        entry = hub.fetch(TAG, folder)
        assert entry["source_sha256"] == digest
        assert all(
            torch.equal(value, weights()[key])
            for key, value in load_file(folder / f"{TAG}.safetensors").items()
        )


def test_a_file_of_unknown_origin_is_a_question_to_the_rules(tmp_path: Path) -> None:
    mine = tmp_path / "mine.safetensors"
    save_file(weights(), mine)
    chosen = settings(sound_weights=str(mine))
    with pytest.raises(InputError, match=f"declared as {TAG} .*SHA-256 {sha256(mine)}.*nothing shows"):
        rules.enforce_settings(chosen)
    assert not rules.audit(build(chosen), chosen).passed


def test_a_named_file_in_a_nesting_is_loaded_and_recorded(tmp_path: Path) -> None:
    torch.save(
        {"state_dict": {f"module.{key}": value for key, value in weights().items()}, "epoch": 3},
        tmp_path / "mine.pth",
    )
    model = build(settings(sound_weights=str(tmp_path / "mine.pth")))
    assert holds(model, weights())
    facts = model.provenance["sound"]
    assert (facts["source"], facts["sha256"]) == ("file", sha256(tmp_path / "mine.pth"))
    with pytest.raises(InputError, match=r"absent\.pth: cannot be read"):
        rules.enforce_settings(settings(sound_weights=str(tmp_path / "absent.pth")))


def test_a_publishers_file_is_known_by_the_digits_in_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hub.stated_digits("resnet18.tv_in1k") == "f37072fd"
    assert hub.stated_digits("legacy_xception.tf_in1k") == "43020ad28"
    save_file(weights(), tmp_path / "mine.safetensors")
    monkeypatch.setattr(hub, "stated_digits", lambda _: sha256(tmp_path / "mine.safetensors")[:8])
    rules.enforce_settings(settings(sound_weights=str(tmp_path / "mine.safetensors")))


@pytest.mark.parametrize("classes", [0, 10])
def test_a_classifier_may_be_absent_or_of_other_classes(tmp_path: Path, classes: int) -> None:
    tensors = weights(num_classes=classes)
    save_file(tensors, tmp_path / "mine.safetensors")
    assert holds(build(settings(sound_weights=str(tmp_path / "mine.safetensors"))), tensors)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda tensors: tensors.pop("conv1.0.weight"), r'Missing key.*"conv1\.0\.weight"'),
        (lambda tensors: tensors.update(extra=torch.zeros(1)), r'Unexpected key.*"extra"'),
        (lambda tensors: tensors.update({"conv1.0.weight": torch.zeros(1, 3, 3, 3)}), r"conv1\.0"),
        (
            lambda tensors: tensors.update({"layer1.0.conv1.weight": torch.zeros(2)}),
            r"size mismatch for layer1\.0\.conv1\.weight",
        ),
    ],
)
def test_any_other_key_that_does_not_fit_is_named(tmp_path: Path, change: object, word: str) -> None:
    tensors = weights()
    change(tensors)  # type: ignore[operator]
    save_file(tensors, tmp_path / "mine.safetensors")
    with pytest.raises(InputError, match=rf"mine\.safetensors: does not fit the backbone {TAG} .*{word}"):
        build(settings(sound_weights=str(tmp_path / "mine.safetensors")))


def test_a_family_that_timm_loads_loosely_is_loaded_strictly(tmp_path: Path) -> None:
    tensors = weights("dla46_c")
    save_file(tensors, tmp_path / "whole.safetensors")
    build(settings(sound_backbone="dla46_c", sound_weights=str(tmp_path / "whole.safetensors")))
    del tensors["base_layer.0.weight"]
    save_file(tensors, tmp_path / "part.safetensors")
    with pytest.raises(InputError, match=r"Missing key.*base_layer\.0\.weight"):
        build(settings(sound_backbone="dla46_c", sound_weights=str(tmp_path / "part.safetensors")))


def test_a_vision_transformers_positions_are_resized_to_the_clips_pictures(folder: Path) -> None:
    save_file(weights("test_vit"), folder / "test_vit.r160_in1k.safetensors")
    chosen = settings(name="frame_cnn", picture_backbone="test_vit", pretrained=True)
    own, wanted = build(chosen).detector.backbone.state_dict(), weights("test_vit")
    assert own["pos_embed"].shape[1] == 1 + (64 // 16) ** 2 != wanted["pos_embed"].shape[1]
    assert torch.equal(own["patch_embed.proj.weight"], wanted["patch_embed.proj.weight"])


def test_each_tower_of_audiovisual_has_its_own_weights(folder: Path, tmp_path: Path) -> None:
    save_file(weights(), folder / f"{TAG}.safetensors")
    other = {key: value + 1 for key, value in weights().items()}
    save_file(other, tmp_path / "sound.safetensors")
    model = build(
        settings(
            name="audiovisual", pretrained=True, width=32, sound_weights=str(tmp_path / "sound.safetensors")
        )
    )
    assert holds(model.picture, weights())
    assert holds(model.sound, other)
    assert [model.provenance[tower]["source"] for tower in ("picture", "sound")] == ["folder", "file"]
