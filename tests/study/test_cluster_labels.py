"""The experiment on labels of forgeries: what is held out, what each run learns, and the table."""

from pathlib import Path

import pandas as pd
import pytest
from programs import CONFIG

from telltale import cli, config
from telltale.errors import InputError
from telltale.study import cluster_labels, runs, task
from telltale.study.clips import read_clips
from telltale.study.cluster_labels import LabelOptions, held_out

SMALL = ["model.name=meso4", "model.picture_backbone=null", "optim.epochs=1"]
HELD = ["face_swap", "mouth_regenerated"]


def test_each_way_is_trained_without_the_held_out_kinds(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = []
    plain = cluster_labels.execute

    def noted(study, asked, *rest, **more):
        tasks.extend(asked)
        return plain(study, asked, *rest, **more)

    monkeypatch.setattr(cluster_labels, "execute", noted)
    given = ["study", "cluster-labels", "--config", CONFIG, "--data", str(tiny), "--method-column", "kind"]
    given += ["--seeds", "1", "--out", str(tmp_path / "out"), "--hold-out", *HELD]
    given += [word for text in SMALL for word in ("--set", text)]
    assert cli.main(given) == 0
    table = pd.read_csv(tmp_path / "out/labels.csv")
    assert table["labels"].tolist() == ["none", "cluster", "kind"]
    clips = read_clips(tiny).set_index("video_name")
    assert table["classes"].tolist() == [1, 2, 2]
    assert table["calinski_harabasz"].gt(0).all()
    for each in tasks:
        rows = [row for row in (*each.train.rows, *each.validation.rows) if row.target == 1]
        assert rows and not {clips.loc[row.video_name, "kind"] for row in rows} & set(HELD)
    weights = [each.settings.objective.method_weight for each in tasks]
    assert weights == [0, 1, 1]
    names = {each.name: {row.method for row in each.train.rows if row.target == 1} for each in tasks}
    assert names["none-seed1"] == {None} and names["cluster-seed1"] == {"0", "1"}
    assert names["kind-seed1"] == {"face_resampled", "voice_resynthesised"}
    assert not list((tmp_path / "out" / task.RUNS).rglob("*.pt"))
    assert ", ".join(HELD) in (tmp_path / "out/index.html").read_text()

    monkeypatch.setattr(runs, "run_here", None)  # nothing is trained again
    before = (tmp_path / "out/runs.csv").read_bytes()
    assert cli.main(given) == 0
    assert (tmp_path / "out/runs.csv").read_bytes() == before


def test_what_is_held_out_is_given_or_absent_from_training_or_drawn(tiny: Path) -> None:
    clips = read_clips(tiny)
    options = LabelOptions(config.read(Path(CONFIG)), tiny, Path("out"), "kind")
    absent = held_out(clips, options)
    assert len(absent) == 3
    trained = clips[~clips["kind"].isin(absent)]
    drawn = held_out(trained, options)
    assert drawn == held_out(trained, options) and len(drawn) == 2
    given = LabelOptions(options.settings, tiny, Path("out"), "kind", hold_out=[*absent[:2]])
    assert held_out(clips, given) == absent[:2]
    with pytest.raises(InputError, match="no forged clip is of kind 'magic'"):
        held_out(clips, LabelOptions(options.settings, tiny, Path("out"), "kind", hold_out=["magic"]))
    with pytest.raises(InputError, match="two or more held out, not"):
        held_out(clips, LabelOptions(options.settings, tiny, Path("out"), "kind", hold_out=absent[:1]))
