"""`telltale cache`: built once, warm the second time, bit-equal training from it, an honest estimate, pruned
on demand."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from predict import arguments as predict_arguments
from predict import predict
from telltale.cli import main
from train import arguments as train_arguments
from train import train

TINY = Path(__file__).parents[1] / "worlds" / "tiny.yaml"


def build(data: Path, store: Path, *more: str) -> int:
    given = ["--config", str(TINY), "--data", str(data), "--store", str(store), "--set", "data.spans=2"]
    return main(["cache", "build", *given, *(word for item in more for word in ("--set", item))])


def info(store: Path, capsys: pytest.CaptureFixture) -> dict:
    capsys.readouterr()
    assert main(["cache", "info", "--store", str(store), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def weights(tiny: Path, run: Path, *more: str) -> dict[str, torch.Tensor]:
    given = ["--config", str(TINY), "--data", str(tiny), "--out", str(run), "--set", "data.spans=2"]
    assert train(train_arguments([*given, *more])) == 0
    return torch.load(run / "best.pt", weights_only=True)["model"]


def test_built_once_and_warm_the_second_time(tiny: Path, tmp_path: Path, capsys):
    assert build(tiny, tmp_path / "s") == 0
    said = capsys.readouterr().out
    assert "24 clips: about" in said and "24 clips decoded, 0 were there, 0 cannot be read" in said
    assert build(tiny, tmp_path / "s") == 0
    assert "0 clips decoded, 24 were there" in capsys.readouterr().out
    found = info(tmp_path / "s", capsys)
    (spec,) = found["specs"]
    assert (spec["entries"], spec["clips"]) == (16 * 2 + 8, 24)
    assert found["bytes"] == spec["bytes"] and found["unreferenced_bytes"] == 0
    # 2 pictures of 48 x 48 and a second of sound at 16 kHz, and a head.
    assert 40 * (2 * 48 * 48 * 3) < spec["bytes"] < 40 * (2 * 48 * 48 * 3 + 4 * 16_000 + 500)


@pytest.mark.parametrize("quality", [None, 90])
def test_training_from_a_warm_store_is_bit_equal_to_training_from_files(
    tiny: Path, tmp_path: Path, monkeypatch, quality
):
    form = ("--set", f"clip.jpeg_quality={quality}") if quality else ()
    plain = weights(tiny, tmp_path / "files", *form)
    assert build(tiny, tmp_path / "s", *form[1:]) == 0
    monkeypatch.setattr("telltale.data.clip.Demuxer", lambda *_: pytest.fail("a warm store opens no video"))
    warm = weights(tiny, tmp_path / "warm", *form, "--store", str(tmp_path / "s"))
    assert plain.keys() == warm.keys()
    assert all(torch.equal(plain[name], warm[name]) for name in plain)
    assert (tmp_path / "files" / "validation_scores.csv").read_bytes() == (
        tmp_path / "warm" / "validation_scores.csv"
    ).read_bytes()


def test_prediction_through_a_store_is_the_same_to_the_byte(tiny: Path, tmp_path: Path):
    weights(tiny, tmp_path / "run")
    results = []
    for name, more in (
        ("files", []),
        ("cold", ["--store", str(tmp_path / "s")]),
        ("warm", ["--store", str(tmp_path / "s")]),
    ):
        out = tmp_path / name / "submission.csv"
        out.parent.mkdir()
        given = [
            "--checkpoint",
            str(tmp_path / "run" / "best.pt"),
            "--videos",
            str(tiny / "test"),
            "--out",
            str(out),
            *more,
        ]
        assert predict(predict_arguments(given)) == 0
        results.append(out.read_bytes() + (out.parent / "scores.csv").read_bytes())
    assert results[0] == results[1] == results[2]


def test_what_cannot_be_read_is_named_and_counted(tiny: Path, tmp_path: Path, capsys):
    shutil.copytree(tiny, tmp_path / "data")
    broken = sorted((tmp_path / "data" / "train").glob("*.mp4"))[3]
    broken.write_bytes(b"no video")
    assert build(tmp_path / "data", tmp_path / "s") == 0
    said = capsys.readouterr().out
    assert "1 cannot be read" in said and f"not read: {broken.name} (refused)" in said


def test_what_does_not_fit_is_refused_before_it_is_begun(tiny: Path, tmp_path: Path, capsys):
    assert build(tiny, tmp_path / "s", "store.max_gb=0.0001") == 2
    assert "are more than the room" in capsys.readouterr().err
    assert not list((tmp_path / "s" / "shards").iterdir())


def test_training_anywhere_in_a_clip_has_no_store(tiny: Path, tmp_path: Path, capsys):
    assert build(tiny, tmp_path / "s", "data.spans=0") == 2
    assert "wanted --set data.spans=N" in capsys.readouterr().err
    given = [
        "--config",
        str(TINY),
        "--data",
        str(tiny),
        "--out",
        str(tmp_path / "run"),
        "--store",
        str(tmp_path / "s"),
    ]
    with pytest.raises(ValueError, match=r"wanted data\.spans=N"):
        train(train_arguments(given))


def test_pruning_takes_what_was_named(tiny: Path, tmp_path: Path, capsys):
    assert build(tiny, tmp_path / "s") == build(tiny, tmp_path / "s", "clip.frames=1") == 0
    two, one = info(tmp_path / "s", capsys)["specs"]
    assert main(["cache", "prune", "--store", str(tmp_path / "s"), "--spec", two["spec"]]) == 0
    assert [spec["spec"] for spec in info(tmp_path / "s", capsys)["specs"]] == [one["spec"]]
    half = one["bytes"] / 2e9
    assert main(["cache", "prune", "--store", str(tmp_path / "s"), "--keep-gb", str(half)]) == 0
    left = info(tmp_path / "s", capsys)
    assert 0.4 * one["bytes"] < left["bytes"] <= half * 1e9
    assert main(["cache", "prune", "--store", str(tmp_path / "s"), "--all"]) == 0
    assert info(tmp_path / "s", capsys) == {"specs": [], "bytes": 0, "shards": 0, "unreferenced_bytes": 0}
    assert np.isclose(sum(path.stat().st_size for path in (tmp_path / "s" / "shards").iterdir()), 0)


def test_folders_and_specs_that_are_none_are_refused(tmp_path: Path, capsys):
    assert main(["cache", "info", "--store", str(tmp_path)]) == 2
    assert "is no store" in capsys.readouterr().err
