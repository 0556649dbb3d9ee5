"""Comparing scores, trees, weights and golden clips: what counts as the same, and what is said where it is
not."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from telltale.cli.reproduce import begin, reported
from telltale.competition.audit_record import Finding
from telltale.errors import InputError
from telltale.models import checkpoint
from telltale.reproduce import golden, tiers
from telltale.reproduce.bundle import Bundle, ScoreSet, Spread
from telltale.reproduce.bundling import demand_below
from telltale.reproduce.compare import compare, same_weights, unequal
from telltale.reproduce.golden import Golden
from telltale.reproduce.spread import spread_of
from telltale.reproduce.tiers import retrained
from telltale.scores.score import Score

LABELS = {"a.mp4": 1, "b.mp4": 0, "c.mp4": 1, "d.mp4": 0}
BEFORE = {name: Score(name, value, "ok") for name, value in zip(LABELS, (0.9, 0.4, 0.3, 0.1), strict=True)}


def test_equal_scores_are_the_same_to_the_bit() -> None:
    moved = compare(BEFORE, dict(reversed(BEFORE.items())), LABELS)
    assert (moved.largest, moved.mean, moved.ranks, moved.statuses) == (0, 0, 0, ())
    assert moved.auc_before == moved.auc_now == 0.75
    assert moved.sentence(1e-4) == "4 clips, the same to the bit"


def test_moved_scores_are_measured_by_hand() -> None:
    now = {**BEFORE, "c.mp4": Score("c.mp4", 0.5, "ok")}  # 0.3 → 0.5 overtakes b's 0.4
    moved = compare(BEFORE, now, LABELS)
    assert moved.largest == pytest.approx(0.2)
    assert moved.mean == pytest.approx(0.05)
    assert moved.ranks == 2
    assert (moved.auc_before, moved.auc_now) == (0.75, 1.0)
    assert "2 change their rank" in moved.sentence(1e-4)


def test_a_status_is_never_compared_as_a_number() -> None:
    now = {**BEFORE, "c.mp4": Score("c.mp4", None, "damaged")}
    moved = compare(BEFORE, now, LABELS)
    assert moved.largest == 0
    assert moved.statuses == ("c.mp4: ok there, damaged here",)
    with pytest.raises(InputError, match=r"'c\.mp4'"):
        compare(BEFORE, {name: score for name, score in BEFORE.items() if name != "c.mp4"}, LABELS)


def test_one_class_has_no_auc_and_so_passes_nothing() -> None:
    moved = compare(BEFORE, BEFORE, dict.fromkeys(LABELS, 1))
    assert math.isnan(moved.auc_before)


def test_trees_may_differ_by_the_tolerance_of_their_numbers_only() -> None:
    before = {"auc": {"value": 0.5, "n": 10}, "list": [1.0, None, "x", True]}
    assert (
        list(unequal(before, {"auc": {"value": 0.5 + 1e-12, "n": 10}, "list": [1.0, None, "x", True]}, 1e-9))
        == []
    )
    now = {"auc": {"value": 0.51, "more": 1}, "list": [1.0, 0, "y", 1]}
    assert list(unequal(before, now, 1e-9)) == [
        "auc.value: 0.5 there, 0.51 here",
        "auc.n: 10 there, nothing here",
        "list.1: None there, 0 here",
        "list.2: x there, y here",
        "auc.more: nothing there, 1 here",
    ]


def test_weights_are_compared_to_the_bit() -> None:
    one = {"w": torch.tensor([1.0, 2.0]), "n": torch.tensor(3)}
    assert same_weights(one, {"w": torch.tensor([1.0, 2.0]), "n": torch.tensor(3)}) == (
        True,
        "the same to the bit",
    )
    equal, said = same_weights(one, {"w": torch.tensor([1.0, 2.5]), "n": torch.tensor(3)})
    assert not equal and said == "other in 1 of 2 tensors, by 0.5 at most"
    assert same_weights(one, {"w": torch.tensor([1.0])})[0] is False
    nan = {"w": torch.tensor([float("nan")])}
    assert same_weights(nan, nan)[0] is False


def test_another_training_passes_only_within_the_measured_spread(tmp_path: Path) -> None:
    def save(name: str, weight: float, auc: float) -> Path:
        path = tmp_path / name / "run" / "best.pt"
        path.parent.mkdir(parents=True)
        checkpoint.save(path, {"model": {"w": torch.tensor([weight])}, "metrics": {"auc": auc}})
        return path

    save("bundle", 1.0, 0.9)
    same, near, far = save("same", 1.0, 0.9), save("near", 2.0, 0.88), save("far", 2.0, 0.6)
    spread = Spread((1, 2, 3), (0.9, 0.88, 0.92), 0.85, 0.95)
    fields = dict.fromkeys(Bundle.__dataclass_fields__)
    alone = Bundle(**{**fields, "folder": tmp_path / "bundle"})  # type: ignore[arg-type]
    (finding,) = retrained(alone, same)
    assert finding.passed and "the same to the bit" in finding.detail
    (finding,) = retrained(alone, near)
    assert not finding.passed and "no spread over seeds" in finding.detail
    measured = replace(alone, spread=spread)
    (finding,) = retrained(measured, near)
    assert finding.passed and "within [0.8500, 0.9500]" in finding.detail
    (finding,) = retrained(measured, far)
    assert not finding.passed and "outside" in finding.detail


def test_golden_crops_and_mouths_are_stages_of_models_that_read_them() -> None:
    read = replace(CLIP, crop_sha256="c1", crop_means=[90.0], mouth_sha256="o1", mouth_means=[80.0])
    plain = [finding.rule for finding in golden.compare([CLIP], [CLIP], tolerance=1e-4)]
    both = golden.compare([read], [read], tolerance=1e-4)
    assert [f.rule for f in both if f.rule not in plain] == ["golden crops", "golden mouths"]
    assert all(finding.passed for finding in both)
    moved = golden.compare([read], [replace(read, mouth_sha256="o2", mouth_means=[83.0])], tolerance=1e-4)
    assert [finding.rule for finding in moved if not finding.passed] == ["golden mouths"]
    assert not all(finding.passed for finding in golden.compare([read], [CLIP], tolerance=1e-4))


CLIP = Golden("a.mp4", "f1", "ok", "p1", [100.0, 101.0], "m1", [-20.0, -30.0], 1.5)


@pytest.mark.parametrize(
    ("change", "failing"),
    [
        ({"sha256": "f2"}, "golden clips"),
        ({"status": "damaged"}, "golden statuses"),
        ({"picture_sha256": "p2", "picture_means": [100.0, 102.0]}, "golden pictures"),
        ({"picture_sha256": "p2", "picture_means": [100.0]}, "golden pictures"),
        ({"mel_sha256": "m2", "mel_means": [-20.0, -29.0]}, "golden mel images"),
        ({"mel_sha256": "m2", "mel_means": [-20.0, float("nan")]}, "golden mel images"),
        ({"logit": 1.6}, "golden scores"),
        ({"logit": None}, "golden scores"),
    ],
)
def test_a_golden_clip_names_the_stage_that_differs(change: dict, failing: str) -> None:
    findings = golden.compare([CLIP], [replace(CLIP, **change)], tolerance=1e-4)
    assert [finding.rule for finding in findings if not finding.passed] == [failing]


def test_golden_clips_may_differ_in_last_bits() -> None:
    other = {"picture_sha256": "p2", "mel_sha256": "m2", "mel_means": [-20.0, -30.001], "logit": 1.5 + 1e-6}
    findings = golden.compare([CLIP], [replace(CLIP, **other)], tolerance=1e-4)
    assert all(finding.passed for finding in findings)
    assert "0.001 dB" in findings[3].detail
    assert "other bits" in findings[4].detail
    assert not golden.compare([CLIP], [], tolerance=1e-4)[0].passed


def test_golden_scores_come_back_as_written(tmp_path: Path) -> None:
    golden.write(tmp_path / "golden.json", [CLIP])
    assert golden.read(tmp_path / "golden.json") == [CLIP]
    (tmp_path / "golden.json").write_text('[{"video_name": 1}]')
    with pytest.raises(InputError, match="no golden scores"):
        golden.read(tmp_path / "golden.json")
    (tmp_path / "golden.json").write_text("[]")
    with pytest.raises(InputError, match="no golden score;"):
        golden.read(tmp_path / "golden.json")


def checkpoint_of(folder: Path, seed: int, auc: float, rate: float = 1e-3, data: str = "d" * 16) -> Path:
    folder.mkdir()
    config = {"seed": seed, "optim": {"rate": rate}, "data": {"workers": seed}}
    checkpoint.save(
        folder / "best.pt", {"config": config, "data": data, "metrics": {"auc": auc}, "model": {}}
    )
    return folder


def test_the_spread_over_seeds_is_students_prediction_interval(tmp_path: Path) -> None:
    runs = [checkpoint_of(tmp_path / str(seed), seed, auc) for seed, auc in ((1, 0.80), (2, 0.82), (3, 0.84))]
    spread = spread_of(runs[0], runs[1:])
    assert spread is not None
    # By hand: s = 0.02, t(0.975, 2) = 4.302653, and 4.302653 * 0.02 * sqrt(1 + 1/3) = 0.099366.
    assert (spread.low, spread.high) == (
        pytest.approx(0.82 - 0.099366, abs=1e-6),
        pytest.approx(0.82 + 0.099366, abs=1e-6),
    )
    assert spread.seeds == (1, 2, 3)
    wide = spread_of(runs[0], [checkpoint_of(tmp_path / "wide", 4, 0.99)])
    assert wide is not None and (wide.low, wide.high) == (0, 1)
    assert spread_of(runs[0], []) is None
    with pytest.raises(InputError, match=r"optim\.rate"):
        spread_of(runs[0], [checkpoint_of(tmp_path / "rate", 4, 0.9, rate=1e-2)])
    with pytest.raises(InputError, match="a seed of its own"):
        spread_of(runs[0], [checkpoint_of(tmp_path / "seed", 1, 0.9)])
    with pytest.raises(InputError, match="other data"):
        spread_of(runs[0], [checkpoint_of(tmp_path / "data", 4, 0.9, data="e" * 16)])
    equal = [checkpoint_of(tmp_path / f"equal{seed}", seed, 0.1) for seed in (5, 6, 7)]
    point = spread_of(equal[0], equal[1:])
    assert point is not None and (point.low, point.high) == (0.1, 0.1)  # though 0.1 + 0.1 + 0.1 is not 0.3


def test_a_bundles_data_lie_in_one_folder(tmp_path: Path) -> None:
    demand_below(tmp_path, [tmp_path / "train" / "a.mp4"])
    with pytest.raises(InputError, match=r"^/elsewhere/b\.mp4: does not lie below"):
        demand_below(tmp_path, [tmp_path / "a.mp4", Path("/elsewhere/b.mp4")])


def test_what_cannot_be_read_in_a_tier_is_a_finding_after_those_before_it() -> None:
    def steps() -> Iterator[Finding]:
        yield Finding("data files", True, "all")
        raise InputError("labels.csv:3: a blank line")

    assert list(reported("train", steps())) == [
        Finding("data files", True, "all"),
        Finding("train", False, "labels.csv:3: a blank line"),
    ]


def test_a_folder_for_results_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    assert begin(tmp_path / "deep" / "out") is True
    (tmp_path / "deep" / "out" / "reproduction.json").touch()
    assert begin(tmp_path / "deep" / "out") is False
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        begin(tmp_path / "file" / "out")


def test_scores_are_made_again_however_few_there_were(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    typed: list[list[str]] = []
    monkeypatch.setattr(tiers, "run", lambda words: typed.append([str(word) for word in words]) or 1)
    bundle: Any = SimpleNamespace(labels=lambda name: tmp_path / name)
    one = ScoreSet("test", "test", ("predict.spans=3",), {})
    (finding,) = tiers.rescored(bundle, one, tmp_path / "best.pt", tmp_path, tmp_path)
    assert finding.passed is False
    assert "--allow-unread" in typed[0] and typed[0][-2:] == ["--set", "predict.spans=3"]
