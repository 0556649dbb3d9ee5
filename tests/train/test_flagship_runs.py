"""Whole runs of the flagship at the smallest size: the same bits for any number of workers and after an
interruption, the gate in the history, and a calibrated best epoch."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

import predict
import train
from telltale.errors import InputError
from telltale.models import calibration, checkpoint
from telltale.reproduce import tiers
from telltale.scores import sidecar
from telltale.scores.table import read_scores
from telltale.train import best_epoch

SMALL = """
clip.seconds=0.8 clip.frames=2 clip.image_size=32 clip.native_size=32 clip.mouth_frames=4 clip.mouth_size=16
model.picture_backbone=test_convnext model.width=16 mel.n_mels=32 mel.linear_bands=16
data.batch_size=8 data.spans=2 predict.batch_size=8 predict.spans=2 predict.crops=2
optim.epochs=2 optim.schedule=constant optim.ema_decay=0.5 threads=1 seed=4
"""
CONFIG = Path(__file__).parents[2] / "configs" / "flagship_small.yaml"


def do_train(data: Path, out: Path, *more: str, resume: bool = False) -> int:
    torch.set_num_threads(1)
    words = [word for value in [*SMALL.split(), *more] for word in ("--set", value)]
    given = ["--config", str(CONFIG), "--data", str(data), "--out", str(out), *words]
    return train.train(train.arguments([*given, *["--resume"] * resume]))


@pytest.fixture(scope="module")
def run(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("flagship") / "run"
    assert do_train(tiny, out, "data.workers=0") == 0
    return out


def history(run: Path) -> list[dict[str, str]]:
    with (run / "history.csv").open(newline="") as file:
        timing = {"clips_per_second", "seconds"}
        return [{k: v for k, v in row.items() if k not in timing} for row in csv.DictReader(file)]


def same(one: Path, other: Path, file: str) -> bool:
    pair = [checkpoint.load(folder / file)["model"] for folder in (one, other)]
    return pair[0].keys() == pair[1].keys() and all(
        torch.equal(pair[0][key], pair[1][key]) for key in pair[0]
    )


def test_the_history_has_the_terms_and_the_gate(run: Path) -> None:
    rows = history(run)
    terms = {"fused", "picture", "motion", "sound", "in_step", "segments", "map", "offset"}
    assert {f"train_{term}" for term in terms} < set(rows[0])
    for row in rows:
        assert sum(float(row[f"train_{term}"]) for term in terms) == pytest.approx(float(row["train_loss"]))
        for name in (best_epoch.PSEUDO_AUC, *best_epoch.CUE_AUCS.values()):
            assert row[name] and 0 <= float(row[name]) <= 1, name
    best = checkpoint.load(run / "best.pt")
    assert best["epoch"] == 1 + best_epoch.best(rows, "pseudo")
    assert best["metrics"]["pseudo_auc"] == float(rows[best["epoch"] - 1]["pseudo_auc"])


def test_two_workers_and_a_cut_run_give_the_same_bits(run: Path, tiny: Path, tmp_path: Path) -> None:
    assert do_train(tiny, tmp_path / "cut", "data.workers=2", "optim.epochs=1") == 0
    assert checkpoint.load(tmp_path / "cut" / "best.pt")["calibration"]["status"]
    assert do_train(tiny, tmp_path / "cut", "data.workers=2", resume=True) == 0
    assert same(run, tmp_path / "cut", "last.pt") and same(run, tmp_path / "cut", "best.pt")
    assert history(run) == history(tmp_path / "cut")
    for name in ("validation_scores.csv",):
        assert (run / name).read_bytes() == (tmp_path / "cut" / name).read_bytes()


def test_the_best_epoch_is_calibrated_and_the_last_is_not(run: Path, tiny: Path, tmp_path: Path) -> None:
    best, last = checkpoint.load(run / "best.pt"), checkpoint.load(run / "last.pt")
    record = best["calibration"]
    assert calibration.KEY not in last["model"]
    kept = best["model"][calibration.KEY].tolist()
    assert record["status"] == "ok" and kept == pytest.approx([record["scale"], record["shift"]], rel=1e-6)
    scores = read_scores(run / "validation_scores.csv")
    origin = sidecar.check(run / "validation_scores.csv")
    assert origin.world == 1
    with (tiny / "validation_labels.csv").open() as file:
        targets = {row["video_name"]: int(row["target"]) for row in csv.DictReader(file)}
    known = {
        name: score.fake_probability for name, score in scores.items() if score.fake_probability is not None
    }
    auc = roc_auc_score([targets[name] for name in known], list(known.values()))
    assert auc == pytest.approx(best["metrics"]["auc"])
    # What the checkpoint says of the clips now is what its score file says, as reproduction compares them.
    words = [word for text in tiers.PLAIN for word in ("--set", text)]
    asked = ["--checkpoint", str(run / "best.pt"), "--videos", str(tiny / "validation")]
    assert predict.predict(predict.arguments([*asked, "--out", str(tmp_path / "s.csv"), *words])) == 0
    again = read_scores(tmp_path / "s.scores.csv")
    assert {name: score.fake_probability for name, score in again.items()} == {
        name: score.fake_probability for name, score in scores.items()
    }


def test_a_finished_run_that_is_resumed_stays_as_it_is(
    run: Path, tiny: Path, capsys: pytest.CaptureFixture
) -> None:
    before = (run / "best.pt").read_bytes()
    assert do_train(tiny, run, "data.workers=0", resume=True) == 0
    assert (run / "best.pt").read_bytes() == before
    assert "best.pt was calibrated before" in capsys.readouterr().out


def test_prediction_averages_crops_and_mirror_images(run: Path, tiny: Path, tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    for path in sorted((tiny / "test").iterdir())[:2]:
        (clips / path.name).symlink_to(path)
    found = {}
    for crops, flip in ((1, "false"), (2, "false"), (2, "true")):
        out = tmp_path / f"{crops}{flip}.csv"
        more = ["predict.spans=1", f"predict.crops={crops}", f"predict.flip={flip}"]
        words = [word for text in more for word in ("--set", text)]
        given = ["--checkpoint", str(run / "best.pt"), "--videos", str(clips), "--out", str(out), *words]
        assert predict.predict(predict.arguments(given)) == 0
        scores = read_scores(out.with_name(f"{out.stem}.scores.csv"))
        found[crops, flip] = [score.fake_probability for score in scores.values()]
    assert len({tuple(np.round(scores, 9)) for scores in found.values()}) == 3


def test_pseudo_forgeries_that_leave_none_are_refused_before_training(tiny: Path, tmp_path: Path) -> None:
    off = [f"pseudo.{cue}=0" for cue in ("picture", "motion", "sound", "in_step")]
    with pytest.raises(InputError, match="no pseudo-forgery is left"):
        do_train(tiny, tmp_path / "run", *off)
    with pytest.raises(
        InputError, match=r"there is no pseudo-forgery 'self_blend'; did you mean self_blended"
    ):
        do_train(tiny, tmp_path / "other", "pseudo.kinds=[self_blend]")
