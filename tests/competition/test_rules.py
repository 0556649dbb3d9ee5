"""The competition's rules: tags of weights, counts of parameters, and the findings of the audit."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from telltale import config, models
from telltale.competition import audit_record, rules
from telltale.errors import InputError

torch.set_num_threads(1)


def settings(**changes: object) -> config.Config:
    """A small configuration; keys of `model` and, under `rules_`, of `rules`."""
    own = {key.removeprefix("rules_"): value for key, value in changes.items() if key.startswith("rules_")}
    model = {
        "name": "mel_cnn",
        "picture_backbone": "test_resnet",
        "sound_backbone": "test_resnet",
        "width": 32,
    }
    model |= {key: value for key, value in changes.items() if not key.startswith("rules_")}
    tree = {
        "model": model,
        "rules": own,
        "clip": {"seconds": 1.0, "frames": 2, "image_size": 64},
        "mel": {"n_mels": 64},
    }
    return config.Config.model_validate(tree)


def build(chosen: config.Config) -> nn.Module:
    return models.build(chosen.model, chosen.mel, chosen.clip, initialise=True)


def broken(findings: tuple[audit_record.Finding, ...]) -> list[str]:
    return [finding.rule for finding in findings if not finding.passed]


@pytest.mark.parametrize("name", ["mel_cnn", "frame_cnn", "audiovisual"])
def test_an_audit_counts_and_leaves_the_model_as_it_was(name: str) -> None:
    chosen = settings(name=name)
    model = build(chosen)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    training = {key: module.training for key, module in model.named_modules()}
    audit = rules.audit(model, chosen)
    after = model.state_dict()
    assert audit.passed
    assert audit.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert 0 < audit.thop_parameters <= audit.parameters
    assert audit.macs > 1e6
    assert list(after) == list(before)
    assert not [key for key in after if "total_ops" in key or "total_params" in key]
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert training == {key: module.training for key, module in model.named_modules()}
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize(("frames", "seconds"), [(1, [2.0]), (3, [0.0, 2.0, 4.0])])
def test_frames_are_counted_at_the_times_at_which_a_clip_is_read(
    frames: int, seconds: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A single frame is in the middle of its span, not at its start."""
    chosen = settings(name="frame_cnn").model_copy(
        update={"clip": config.ClipSettings(seconds=4.0, frames=frames, image_size=32)}
    )
    found: list[list[float]] = []

    def profile(called: nn.Module, **_: object) -> tuple[int, int]:
        found.append(called.arguments["frame_seconds"][0].tolist())
        return 1, 1

    monkeypatch.setattr("thop.profile", profile)
    rules.audit(build(chosen), chosen)
    assert found == [seconds]


def test_the_counts_of_a_known_network() -> None:
    chosen = config.Config.model_validate({"model": {"name": "mel_cnn", "sound_backbone": "resnet18"}})
    audit = rules.audit(build(chosen), chosen)
    assert audit.parameters == audit.thop_parameters == 11_177_538
    assert audit.macs == pytest.approx(1.82e9, rel=0.01)


def test_thop_misses_parameters_of_a_vision_transformer_outside_layers() -> None:
    chosen = settings(name="frame_cnn", picture_backbone="vit_tiny_patch16_224")
    model = build(chosen)
    audit = rules.audit(model, chosen)
    bare = model.detector.backbone.cls_token.numel() + model.detector.backbone.pos_embed.numel()
    assert audit.parameters - audit.thop_parameters >= bare > 0
    assert audit.parameters > audit.thop_parameters


class Large(nn.Module):
    """201.6 million parameters that take no memory."""

    def __init__(self, bare: bool) -> None:
        super().__init__()
        shape = (14_200, 14_200)
        self.layer = (
            nn.Linear(*shape, bias=False, device="meta") if not bare else nn.Linear(14_200, 1, device="meta")
        )
        self.bare = nn.Parameter(torch.empty(shape if bare else (1,), device="meta"))
        self.provenance = {
            "sound": {"tag": "large", "source": "random", "path": None, "sha256": None, "proof": None}
        }

    def forward(self, **_: object) -> Tensor:
        return self.layer(torch.empty(1, 14_200, device="meta")).sum(1)


def test_201_million_parameters_are_refused_by_either_count() -> None:
    chosen = settings()
    audit = rules.audit(Large(bare=False), chosen)
    assert broken(audit.findings) == ["parameters", "parameters by thop"]
    with pytest.raises(InputError, match=r"forbid this run: parameters: 201,640,001 of at most 200,000,000"):
        rules.enforce(audit, chosen)
    hidden = rules.audit(Large(bare=True), chosen)
    assert broken(hidden.findings) == ["parameters"]
    assert not hidden.passed


def test_a_real_model_of_more_than_200_million_is_refused() -> None:
    chosen = settings(name="frame_cnn", picture_backbone="vit_large_patch16_224")
    with torch.device("meta"):
        model = build(chosen)
    audit = rules.audit(model, chosen)
    assert audit.parameters > 300_000_000
    assert not audit.passed


