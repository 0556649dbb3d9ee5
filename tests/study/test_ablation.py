"""Ablations: what is taken out, what seen and unseen clips are, tables by hand, and one from end to end."""

from argparse import Namespace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from programs import CONFIG

from telltale import config
from telltale.cli import main
from telltale.errors import InputError
from telltale.study import ablation_ingredients as parts
from telltale.study import runs, task_run
from telltale.study.ablation import AblationSpec, tasks, unseen_by
from telltale.study.ablation_ingredients import Ingredient
from telltale.study.ablation_tables import gain_table, run_table
from telltale.study.unseen import Division
from telltale.study.unseen_tables import with_keys
from telltale.train.losses import NonFiniteLoss

SETTINGS = config.read(Path(CONFIG))
NEW = {"whole_face_reenacted", "sound_shifted", "sound_replaced", "voice_converted"}


def test_an_ingredient_is_read_from_the_command_line() -> None:
    assert parts.read_off("flip=augment.flip_p=0") == Ingredient("flip", ("augment.flip_p=0",))
    both = parts.read_off("kinds=pseudo.kinds=[a,b],optim.ema_decay=0")
    assert both.off == ("pseudo.kinds=[a,b]", "optim.ema_decay=0")
    for wrong in ("flip", "flip=", "=augment.flip_p=0", "full=augment.flip_p=0", "a/b=c=0", "a=b=0,c"):
        if wrong == "a=b=0,c":  # a comma without a key belongs to the value
            assert parts.read_off(wrong).off == ("b=0,c",)
            continue
        with pytest.raises(InputError, match=r"wanted NAME=KEY=VALUE\[,KEY=VALUE\]"):
            parts.read_off(wrong)


def test_what_cannot_be_taken_out_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    table = (
        Ingredient("flip", ("augment.flip_p=0",)),
        Ingredient("average", ("optim.ema_decay=0",)),
        Ingredient("future", ("model.time_machine=false",)),
    )
    monkeypatch.setitem(parts.INGREDIENTS, "audiovisual", table)
    own = [parts.read_off("dropout=model.dropout=0")]
    chosen = parts.ingredients("audiovisual", own, [])
    assert [each.name for each in chosen] == ["flip", "average", "future", "dropout"]
    found = parts.variants(SETTINGS, chosen, own)
    assert list(found.settings) == ["flip", "dropout"]
    assert found.settings["flip"].augment.flip_p == 0 and found.settings["dropout"].model.dropout == 0
    assert found.left_out[0] == "average is left out: it is off already (optim.ema_decay=0)"
    assert found.left_out[1].startswith("future is left out: --off future: unknown key model.time_machine")
    assert [each.name for each in parts.ingredients("audiovisual", own, ["flip"])] == ["flip"]
    with pytest.raises(InputError, match="no ingredient is left to take out"):
        parts.variants(SETTINGS, [table[1]], [])
    wrong = parts.read_off("wrong=optim.epoch=1")
    with pytest.raises(InputError, match="--off wrong: unknown key optim.epoch"):
        parts.variants(SETTINGS, [wrong], [wrong])
    with pytest.raises(InputError, match="--only sound: no such ingredient; wanted some of flip, "):
        parts.ingredients("audiovisual", own, ["sound"])
    with pytest.raises(InputError, match="--off flip: another ingredient has this name"):
        parts.ingredients("audiovisual", [parts.read_off("flip=model.dropout=0")], [])
    with pytest.raises(InputError, match="meso4: has no table of ingredients"):
        parts.ingredients("meso4", [], [])


def asked(data: Path, **more: object) -> Namespace:
    given = {"data": data, "column": "kind", "by": None, "clusters": None, "folds": 0, "pool": False}
    return Namespace(**{**given, "where": None, "identity": None, "groups": None, **more})


def test_unseen_clips_are_new_methods_of_the_test_split_or_else_folds(tiny: Path) -> None:
    assert unseen_by(asked(tiny)) == ("kind", None)
    assert unseen_by(asked(tiny, column=None)) == (None, Division("methods", "method"))
    assert unseen_by(asked(tiny, where="kind=face_swap"))[0] is None  # no genuine clip
    assert unseen_by(asked(tiny, folds=2)) == (None, Division("methods", "kind", 2))
    clusters = asked(tiny, column=None, clusters=Path("c.csv"))
    assert unseen_by(clusters) == (None, Division("clusters", "c.csv"))

    variants = {"full": SETTINGS, "flip": SETTINGS}
    new = AblationSpec(variants, tiny, (1, 2), column="kind")
    listed = tasks(new)
    assert [task.name for task in listed[:3]] == ["full/new/seed1", "full/new/seed2", "flip/new/seed1"]
    kinds = dict(zip(new.clips["video_name"], new.clips["kind"], strict=True))
    forged = {kinds[row.video_name] for row in listed[0].scored["unseen"] if row.target == 1}
    assert forged and forged <= NEW
    assert not {kinds[row.video_name] for row in listed[0].scored["seen"] if row.target == 1} & NEW
    assert {row.target for row in listed[0].scored["seen"]} == {0, 1}
    chosen = AblationSpec(variants, tiny, (1,), column="kind", only=("split_name", "a"))
    with pytest.raises(InputError, match="have a column 'split_name'"):
        _ = chosen.clips

    folds = AblationSpec(variants, tiny, (1,), division=Division("methods", "kind", 2))
    assert [task.name for task in tasks(folds)] == [
        f"{name}/fold{fold}/seed1" for name in ("full", "flip") for fold in (0, 1)
    ]
    assert set(tasks(folds)[0].scored) == {"seen", "unseen"}


