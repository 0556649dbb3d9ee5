"""Studies of unseen kinds: what is held out, the tables by hand, and one study from end to end."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from programs import CONFIG

from telltale import config
from telltale.cli import main
from telltale.errors import InputError
from telltale.metrics.nested import nested_means, resampled_aucs
from telltale.study.unseen import Division, UnseenSpec, plain_settings, read_configs, tasks
from telltale.study.unseen_tables import pair_table, run_table, summary_table, with_keys

KINDS = ("face_resampled", "face_swap", "mouth_regenerated", "voice_resynthesised")


def spec(data: Path, count: int = 0, **more: object) -> UnseenSpec:
    configs = read_configs([Path(CONFIG)], [])
    return UnseenSpec(data, configs, Division("methods", "kind", count), (1, 2), **more)  # type: ignore[arg-type]


def test_a_fold_for_each_method_holds_out_its_forgeries_and_persons(tiny: Path) -> None:
    asked = spec(tiny)
    kinds = dict(zip(asked.clips["video_name"], asked.clips["kind"], strict=True))
    persons = dict(zip(asked.clips["video_name"], asked.clips["identity"], strict=True))
    assert tuple(sorted(asked.folds)) == KINDS
    held_genuine = []
    for kind, splits in asked.folds.items():
        assert splits.unseen is not None
        forged = [row.video_name for row in splits.unseen.rows if row.target == 1]
        assert {kinds[name] for name in forged} == {kind}
        for part in (splits.train, splits.validation):
            assert kind not in {kinds[row.video_name] for row in part.rows}
        genuine = {persons[row.video_name] for row in splits.unseen.rows if row.target == 0}
        assert not genuine & {persons[row.video_name] for row in splits.train.rows if row.target == 0}
        held_genuine += [row.video_name for row in splits.unseen.rows if row.target == 0]
    trained = asked.clips[asked.clips["split"] == "train"]
    assert sorted(held_genuine) == sorted(trained.loc[trained["target"] == 0, "video_name"])
    assert len(tasks(asked)) == 4 * 2
    assert {task.settings.seed for task in tasks(asked)} == {1, 2}


def test_pooled_clips_are_divided_into_three_without_a_person_in_two(clips: Path, source: str) -> None:
    column = "kind" if source == "drawn" else "method"
    asked = UnseenSpec(clips, {}, Division("methods", column, 2), (1,), pool=True)
    persons = dict(zip(asked.clips["video_name"], asked.clips["identity"], strict=True))
    for splits in asked.folds.values():
        assert splits.unseen is not None
        parts = [{row.video_name for row in part.rows} for part in splits.manifests]
        assert sum(map(len, parts)) == len(set.union(*parts)) <= len(asked.clips)
        train, validation = ({persons[name] for name in part} for part in parts[:2])
        assert not train & validation


def test_what_cannot_be_divided_is_refused(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="9 folds of 4 kinds of forgery in training"):
        _ = spec(tiny, 9).folds
    with pytest.raises(InputError, match="have a column 'colour'"):
        _ = spec(tiny, only=("colour", "red")).clips
    with pytest.raises(InputError, match="no clip of .* has this value"):
        _ = spec(tiny, only=("kind", "red")).clips
    other = tmp_path / Path(CONFIG).name
    shutil.copy(CONFIG, other)
    with pytest.raises(InputError, match="two have one name"):
        read_configs([Path(CONFIG), other], [])


def test_the_epoch_is_chosen_by_what_is_not_held_out() -> None:
    for given, kept in (
        ("unseen", "validation"),
        ("both", "validation"),
        ("last", "last"),
        ("pseudo", "pseudo"),
    ):
        folds = ["folds.by=methods", "folds.fold=1"] if given in ("unseen", "both") else []
        # Only detectors that learn from pseudo-forgeries can be chosen by them.
        path = Path("flagship_small") if given == "pseudo" else Path(CONFIG)
        settings = config.read(path, [*folds, f"optim.select={given}"])
        own = plain_settings(settings, 7)
        assert (own.optim.select, own.folds.by, own.seed) == (kept, "none", 7)


def scores_of(name: str, fold: str, seed: int, forged: list[float], genuine: list[float]) -> pd.DataFrame:
    values = [*forged, *genuine]
    columns = {
        "task": f"{name}/{fold}/seed{seed}",
        "set": "unseen",
        "video_name": [f"{number}.mp4" for number in range(len(values))],
        "target": [1] * len(forged) + [0] * len(genuine),
        "fake_probability": values,
        "status": ["damaged" if np.isnan(value) else "ok" for value in values],
    }
    return pd.DataFrame(columns)


def test_tables_by_hand() -> None:
    nan = float("nan")
    parts = [
        scores_of("a", "x", 1, [0.9, 0.8], [0.1, 0.2]),  # AUC 1
        scores_of("a", "x", 2, [0.9, 0.15], [0.1, 0.2]),  # 3 of 4 pairs
        scores_of("a", "y", 1, [0.3, 0.3, nan], [0.3, 0.3]),  # ties: 1/2
        scores_of("a", "y", 2, [0.1, 0.1], [0.3, 0.3]),  # 0
        *(scores_of("b", fold, seed, [0.9, 0.9], [0.1, 0.1]) for fold in "xy" for seed in (1, 2)),
    ]
    scores = with_keys(pd.concat(parts, ignore_index=True))
    runs = run_table(scores)
    assert runs["unseen_auc"].tolist() == [1.0, 0.75, 0.5, 0.0, 1.0, 1.0, 1.0, 1.0]
    assert runs["unscored"].tolist() == [0, 0, 1, 0, 0, 0, 0, 0]
    assert runs["validation_auc"].isna().all()
    first, second = summary_table(scores, runs, 200).to_dict("records")
    assert first["unseen_auc"] == pytest.approx((0.875 + 0.25) / 2)
    assert (first["worst_fold"], first["worst_auc"], first["unscored"]) == ("y", 0.25, 1)
    assert first["sd_seeds"] == pytest.approx(np.std([0.75, 0.375], ddof=1))
    assert first["sd_folds"] == pytest.approx(np.std([0.875, 0.25], ddof=1))
    assert first["low"] < first["unseen_auc"] < first["high"]
    assert (second["unseen_auc"], second["low"], second["high"]) == (1.0, 1.0, 1.0)
    (pair,) = pair_table(scores, 200).to_dict("records")
    assert pair["difference"] == pytest.approx(first["unseen_auc"] - 1)
    assert pair["low"] < pair["difference"] < pair["high"] <= 0
    assert 0.02 < pair["p"] < 0.5  # two folds prove little: one of four draws has fold x alone
    same = scores[scores["config"] == "b"].assign(config="c")
    (pair,) = pair_table(pd.concat([scores[scores["config"] == "b"], same]), 200).to_dict("records")
    assert (pair["difference"], pair["p"]) == (0.0, 1.0)


def test_a_run_without_an_auc_gives_no_mean_no_interval_and_no_p() -> None:
    nan = float("nan")
    parts = [scores_of(name, fold, 1, [0.9, 0.8], [0.1, 0.2]) for name in "ab" for fold in "xy"]
    parts[1] = scores_of("a", "y", 1, [nan, nan], [0.1, 0.2])
    scores = with_keys(pd.concat(parts, ignore_index=True))
    first, second = summary_table(scores, run_table(scores), 50).to_dict("records")
    assert all(np.isnan(first[key]) for key in ("unseen_auc", "low", "high", "worst_auc", "sd_folds"))
    assert (first["worst_fold"], first["unscored"], second["unseen_auc"]) == ("", 2, 1.0)
    (pair,) = pair_table(scores, 50).to_dict("records")
    assert all(np.isnan(pair[key]) for key in ("difference", "low", "high", "p"))
    parts[1] = scores_of("a", "y", 1, [nan, nan], [nan, nan])  # a run that failed
    (pair,) = pair_table(with_keys(pd.concat(parts, ignore_index=True)), 50).to_dict("records")
    assert all(np.isnan(pair[key]) for key in ("difference", "low", "high", "p"))


def test_the_nested_interval_covers_the_spread_over_groups() -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat([0.6, 0.7, 0.8, 0.9], 50).reshape(4, 1, 50)  # nothing varies but the groups
    drawn = nested_means(np.broadcast_to(groups, (4, 3, 50)), seed=0)
    assert drawn.mean() == pytest.approx(0.75, abs=0.03)
    exact = np.std([0.6, 0.7, 0.8, 0.9]) / 2  # of the mean of four draws with replacement
    assert drawn.std() == pytest.approx(exact, rel=0.35)
    targets, values = np.repeat([0, 1], 40), rng.random(80)
    one, same = (resampled_aucs(targets, values, resamples=20, seed=3) for _ in range(2))
    assert np.array_equal(one, same) and one.std() > 0


def test_a_study_from_end_to_end(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["study", "unseen", "--config", CONFIG, "--data", str(tiny), "--out", str(tmp_path / "out")]
    command += ["--by", "methods", "--column", "kind", "--folds", "2", "--seeds", "1", "--resamples", "50"]
    command += [
        "--set",
        "optim.epochs=1",
        "--set",
        "model.name=meso4",
        "--set",
        "model.picture_backbone=null",
    ]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "fold0 holds out" in printed and "tested on 3 genuine and" in printed and "worst_fold" in printed
    runs = pd.read_csv(tmp_path / "out/runs.csv")
    assert runs["fold"].tolist() == ["fold0", "fold1"]
    assert runs["unseen_auc"].between(0, 1).all() and runs["validation_auc"].between(0, 1).all()
    page = (tmp_path / "out/index.html").read_text()
    assert "unseen.png" in page and (tmp_path / "out/unseen.png").stat().st_size > 5000
    assert main([*command, "--seeds", "1", "2"]) == 2
    assert "was begun with seeds=[1], now it is [1, 2]" in capsys.readouterr().err
