"""evaluation.of_files: one tree for one model, a table and comparisons for several, thresholds from other
clips, groups."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from telltale import metrics
from telltale.errors import InputError
from telltale.evaluate import evaluation, scored_clips
from telltale.metrics import decisions
from telltale.scores.score import Score, write_scores, write_submission

QUICK = evaluation.Options(resamples=20)
N = 120
TARGETS = np.arange(N) % 2


def scores_of(strength: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.round(1 / (1 + np.exp(-rng.normal(strength * (2 * TARGETS - 1)))), 2)


@pytest.fixture
def world(tmp_path: Path) -> Path:
    (tmp_path / "labels.csv").write_text(
        "video_name,target\n" + "".join(f"{row}.mp4,{t}\n" for row, t in enumerate(TARGETS))
    )
    (tmp_path / "other.csv").write_text(
        "video_name,target\n" + "".join(f"v{row}.mp4,{t}\n" for row, t in enumerate(TARGETS))
    )
    for seed, strength in enumerate((0.5, 1.0, 1.5)):
        for name, prefix, shift in (("scores.csv", "", 0), ("validation.csv", "v", 10)):
            values = scores_of(strength, seed + shift).tolist()
            rows = [
                Score(f"{prefix}{row}.mp4", value, "partial" if row % 3 else "ok", 1.0)
                for row, value in enumerate(values)
            ]
            write_scores(tmp_path / f"seed{seed}" / name, rows)
    return tmp_path


def of(
    world: Path, *seeds: int, options: evaluation.Options = QUICK, **more: object
) -> evaluation.Evaluation:
    return evaluation.of_files(
        world / "labels.csv", [world / f"seed{seed}/scores.csv" for seed in seeds], options, **more
    )


def test_options_go_through_json_and_refuse_nonsense() -> None:
    options = evaluation.Options(resamples=7, intervals="delong", threshold=0.25)
    assert evaluation.Options(**json.loads(json.dumps(dataclasses.asdict(options)))) == options
    for wrong, said in (
        ({"resamples": 0}, "0 bootstrap resamples"),
        ({"seed": -1}, "seed -1"),
        ({"intervals": "normal"}, "wanted bootstrap or delong"),
        ({"threshold": 1.5}, "threshold 1.5"),
        ({"threshold": float("nan")}, "threshold nan"),
        ({"choose": "best"}, "rule 'best'"),
    ):
        with pytest.raises(InputError, match=said):
            evaluation.Options(**wrong)


def test_one_file_is_the_summary_with_the_names_of_its_files(world: Path) -> None:
    found = of(world, 1).found
    values = scores_of(1.0, 1)
    expected = metrics.summary(TARGETS, values, metrics.bootstrap(TARGETS, values, resamples=20, seed=0))
    for key in (
        "auc",
        "tpr_at_fpr",
        "partial_auc",
        "fpr_at_tpr",
        "ap",
        "eer",
        "log_loss",
        "brier",
        "calibration",
        "bootstrap",
    ):
        assert found[key] == expected[key], key
    assert (found["labels"], found["scores"], found["n_left_out"]) == ("labels.csv", "scores.csv", 0)
    assert (found["decision"]["threshold"], found["decision"]["chosen"]) == (0.5, {"how": "default"})
    assert "by default: none was stated" in of(world, 1).text()
    json.dumps(found, allow_nan=False)


def test_several_files_have_a_mean_and_a_deviation_and_are_compared_with_the_first(world: Path) -> None:
    evaluated = of(world, 0, 1, 2)
    found = evaluated.found
    assert [tree["name"] for tree in found["models"]] == ["seed0", "seed1", "seed2"]
    aucs = [
        roc_auc_score(TARGETS, scores_of(strength, seed)) for seed, strength in enumerate((0.5, 1.0, 1.5))
    ]
    assert [tree["auc"]["value"] for tree in found["models"]] == aucs
    assert found["spread"]["auc"] == {
        "mean": pytest.approx(np.mean(aucs)),
        "sd": pytest.approx(np.std(aucs, ddof=1)),
    }
    tprs = [tree["tpr_at_fpr"]["0.01"]["value"] for tree in found["models"]]
    assert found["spread"]["tpr_at_fpr"]["0.01"]["sd"] == pytest.approx(np.std(tprs, ddof=1))
    assert found["spread"]["decision"]["fpr"]["mean"] == pytest.approx(
        np.mean([t["decision"]["fpr"]["value"] for t in found["models"]])
    )
    assert [(each["first"], each["second"]) for each in found["comparisons"]] == [
        ("seed0", "seed1"),
        ("seed0", "seed2"),
    ]
    last = found["comparisons"][1]
    assert last["auc"]["difference"] == pytest.approx(aucs[2] - aucs[0])
    assert last["auc"]["p"] < 0.01
    drawn = [
        metrics.bootstrap(TARGETS, scores_of(strength, seed), resamples=20, seed=0)
        for seed, strength in ((0, 0.5), (2, 1.5))
    ]
    differences = drawn[1].auc - drawn[0].auc
    assert last["bootstrap"]["auc"] == pytest.approx(metrics.with_interval(aucs[2] - aucs[0], differences))
    differences = drawn[1].tpr[:, 0] - drawn[0].tpr[:, 0]
    assert last["bootstrap"]["tpr_at_fpr"]["0.01"] == pytest.approx(
        metrics.with_interval(tprs[2] - tprs[0], differences)
    )
    printed = evaluated.text()
    for said in ("seed2 less seed0", "AUC, DeLong", "mean", "sd", f"p {last['auc']['p']:.3g}"):
        assert said in printed


def test_names_are_the_shortest_parts_that_tell_files_apart(tmp_path: Path) -> None:
    def names(*paths: str) -> list[str]:
        return scored_clips.distinct_names([tmp_path / path for path in paths])

    assert names("runs/a/scores.csv") == ["scores.csv"]
    assert names("runs/a/scores.csv", "runs/b/scores.csv") == ["a", "b"]
    assert names("runs/a/one.csv", "runs/b/two.csv") == ["one.csv", "two.csv"]
    assert names("x/1/scores.csv", "y/1/scores.csv") == ["x", "y"]
    assert names("x/1/s.csv", "x/2/s.csv", "y/1/s.csv") == ["x/1", "x/2", "y/1"]
    with pytest.raises(InputError, match="given twice"):
        names("runs/a/scores.csv", "runs/b/../a/scores.csv")
    with pytest.raises(InputError, match="no score files"):
        names()


def test_several_files_are_judged_on_the_clips_that_all_of_them_scored(world: Path) -> None:
    for seed, lost in ((0, "4.mp4"), (1, "7.mp4")):
        path = world / f"seed{seed}" / "scores.csv"
        text = path.read_text().splitlines()
        path.write_text(
            "\n".join(f"{lost},,damaged," if line.startswith(f"{lost},") else line for line in text) + "\n"
        )
    with pytest.raises(InputError, match=r"seed0/scores.csv: no fake probability in 1 of 120"):
        of(world, 0, 1)
    found = of(world, 0, 1, options=dataclasses.replace(QUICK, scored_only=True)).found
    assert (found["n_left_out"], found["n_genuine"], found["n_forged"]) == (2, 59, 59)
    assert found["models"][0]["auc"]["value"] == roc_auc_score(
        np.delete(TARGETS, [4, 7]), np.delete(scores_of(0.5, 0), [4, 7])
    )


def test_delong_intervals_are_asked_for_by_name(world: Path) -> None:
    found = of(world, 1, options=dataclasses.replace(QUICK, intervals="delong")).found
    assert found["auc"] == metrics.delong.interval(TARGETS, scores_of(1.0, 1))
    assert found["ap"] == of(world, 1).found["ap"]
    assert "DeLong" in found["definitions"]["low, high"]
    assert "DeLong" not in metrics.DEFINITIONS["low, high"]


@pytest.mark.parametrize("rule", ["fpr=0.1", "eer", "youden", "f1"])
def test_a_threshold_is_chosen_on_other_clips(world: Path, rule: str) -> None:
    options = dataclasses.replace(QUICK, choose=rule)
    more = {"choose_on": [world / "seed1/validation.csv"], "choose_labels": world / "other.csv"}
    evaluated = of(world, 1, options=options, **more)
    decision = evaluated.found["decision"]
    threshold = decisions.choose(TARGETS, scores_of(1.0, 11), rule)
    assert decision["threshold"] == threshold
    assert decision["chosen"] == {
        "how": rule,
        "scores": "validation.csv",
        "labels": "other.csv",
        "n_genuine": 60,
        "n_forged": 60,
    }
    assert decision["tp"] == int(((scores_of(1.0, 1) >= threshold) & (TARGETS == 1)).sum())
    assert f"chosen by {rule} on 60 genuine and 60 forged clips of validation.csv" in evaluated.text()


def test_a_threshold_is_never_chosen_on_the_clips_that_are_judged(world: Path) -> None:
    with pytest.raises(InputError, match=r"120 of its videos are among those judged, such as '0.mp4'"):
        of(world, 1, choose_on=[world / "seed2/scores.csv"], choose_labels=world / "labels.csv")
    (world / "mixed.csv").write_text((world / "other.csv").read_text() + "8.mp4,0\n")
    with (world / "seed1/validation.csv").open("a") as file:
        file.write("8.mp4,0.5,ok,1.0\n")
    with pytest.raises(InputError, match=r"1 of its videos are among those judged, such as '8.mp4'"):
        of(world, 1, choose_on=[world / "seed1/validation.csv"], choose_labels=world / "mixed.csv")


def test_half_of_what_choosing_needs_is_refused(world: Path) -> None:
    validation = [world / "seed1/validation.csv"]
    for more, said in (
        ({"choose_on": validation}, "without their labels"),
        ({"choose_labels": world / "other.csv"}, "0 score files to choose"),
        (
            {
                "choose_on": [*validation, world / "seed2/validation.csv"],
                "choose_labels": world / "other.csv",
            },
            "2 score files",
        ),
    ):
        with pytest.raises(InputError, match=said):
            of(world, 1, **more)
    with pytest.raises(InputError, match=r"threshold 0.3 and scores to choose one on"):
        of(
            world,
            1,
            options=dataclasses.replace(QUICK, threshold=0.3),
            choose_on=validation,
            choose_labels=world / "other.csv",
        )


def test_groups_of_two_columns_and_statuses(world: Path) -> None:
    rows = [
        f"{row}.mp4,{('lips', 'swap')[row % 4 // 2] if t else 'genuine'},p{row % 3}\n"
        for row, t in enumerate(TARGETS)
    ]
    (world / "meta.csv").write_text("video_name,kind,identity\n" + "".join(rows))
    groups = [f"{world / 'meta.csv'}:{column}" for column in ("kind", "identity")]
    evaluated = of(world, 1, groups=groups, by_status=True)
    found, values = evaluated.found, scores_of(1.0, 1)
    assert list(found["groupings"]) == ["kind", "identity", "status"]
    assert list(found["groups"]) == ["lips", "swap"]
    genuine = found["groupings"]["kind"]["genuine"]
    assert (genuine["value"], genuine["n_genuine"], genuine["fpr"]) == (
        None,
        60,
        found["decision"]["fpr"]["value"],
    )
    for place in range(3):
        own = np.arange(N) % 3 == place
        entry = found["groupings"]["identity"][f"p{place}"]
        rows_of = own | (TARGETS == 0)
        keep = rows_of & ~((TARGETS == 1) & ~own)
        assert entry["value"] == pytest.approx(roc_auc_score(TARGETS[keep], values[keep]))
        assert entry["tpr"] == (values[own & (TARGETS == 1)] >= 0.5).mean()
        assert entry["fpr"] == (values[own & (TARGETS == 0)] >= 0.5).mean()
    assert {status: entry["n_forged"] for status, entry in found["groupings"]["status"].items()} == {
        "ok": 20,
        "partial": 40,
    }
    assert "by identity" in evaluated.text()
    with pytest.raises(InputError, match="two groupings called 'kind'"):
        of(world, 1, groups=[groups[0], groups[0]])


def test_a_submission_has_no_statuses(world: Path) -> None:
    rows = [Score(f"{row}.mp4", 0.5, "ok", 1.0) for row in range(N)]
    write_submission(world / "submission.csv", rows, None)
    with pytest.raises(InputError, match="no statuses"):
        evaluation.of_files(world / "labels.csv", [world / "submission.csv"], QUICK, by_status=True)


def test_nothing_flagged_is_said_and_written(world: Path) -> None:
    """A constant score below the threshold: no precision anywhere, no 0 / 0, and every figure still draws."""
    rows = [Score(f"{row}.mp4", 0.2, "ok", 1.0) for row in range(N)]
    write_scores(world / "flat.csv", rows)
    evaluated = evaluation.of_files(world / "labels.csv", [world / "flat.csv"], QUICK)
    decision = evaluated.found["decision"]
    assert (decision["tp"], decision["fp"], decision["macro_precision"]) == (0, 0, None)
    assert all(row["precision"] is None for row in decision["base_rates"])
    assert "nothing flagged" in evaluated.text()
    assert "base_rates.png" in evaluated.write(world / "out")


def test_writing_names_its_files_and_metrics_come_last(world: Path) -> None:
    one, two = of(world, 1), of(world, 0, 1)
    written = one.write(world / "one")
    assert written == [
        "roc.png",
        "det.png",
        "histogram.png",
        "reliability.png",
        "base_rates.png",
        "metrics.json",
    ]
    assert sorted(written) == sorted(path.name for path in (world / "one").iterdir())
    assert json.loads((world / "one/metrics.json").read_text()) == json.loads(json.dumps(one.found))
    written = two.write(world / "two")
    assert written[-2:] == ["comparison.png", "metrics.json"]
    assert {"seed0/roc.png", "seed1/base_rates.png"} < set(written)
    assert sorted(written) == sorted(
        path.relative_to(world / "two").as_posix() for path in (world / "two").rglob("*.*")
    )
    assert str(world) not in (world / "two/metrics.json").read_text()


def test_models_whose_names_would_share_a_folder_are_numbered() -> None:
    assert evaluation._folders(["a/b_c", "a_b/c"]) == [Path("1_a_b_c"), Path("2_a_b_c")]
    assert evaluation._folders(["seed 0", "../x"]) == [Path("seed_0"), Path(".._x")]


def test_a_perfect_model_has_no_delong_interval(world: Path) -> None:
    rows = [Score(f"{row}.mp4", 0.1 + 0.8 * t, "ok", 1.0) for row, t in enumerate(TARGETS.tolist())]
    write_scores(world / "perfect/scores.csv", rows)
    options = dataclasses.replace(QUICK, intervals="delong")
    evaluated = evaluation.of_files(
        world / "labels.csv", [world / "perfect/scores.csv", world / "seed1/scores.csv"], options
    )
    assert "1.0000  [no interval]" in evaluated.text()
    assert "comparison.png" in evaluated.write(world / "out")


def test_the_same_files_elsewhere_give_the_same_bytes(
    world: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("elsewhere")
    for name in ("labels.csv", "seed1/scores.csv"):
        (other / name).parent.mkdir(exist_ok=True)
        (other / name).write_bytes((world / name).read_bytes())
    for place in (world, other):
        of(place, 1).write(place / "out")
    for path in (world / "out").iterdir():
        assert path.read_bytes() == (other / "out" / path.name).read_bytes(), path.name