def scores_of(name: str, seed: int, unseen: list[float], seen: list[float]) -> pd.DataFrame:
    """The first half of each are forged clips."""
    parts = []
    for which, values in (("unseen", unseen), ("seen", seen)):
        half = len(values) // 2
        columns = {
            "task": f"{name}/new/seed{seed}",
            "set": which,
            "video_name": [f"{which}{number}.mp4" for number in range(2 * half)],
            "target": [1] * half + [0] * half,
            "fake_probability": values,
            "status": "ok",
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def test_gains_by_hand() -> None:
    nan, right, wrong, half = float("nan"), [0.9, 0.8, 0.1, 0.2], [0.1, 0.2, 0.9, 0.8], [0.5] * 4
    listed = [
        *(scores_of("full", seed, right, right) for seed in (1, 2)),
        scores_of("helps", 1, half, right),
        scores_of("helps", 2, wrong, right),
        *(scores_of("nothing", seed, right, right) for seed in (1, 2)),
        scores_of("broke", 1, right, right),
        scores_of("broke", 2, [nan] * 4, [nan] * 4),
    ]
    scores = with_keys(pd.concat(listed, ignore_index=True))
    found = run_table(scores, {"broke/new/seed2": "the loss is not finite"})
    assert found["unseen_auc"].tolist()[:4] == [1, 1, 0.5, 0]
    assert found["status"].tolist() == ["ok"] * 7 + ["the loss is not finite"]
    assert found["unscored"].tolist() == [0] * 7 + [8]
    table = gain_table(scores, found, {"helps": "a=0", "nothing": "b=0", "broke": "c=0"}, 200)
    full, helps, nothing, broke = table.to_dict("records")
    assert (full["ingredient"], full["off"], full["unseen_auc"]) == ("full", "", 1)
    assert np.isnan(full["unseen_gain"])
    assert (helps["unseen_auc"], helps["unseen_gain"], helps["off"]) == (0.25, 0.75, "a=0")
    assert 0 < helps["unseen_low"] < 0.75 < helps["unseen_high"] <= 1 and helps["unseen_p"] < 0.02
    assert (helps["seen_gain"], helps["seen_p"]) == (0, 1)
    assert nothing["unseen_gain"] == nothing["unseen_low"] == nothing["unseen_high"] == 0
    assert (broke["failed"], broke["runs"]) == (1, 2)
    assert all(np.isnan(broke[key]) for key in ("unseen_auc", "unseen_gain", "unseen_low", "seen_p"))


def typed(tiny: Path, out: Path, *more: str) -> list[str]:
    small = ["model.name=meso4", "model.picture_backbone=null", "optim.epochs=1", "clip.image_size=32"]
    given = ["study", "ablation", "--config", CONFIG, "--data", str(tiny), "--out", str(out)]
    given += ["--column", "kind", "--resamples", "20", "--seeds", "1", *more]
    return given + [word for text in small for word in ("--set", text)]


def test_an_ablation_from_end_to_end(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    train = task_run._train

    def training(task, *rest) -> None:
        if task.name.startswith("broke"):
            raise NonFiniteLoss("the loss is not finite")
        train(task, *rest)

    monkeypatch.setattr(task_run, "_train", training)
    off = ["--off", "flip=augment.flip_p=0", "--off", "broke=optim.rate=1e3"]
    assert main(typed(tiny, tmp_path / "out", *off)) == 0
    said = capsys.readouterr().out
    assert "unseen: 3 forged test clips of sound_replaced, sound_shifted, whole_face_reenacted" in said
    assert "broke/new/seed1 failed: the loss is not finite" in said
    table = pd.read_csv(tmp_path / "out/ablation.csv")
    assert table["ingredient"].tolist() == ["full", "flip", "broke"]
    assert table["unseen_auc"].notna().tolist() == [True, True, False]
    page = (tmp_path / "out/index.html").read_text()
    assert 'src="ablation.png"' in page and "1 runs failed" in page
    assert (tmp_path / "out/ablation.png").stat().st_size > 5000

    # Another ingredient is added to the study; what it has is not trained again.
    monkeypatch.setattr(runs, "run_here", None)
    assert main(typed(tiny, tmp_path / "out", *off[:2])) == 0
    assert pd.read_csv(tmp_path / "out/ablation.csv").equals(table.iloc[:2])
    assert main(typed(tiny, tmp_path / "out", *off, "--only", "flip", "--set", "seed=9")) == 2
    assert "was begun with config=" in capsys.readouterr().err


def test_mistakes_are_told_before_anything_is_made(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    for more, said in (
        ([], "meso4: has no table of ingredients"),
        (["--off", "a=optim.epoch=1"], "--off a: unknown key optim.epoch"),
        (["--off", "a=optim.epochs=1"], "a is left out: it is off already"),
        (["--off", "a=seed=2", "--by", "clusters"], "--by clusters: wanted --clusters too"),
        (["--off", "a=seed=2", "--where", "kind"], "--where kind: wanted COLUMN=VALUE"),
    ):
        assert main(typed(tiny, out, *more)) == 2
        assert said in capsys.readouterr().err
    assert not out.exists()
