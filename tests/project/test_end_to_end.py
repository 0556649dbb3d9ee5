"""train.py and predict.py over a tiny data set, as a user runs them."""

import csv
import json
import math
import shutil
from pathlib import Path

import pytest
import torch
from programs import CONFIG, do_predict, do_train

from telltale.errors import InputError
from telltale.models import checkpoint
from telltale.scores.submission import inspect_submission
from telltale.scores.table import read_scores
from telltale.train import run_folder


@pytest.fixture(scope="module")
def run(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(tiny_run / "run", tmp_path_factory.mktemp("run") / "run"))


def test_a_run_leaves_all_that_the_readme_names(run: Path) -> None:
    names = {path.name for path in run.iterdir()}
    plain = {"config.yaml", "environment.json", "audit.json", "reads.csv", "reads.json", "best.pt", "last.pt"}
    plain |= {"history.csv", "curves.png", "validation_scores.csv", "validation_scores.json"}
    with_folds = {"unseen_scores.csv", "unseen_scores.json"}
    assert plain | with_folds == set(run_folder.FILES)
    assert plain < names and not with_folds & names
    assert [name.startswith("events.out.tfevents") for name in names - plain] == [True]
    with (run / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    assert [row["epoch"] for row in history] == ["1", "2"]
    assert len(read_scores(run / "validation_scores.csv")) == 8
    assert json.loads((run / "audit.json").read_text())["passed"] is True


def test_a_checkpoint_holds_the_models_own_weights_and_nothing_of_thops(run: Path) -> None:
    content = checkpoint.load(run / "best.pt")
    assert not [name for name in content["model"] if "total_ops" in name or "total_params" in name]
    assert content["config"]["clip"]["image_size"] == 48
    assert 0 < content["mean_score"] < 1
    assert {tower["source"] for tower in content["provenance"].values()} == {"random"}


def test_the_same_seed_gives_the_same_bytes_with_other_workers(tiny: Path, run: Path, tmp_path: Path) -> None:
    do_train(tiny, tmp_path / "again", "--set", "data.workers=0")
    one, other = checkpoint.load(run / "best.pt"), checkpoint.load(tmp_path / "again" / "best.pt")
    assert all(torch.equal(one["model"][name], other["model"][name]) for name in one["model"])
    scores = (run / "validation_scores.csv").read_bytes()
    assert (tmp_path / "again" / "validation_scores.csv").read_bytes() == scores
    for folder in (run, tmp_path / "again"):
        do_predict(folder, tiny / "test", tmp_path / folder.name / "submission.csv")
    written = [(tmp_path / name / "submission.csv").read_bytes() for name in ("run", "again")]
    assert written[0] == written[1]


def test_every_listed_name_gets_one_row_in_the_lists_order(tiny: Path, run: Path, tmp_path: Path) -> None:
    names = sorted((path.name for path in (tiny / "test").iterdir()), reverse=True)
    names.insert(4, "absent.mp4")
    (tmp_path / "template.csv").write_text("video_name,score\n" + "".join(f"{name},0\n" for name in names))
    out = tmp_path / "out" / "submission.csv"
    assert do_predict(run, tiny / "test", out, "--list", str(tmp_path / "template.csv")) == 0
    assert inspect_submission(out, tmp_path / "template.csv").problems == []
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["video_name"] for row in rows] == names
    scores = read_scores(out.with_name("scores.csv"))
    assert scores["absent.mp4"].status == "missing"
    assert scores["absent.mp4"].fake_probability is None
    assert float(rows[4]["score"]) == pytest.approx(checkpoint.load(run / "best.pt")["mean_score"], abs=1e-9)
    assert {score.status for name, score in scores.items() if name != "absent.mp4"} == {"ok"}
    assert sorted(path.name for path in out.parent.iterdir()) == [
        "scores.csv",
        "scores.json",
        "submission.csv",
    ]


@pytest.mark.parametrize(("choice", "expected"), [("value", "0.2500000000"), ("fail", None)])
def test_what_cannot_be_read_gets_what_was_asked_for(
    tiny: Path, run: Path, tmp_path: Path, choice: str, expected: str | None, capsys: pytest.CaptureFixture
) -> None:
    shutil.copytree(tiny / "test", tmp_path / "videos")
    (tmp_path / "videos" / "empty.mp4").touch()
    out = tmp_path / "submission.csv"
    more = ("--on-unreadable", choice, "--set", "predict.unreadable_value=0.25")
    assert do_predict(run, tmp_path / "videos", out, *more) == (0 if expected else 1)
    assert read_scores(tmp_path / "scores.csv")["empty.mp4"].status == "empty"
    assert "empty.mp4" in capsys.readouterr().out
    if expected is None:
        assert not out.exists()
    else:
        assert f"empty.mp4,{expected}\n" in out.read_text()