def test_a_forbidden_tag_stops_the_run_before_anything_is_built() -> None:
    chosen = settings(name="frame_cnn", picture_backbone="convnext_tiny.fb_in22k_ft_in1k", pretrained=True)
    with pytest.raises(
        InputError, match=r"picture weights: convnext_tiny.fb_in22k_ft_in1k \(hub\): it has seen ImageNet-21K"
    ):
        rules.enforce_settings(chosen)
    rules.enforce_settings(settings(name="frame_cnn", picture_backbone="convnext_tiny.fb_in22k_ft_in1k"))
    # The weights of a tower that the model does not have are not checked.
    rules.enforce_settings(settings(picture_backbone="convnext_tiny.fb_in22k_ft_in1k", pretrained=True))


def test_a_name_without_tag_is_checked_by_the_tag_that_timm_would_load() -> None:
    findings = rules.check_settings(settings(sound_backbone="vit_tiny_patch16_224", pretrained=True))
    assert broken(findings) == ["sound weights"]
    assert findings[-1].detail.startswith("vit_tiny_patch16_224.augreg_in21k_ft_in1k (hub)")
    assert broken(rules.check_settings(settings(sound_backbone="resnet18", pretrained=True))) == []


def test_the_override_lets_the_run_go_on_and_marks_its_audit_as_failed() -> None:
    chosen = settings(rules_competition=False, sound_backbone="vit_tiny_patch16_224", pretrained=True)
    rules.enforce_settings(chosen)
    audit = rules.audit(build(settings(rules_competition=False)), settings(rules_competition=False))
    rules.enforce(audit, chosen)
    assert broken(audit.findings) == ["competition"]
    assert not audit.passed


def test_a_higher_limit_is_not_the_competitions() -> None:
    with pytest.raises(
        InputError,
        match=r"limit: rules.max_parameters is 300,000,000; the competition's limit is 200,000,000",
    ):
        rules.enforce_settings(settings(rules_max_parameters=300_000_000))
    low = settings(rules_max_parameters=1000)
    assert broken(rules.audit(build(low), low).findings) == ["parameters", "parameters by thop"]


def test_a_checkpoint_of_unknown_first_weights_fails() -> None:
    chosen = settings()
    model = models.build(chosen.model, chosen.mel, chosen.clip, initialise=False)
    assert broken(rules.audit(model, chosen).findings) == ["sound weights"]
    model.provenance = {
        "sound": {
            "tag": "resnet18.a1_in1k",
            "source": "hub",
            "path": "x",
            "sha256": "0",
            "proof": "publisher",
        }
    }
    assert rules.audit(model, chosen).passed
    model.provenance["sound"]["tag"] = "resnet18.fb_swsl_ig1b_ft_in1k"
    assert broken(rules.audit(model, chosen).findings) == ["sound weights"]


def test_settings_that_the_backbone_cannot_use_give_a_clear_error() -> None:
    chosen = settings(name="frame_cnn", picture_backbone="efficientformer_l1")
    with pytest.raises(
        InputError, match=r"model frame_cnn cannot read a clip of these settings .* clip.image_size, now 64"
    ):
        rules.audit(build(chosen), chosen)


def test_audit_json_is_read_back_and_equal_audits_are_equal_bytes(tmp_path: Path) -> None:
    chosen = settings(name="audiovisual")
    audit = rules.audit(build(chosen), chosen)
    for name in ("audit.json", "again.json"):
        audit_record.write(audit, tmp_path / name)
    assert audit_record.read(tmp_path / "audit.json") == audit
    assert (tmp_path / "audit.json").read_bytes() == (tmp_path / "again.json").read_bytes()
    tree = json.loads((tmp_path / "audit.json").read_text())
    assert list(tree) == sorted(tree)
    assert tree["passed"] is True
    assert tree["provenance"]["picture"]["source"] == "random"
    assert audit_record.one_line(audit).startswith("audit passed: audiovisual, ")


def test_a_finding_that_is_not_known_stops_no_run_and_passes_no_audit() -> None:
    chosen = settings()
    audit = rules.audit(build(chosen), chosen)
    more = audit.having([audit_record.Finding("files read", None, rules.NOT_YET)])
    assert audit.passed is True and more.passed is None and more.findings[:-1] == audit.findings
    assert audit_record.one_line(more).startswith("audit passed so far: mel_cnn")
    rules.enforce(more, chosen)
    done = more.having([audit_record.Finding("files read", True, "2 videos")])
    assert done.passed is True and len(done.findings) == len(more.findings)
    failed = more.having([audit_record.Finding("parameters", False, "many")])
    assert audit_record.one_line(failed).startswith("audit FAILED (parameters): ")
    # A rule keeps its position in the list.
    assert [f.rule for f in failed.findings] == [f.rule for f in more.findings]
