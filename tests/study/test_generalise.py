"""`telltale study generalise` from end to end: trained, tuned, scored, shown, and not computed again."""

from pathlib import Path

import pandas as pd
import pytest
import torch

from telltale.cli import main
from telltale.models import checkpoint
from telltale.study import runs

CONFIG = """
model: {name: meso4}
clip: {seconds: 1.0, frames: 1, image_size: 32}
data: {batch_size: 8, workers: 1}
optim: {epochs: 2, rate: 1e-3, schedule: constant}
threads: 1
"""


def typed(tiny: Path, folder: Path, *more: str) -> list[str]:
    (folder / "meso.yaml").write_text(CONFIG)
    sets = [f"a={tiny}:kind=face_swap+face_resampled", f"b={tiny}:kind=mouth_regenerated+voice_resynthesised"]
    given = ["--out", f"{folder}/out", "--config", f"{folder}/meso.yaml", *more, "--share-genuine"]
    return ["study", "generalise", *given, *(word for each in sets for word in ("--set-of", each))]


def test_two_sets_and_one_seed(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {}
    removed = runs._remove_weights

    def remove(study, task) -> None:
        path = task.folder(study.path) / "best.pt"
        if path.exists():
            kept[task.name] = checkpoint.load(path)
        removed(study, task)

    monkeypatch.setattr(runs, "_remove_weights", remove)
    assert main(typed(tiny, tmp_path, "--transfer", "4", "--train", "a", "b", "--merge", "4")) == 0
    out = tmp_path / "out"
    results = pd.read_csv(out / "results.csv", keep_default_na=False)
    assert results.groupby(["trained_on", "tuning"]).size().to_dict() == {
        (trained, tuning): 2 for trained in "ab" for tuning in ("", "transfer", "merge")
    }
    assert not list(out.rglob("*.pt"))
    for name in ("sets", "degradation", "auc", "seeds", "few_shot"):
        assert len(pd.read_csv(out / f"{name}.csv"))
    page = (out / "index.html").read_text()
    assert all(f'src="{name}.png"' in page and (out / f"{name}.png").exists() for name in ("auc", "few_shot"))
    assert "meso [a] transfer 4" in capsys.readouterr().out

    # Tuned runs start from the weights of theirs; transfer changes two layers and no statistic.
    first, tuned = kept["meso-a-seed1"], kept["meso-a-transfer4-seed1"]
    entry = tuned["provenance"]["start"]
    assert entry["path"].endswith("runs/meso-a-seed1/best.pt") and entry["data"] == first["data"]
    changed = {key for key, value in first["model"].items() if not torch.equal(value, tuned["model"][key])}
    assert changed and all(key.startswith(("detector.dense.1", "detector.head.1")) for key in changed)

    monkeypatch.setattr(runs, "run_here", None)  # nothing is left to run
    assert main(typed(tiny, tmp_path, "--transfer", "4", "--train", "a", "b", "--merge", "4")) == 0
    assert pd.read_csv(out / "results.csv", keep_default_na=False).equals(results)
    assert main(typed(tiny, tmp_path, "--transfer", "8")) == 2
    assert "was begun with" in capsys.readouterr().err


def test_mistakes_are_told_before_anything_is_trained(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(typed(tiny, tmp_path, "--transfer", "100")) == 2
    assert "there are" in capsys.readouterr().err
    assert main(typed(tiny, tmp_path, "--tune", "optim.lr=1")) == 2
    assert "--tune" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    with pytest.raises(SystemExit):
        main(typed(tiny, tmp_path, "--shots", "3"))
    assert "wanted an even number of examples" in capsys.readouterr().err


def test_the_weights_that_a_run_starts_from_are_made_again_if_they_are_gone(tmp_path: Path) -> None:
    """Only if a run that is left needs them."""
    from types import SimpleNamespace

    def task(name: str, start: object, status: dict[str, bool]) -> SimpleNamespace:
        return SimpleNamespace(
            name=name, start=start, status=lambda study: status, folder=lambda study: study / "runs" / name
        )

    study, how = SimpleNamespace(path=tmp_path), runs.Execution()
    base = task("base", None, {"done": True})
    tuned = task("tuned", base, {})
    (tmp_path / "runs/base").mkdir(parents=True)
    assert runs._left(study, [base], how) == []
    assert runs._left(study, [base, tuned], how) == [base, tuned]
    (tmp_path / "runs/base/best.pt").touch()
    assert runs._left(study, [base, tuned], how) == [tuned]
