"""What a run records about itself: the files that it read, its environment, and the origin of its scores."""

import csv
import json
from pathlib import Path

from telltale import config
from telltale.files import sha256
from telltale.models import checkpoint
from telltale.runtime import environment
from telltale.scores import sidecar
from telltale.train.context import RunInputs
from telltale.train.reads import TrainingReads


def test_the_folder_records_the_files_read_and_the_environment(clean: Path, tiny: Path) -> None:
    with (clean / "reads.csv").open() as file:
        rows = list(csv.DictReader(file))
    videos = {row["path"]: int(row["bytes"]) for row in rows if row["kind"] == "video"}
    paths = [path for split in ("train", "validation") for path in (tiny / split).iterdir()]
    assert videos == {str(path): path.stat().st_size for path in paths}
    others = {(row["kind"], Path(row["path"]).name): row for row in rows if row["kind"] != "video"}
    assert set(others) == {
        ("labels", "train_labels.csv"),
        ("labels", "validation_labels.csv"),
        ("config", "tiny.yaml"),
    }
    for row in others.values():
        assert row["sha256"] == sha256(Path(row["path"]))
    assert {row["inside"] for row in rows} == {"yes"}
    written = json.loads((clean / "environment.json").read_text())
    assert environment.differences(written) == [] and written["resumed"] == []
    assert written["machine"]["vector"] is not None


def test_score_files_record_their_origin(clean: Path, tiny: Path) -> None:
    model = sha256(clean / "best.pt")
    content = checkpoint.load(clean / "best.pt")
    trained = sidecar.check(clean / "validation_scores.csv")
    assert (trained.model_sha256, trained.data, trained.videos, trained.rows) == (
        model,
        content["data"],
        "validation",
        8,
    )
    assert trained.config == config.fingerprint(config.parse(content["config"], ""))
    assert sum(trained.statuses.values()) == 8 and trained.overrides == [] and trained.world == 1
    scored = sidecar.check(clean.parent / "out" / "scores.csv")
    assert (scored.model_sha256, scored.data, scored.videos, scored.rows) == (
        model,
        content["data"],
        "test",
        10,
    )
    assert scored.overrides == ["predict.spans=2"] and scored.config != trained.config


def test_a_data_folder_may_be_a_link(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(tiny)
    (tmp_path / "run").mkdir()
    settings = config.Config.model_validate({"model": {"name": "mel_cnn"}})
    from telltale.data.manifest import read_data

    splits = read_data(tmp_path / "data", settings.data)
    reads = TrainingReads(RunInputs(tmp_path / "run", tmp_path / "data", *splits), settings.data)
    assert all(file["inside"] for file in reads.tree["files"])
    assert [split["outside"] for split in reads.tree["videos"].values()] == [[], []]
    # A listed video is recognised by another path of its folder.
    assert not reads.add(
        [str(tiny / "train" / splits[0].rows[0].video_name), str(tmp_path / "run" / "last.pt")], []
    )
    assert reads.add([str(tiny / "train" / "unlisted.mp4")], [])