def test_more_spans_and_mirror_images_change_scores_and_only_a_little(
    tiny: Path, run: Path, tmp_path: Path
) -> None:
    do_predict(run, tiny / "test", tmp_path / "plain" / "submission.csv")
    do_predict(
        run,
        tiny / "test",
        tmp_path / "more" / "submission.csv",
        "--set",
        "predict.spans=2",
        "--set",
        "predict.flip=true",
    )
    plain, more = (read_scores(tmp_path / name / "scores.csv") for name in ("plain", "more"))
    differences = [
        abs((plain[name].fake_probability or math.nan) - (more[name].fake_probability or math.nan))
        for name in plain
    ]
    assert 0 < max(differences) < 0.5


def test_a_profile_says_where_the_time_went(
    tiny: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert (
        do_predict(
            run, tiny / "test", tmp_path / "submission.csv", "--profile", str(tmp_path / "profile.json")
        )
        == 0
    )
    assert "waiting for clips" in capsys.readouterr().out
    found = json.loads((tmp_path / "profile.json").read_text())
    assert found["clips"] == 10
    assert found["start_up_seconds"] > 0 and found["clip_milliseconds"]["picture"] > 0
    assert found["bytes_per_clip"] == sum(path.stat().st_size for path in (tiny / "test").glob("*.mp4")) / 10


def test_a_run_folder_is_not_overwritten_by_accident(tiny: Path, run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--resume"):
        do_train(tiny, run)
    with pytest.raises(InputError, match=r"optim\.rate"):
        do_train(tiny, run, "--resume", "--set", "optim.rate=0.5")
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "notes.txt").write_text("mine")
    assert do_train(tiny, tmp_path / "run", "--force", "--set", "optim.epochs=1") == 0
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"
    assert len((tmp_path / "run" / "history.csv").read_text().splitlines()) == 2


def test_other_labels_cannot_be_resumed_with(tiny: Path, run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    shutil.copytree(tiny, tmp_path / "data")
    labels = (tmp_path / "data" / "train_labels.csv").read_text().splitlines()
    flipped = [line[:-1] + str(1 - int(line[-1])) for line in labels[1:]]
    (tmp_path / "data" / "train_labels.csv").write_text("\n".join([labels[0], *flipped]) + "\n")
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    with pytest.raises(InputError, match="other labels"):
        do_train(tmp_path / "data", tmp_path / "run", "--resume")
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_a_finished_run_can_be_given_more_epochs(tiny: Path, run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    assert do_train(tiny, tmp_path / "run", "--resume", "--set", "optim.epochs=3") == 0
    assert len((tmp_path / "run" / "history.csv").read_text().splitlines()) == 4


def test_a_trained_models_own_settings_cannot_be_changed_at_prediction(
    tiny: Path, run: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="clip.seconds"):
        do_predict(run, tiny / "test", tmp_path / "submission.csv", "--set", "clip.seconds=2")


def test_one_clip_gives_training_and_prediction_the_same_tensors(tiny: Path) -> None:
    """The two programs walk the same rooms: without augmentation and crop they read a clip alike."""
    from telltale import config
    from telltale.data.batch import EVALUATION, SampleKey, read_batch
    from telltale.data.dataset import ClipDataset
    from telltale.data.manifest import read_data
    from telltale.data.videos import rows_of

    still = [f"augment.{name}=0" for name in config.AugmentSettings.model_fields if name.endswith("_p")]
    settings = config.read(
        Path(CONFIG), [*still, "clip.seconds=30"]
    )  # longer than the clip: there is one span only
    train_split, _ = read_data(tiny, settings.data)
    asked = rows_of([tiny / "train"]).rows
    number = 2
    place = next(at for at, row in enumerate(asked) if row.video_name == train_split.rows[number].video_name)
    trained = read_batch(
        ClipDataset(train_split.rows, settings, ("picture", "sound")), [SampleKey(number, 7)]
    )
    predicted = read_batch(ClipDataset(asked, settings, ("picture", "sound")), [SampleKey(place, EVALUATION)])
    assert (trained.pictures == predicted.pictures).all()
    assert (trained.mel == predicted.mel).all()
