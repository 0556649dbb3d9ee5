"""Clusters of a data set's forged clips: the files, the errors, and the same bytes for the same seed."""

import json
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from telltale import cli
from telltale.cli import study_cluster
from telltale.predict import features as features_module
from telltale.study.clips import read_clips

OUTPUTS = ("clusters.csv", "k.csv", "dimensions.csv", "map.csv", "methods.csv", "unread.csv", "summary.json")


def study(run: Path, data: Path, out: Path, *more: str) -> int:
    return cli.main(["study", "cluster", str(run), "--data", str(data), "--out", str(out), *more])


@pytest.fixture
def run(tiny_run: Path) -> Path:
    return tiny_run / "run"


def test_forged_clips_get_clusters_and_one_seed_gives_the_same_files(
    run: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["--k-range", "2:6", "--method-column", "kind", "--seed", "5"]
    assert study(run, tiny, tmp_path / "one", *asked) == 0
    forged = read_clips(tiny, ["train", "validation"]).query("target == 1")
    found = pd.read_csv(tmp_path / "one/clusters.csv")
    assert found.columns.tolist() == ["video_name", "cluster", "split", "distance"]
    assert found["video_name"].tolist() == forged["video_name"].tolist()
    assert found["split"].tolist() == forged["split"].tolist()
    sizes = found[found["split"] == "train"]["cluster"].value_counts()
    assert sizes.tolist() == sizes.sort_index().tolist()
    summary = json.loads((tmp_path / "one/summary.json").read_text())
    assert summary["k"] == len(sizes) == summary["elbow"]
    assert set(summary["against_methods"]) == {"train", "validation"}
    assert pd.read_csv(tmp_path / "one/dimensions.csv")["asked"].astype(str).tolist()[0] == "32"
    page = (tmp_path / "one/index.html").read_text()
    assert "64 dimensions were asked for" in page
    for figure in ("k.png", "map.png", "sheets/cluster_00.png"):
        assert f'src="{figure}"' in page
        assert min(Image.open(tmp_path / "one" / figure).size) > 80

    with monkeypatch.context() as patch:
        patch.setattr(features_module, "features", None)  # nothing is read again
        assert study(run, tiny, tmp_path / "one", *asked) == 0
    other = tmp_path / "two"
    other.mkdir()
    (other / "features.npz").write_bytes((tmp_path / "one/features.npz").read_bytes())
    (other / "study.json").write_bytes((tmp_path / "one/study.json").read_bytes())
    assert study(run, tiny, other, *asked) == 0
    for name in OUTPUTS:
        assert (other / name).read_bytes() == (tmp_path / "one" / name).read_bytes(), name


def test_what_cannot_be_clustered_is_said_in_a_sentence(
    run: Path, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*arguments: str) -> str:
        assert study(*arguments) == 2
        return capsys.readouterr().err

    (tmp_path / "empty").mkdir()
    assert "best.pt: cannot be read" in refused(tmp_path / "empty", tiny, tmp_path / "a")
    said = refused(tmp_path / "absent", tiny, tmp_path / "a")
    assert "absent: cannot be read" in said and "; wanted the folder of a trained run, or its best.pt" in said
    assert "have a column 'nothing'" in refused(run, tiny, tmp_path / "b", "--method-column", "nothing")
    assert "--splits validation: lacks train" in refused(run, tiny, tmp_path / "c", "--splits", "validation")
    out = tmp_path / "d"
    assert "--k: 99 clusters of " in refused(run, tiny, out, "--k", "99", "--splits", "train")
    genuine = tmp_path / "genuine"
    genuine.mkdir()
    lines = (tiny / "train_labels.csv").read_text().splitlines()
    kept = [lines[0], *(line for line in lines[1:] if line.endswith(",0"))]
    (genuine / "train_labels.csv").write_text("\n".join(kept) + "\n")
    (genuine / "train").symlink_to(tiny / "train")
    assert "has no forged clip" in refused(run, genuine, tmp_path / "e", "--splits", "train")


@pytest.mark.parametrize("given", [["--k", "1"], ["--k-range", "5:2"], ["--dimensions", "few"]])
def test_wrong_numbers_are_refused_by_the_command_line(given: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        cli.parse(["study", "cluster", "run", "--data", "d", "--out", "o", *given])
    assert study_cluster.dimensions("none") is None
