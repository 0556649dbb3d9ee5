"""What `telltale bundle` puts into a bundle of a real, tiny run, and what it refuses."""

import shutil
from pathlib import Path

import pytest
from bundles import make
from programs import do_predict, do_train
from tampering import edit

from telltale import config
from telltale.data.manifest import read_labels
from telltale.errors import InputError
from telltale.files import sha256
from telltale.reproduce import bundle as bundles
from telltale.reproduce import checks
from telltale.scores.table import read_scores


def test_a_bundle_from_before_a_key_is_found_whole(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Newer(config.Config):
        another: int = 1

    monkeypatch.setattr(config, "Config", Newer)
    assert [each.passed for each in checks.check_agreement(bundles.read(world / "bundle"))] == [True] * 6


def test_a_bundle_holds_what_an_organiser_needs(world: Path, tiny: Path) -> None:
    made = bundles.read(world / "bundle")
    assert [one.name for one in made.sets] == ["validation", "test"]
    # A rule that finds a threshold on any validation split; that of a low FPR finds none for a weak model on
    # few clips.
    assert {one.options["choose"] for one in made.sets} == {"eer"}
    assert made.model_sha256 == sha256(world / "run" / "best.pt")
    for name in (
        "README.md",
        "run/config.yaml",
        "run/best.pt",
        "run/audit.json",
        "run/environment.json",
        "data.csv",
        "golden/golden.json",
    ):
        assert name in made.files
    for name in (
        "Dockerfile",
        "requirements.lock",
        "setup.py",
        "src/telltale/cli/__init__.py",
        "docs/organiser.md",
    ):
        assert f"source/{name}" in made.files
    assert {
        "evaluation/test/metrics.json",
        "evaluation/test/roc.png",
        "scores/test.json",
        "labels/test.csv",
    } <= set(made.files)
    listed = (world / "bundle" / "data.csv").read_text().splitlines()
    assert len(listed) == 1 + 2 + 16 + 8 + 10
    assert listed[1].startswith("train_labels.csv,")
    assert made.model_sha256[:16] in (world / "bundle" / "README.md").read_text()
    assert not [name for name in made.files if "__pycache__" in name or name.endswith(".pyc")]


def test_a_run_with_folds_is_bundled_with_the_clips_that_validated_it(tiny: Path, tmp_path: Path) -> None:
    folds = ("folds.by=methods", "folds.count=2", "data.meta=meta.csv", "data.method_column=kind")
    small = ("model.name=meso4", "model.picture_backbone=null", "optim.epochs=1")
    run = tmp_path / "run"
    assert do_train(tiny, run, *(word for text in (*folds, *small) for word in ("--set", text))) == 0
    assert do_predict(run, tiny / "test", tmp_path / "submission.csv") == 0
    assert make(tmp_path, tiny, tmp_path / "bundle") == 0
    made = bundles.read(tmp_path / "bundle")
    assert all(each.passed for each in checks.check_agreement(made))
    listed = read_labels(made.labels("validation"))
    assert list(listed) == list(read_scores(run / "validation_scores.csv"))
    everything = read_labels(tiny / "validation_labels.csv")
    assert len(listed) < len(everything) and listed.items() <= everything.items()
    assert "evaluation/validation/metrics.json" in made.files
    named = {line.split(",")[0] for line in (tmp_path / "bundle/data.csv").read_text().splitlines()}
    assert "meta.csv" in named and {f"validation/{name}" for name in listed} <= named


def test_a_bundle_is_not_made_of_what_does_not_belong_together(
    world: Path, tiny: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="is there already"):
        make(world, tiny, world / "bundle")
    other = Path(shutil.copytree(world / "run", tmp_path / "world" / "run")).parent
    for name in ("scores.csv", "scores.json"):
        shutil.copyfile(world / name, other / name)
    shutil.copyfile(other / "run" / "last.pt", other / "run" / "second.pt")
    with pytest.raises(InputError, match=r"second\.pt"):
        make(other, tiny, tmp_path / "new")
    (other / "run" / "second.pt").unlink()
    edit(other / "scores.csv", lambda text: text.replace(",0.", ",0.1", 1))
    with pytest.raises(InputError, match=r"scores\.csv: its SHA-256 is"):
        make(other, tiny, tmp_path / "new")
    data = Path(shutil.copytree(tiny, tmp_path / "data"))
    edit(data / "train_labels.csv", lambda text: text.replace(",1\n", ",0\n", 1))
    with pytest.raises(InputError, match="other labels or videos"):
        make(world, data, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_bundle_is_replaced_on_demand_and_nothing_else_is(world: Path, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").write_text("years")
    with pytest.raises(InputError, match=r"bundle\.json: cannot be read"):
        make(world, tiny, tmp_path / "precious", "--force")
    assert (tmp_path / "precious" / "thesis.txt").exists()
    out = Path(shutil.copytree(world / "bundle", tmp_path / "bundle"))
    (out / "README.md").write_text("old")
    assert make(world, tiny, out, "--force") == 0
    assert checks.check_files(bundles.read(out))[0].passed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "precious"]
