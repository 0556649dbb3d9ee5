"""A bundle of a real, tiny run: wherever it lies, its numbers come out again, and what was tampered with
is named."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tampering import (
    add,
    edit,
    edit_config,
    edit_figure,
    edit_label,
    edit_score,
    edit_seed,
    edit_version,
    flip_a_bit,
    lose_data_list,
    lose_metrics,
    mend,
    remove,
)

from telltale import cli
from telltale.files import sha256
from telltale.reproduce import bundle as bundles
from telltale.reproduce import checks, tiers
from telltale.runtime.environment import TABLES, packages
from telltale.scores import sidecar
from telltale.scores.table import read_scores, write_scores

CONFIG = str(Path(__file__).parents[1] / "worlds" / "tiny.yaml")


def reproduce(bundle: Path, out: Path, tier: str, *more: str) -> int:
    return cli.main(["reproduce", "--tier", tier, str(bundle), "--out", str(out), *more])


@pytest.fixture
def copy(world: Path, tmp_path: Path) -> Path:
    """The bundle, in another place, to be tampered with."""
    return Path(shutil.copytree(world / "bundle", tmp_path / "elsewhere" / "bundle"))


def test_moved_to_another_folder_every_tier_passes(
    copy: Path, tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    digest = sha256(copy / "bundle.json")
    assert reproduce(copy, tmp_path / "out", "all", "--data", str(tiny), "--sha256", digest) == 0
    said = capfd.readouterr().out
    assert "weights the same to the bit" in said
    assert "scores of test           10 clips, the same to the bit" in said
    assert "scores of validation     8 clips, the same to the bit" in said
    assert "\nPASS: " in said
    tree = json.loads((tmp_path / "out" / "reproduction.json").read_text())
    assert tree["passed"] is True
    assert {finding["tier"] for finding in tree["findings"]} == {"bundle", "scores", "weights", "train"}
    remade = (tmp_path / "out" / "scores" / "test" / "roc.png").read_bytes()
    assert remade == (copy / "evaluation" / "test" / "roc.png").read_bytes()


@pytest.mark.parametrize(
    ("tamper", "plain", "mended"),
    [
        (flip_a_bit, "files: run/best.pt has other content", "weights: best.pt is"),
        (edit_label, "files: labels/test.csv has other content", "tables of test: "),
        (
            edit_config,
            "files: run/config.yaml has other content",
            "config: config.yaml: optim.rate=0.002, as trained: 0.001",
        ),
        (edit_score, "files: scores/test.csv has other content", "scores of test: "),
        (
            edit_figure,
            "files: evaluation/test/roc.png has other content",
            "figures of test: roc.png is another picture",
        ),
        (remove, "files: scores/test.csv is missing", "scores of test: "),
        (edit_seed, "files: run/config.yaml has other content", "seed: 1 in bundle.json, config.yaml: 2"),
        (edit_version, "versions: numpy 1.0.0 there", "versions: numpy 1.0.0 there"),
        (lose_metrics, "files: evaluation/test/metrics.json is missing", "tables of test: "),
        (lose_data_list, "files: data.csv is missing", None),
        (add, "files: second.pt does not belong to it", None),
    ],
)
def test_what_was_tampered_with_is_named(
    tamper: Callable[[Path], None],
    plain: str,
    mended: str | None,
    copy: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tamper(copy)
    assert reproduce(copy, tmp_path / "out", "scores") == 1
    verdict = capsys.readouterr().out.rpartition("\nFAIL ")[2]
    assert plain in verdict
    if mended is not None:
        mend(copy)
        assert reproduce(copy, tmp_path / "out", "scores") == 1
        verdict = capsys.readouterr().out.rpartition("\nFAIL ")[2]
        assert "files: " not in verdict
        assert mended in verdict


def test_each_tier_asks_for_the_versions_that_it_depends_on(copy: Path) -> None:
    edit(
        copy / "bundle.json",
        lambda text: text.replace(f'"torch": "{packages()["torch"]}"', '"torch": "1.0.0"'),
    )
    made = bundles.read(copy)
    (of_models,), (of_tables,) = checks.check_versions(made), checks.check_versions(made, TABLES)
    assert not of_models.passed and "torch 1.0.0 there" in of_models.detail
    assert of_tables.passed


def test_scores_are_judged_without_torch(world: Path, tiny: Path, tmp_path: Path) -> None:
    scores, labels = world / "scores.csv", tiny / "test_labels.csv"
    lines = [
        ["evaluate", "--labels", labels, "--scores", scores, "--out", tmp_path / "evaluation"],
        ["validate-submission", world / "submission.csv", "--list", labels],
        [
            "submit-log",
            "add",
            world / "submission.csv",
            "--ledger",
            tmp_path / "log.csv",
            "--phase",
            "validation",
        ],
        ["reproduce", "--tier", "scores", world / "bundle", "--out", tmp_path / "again"],
        ["models", "--json"],
        ["train", "--config", CONFIG, "--data", tiny, "--out", tmp_path / "run"],
    ]
    typed = "\n".join("|".join(map(str, line)) for line in lines)
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parents[1] / "worlds" / "without_models.py")],
        input=typed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("status")] == ["status 0"] * 5 + [
        "status 2"
    ], done.stderr
    assert "\nPASS: " in done.stdout
    assert (tmp_path / "evaluation/metrics.json").is_file() and (tmp_path / "log.csv").is_file()
    assert done.stderr.splitlines()[-1].endswith("which is not installed: pip install 'telltale[model]'")
    assert done.stderr.splitlines()[-1].startswith("error: telltale train needs ")


def test_a_published_hash_finds_a_forger_who_mends_everything(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    published = sha256(copy / "bundle.json")
    add(copy)
    mend(copy)
    assert reproduce(copy, tmp_path / "out", "scores", "--sha256", published) == 1
    assert "published was" in capsys.readouterr().out


def test_scores_that_the_model_does_not_give_fail_though_all_agrees(
    copy: Path, tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = copy / "scores" / "test.csv"
    rows = list(read_scores(path).values())
    before = sidecar.read(path)
    write_scores(path, [*rows[1:], type(rows[0])(rows[0].video_name, 0.123, "ok", rows[0].seconds)])
    about = {name: getattr(before, name) for name in ("model_sha256", "config", "data", "videos")}
    sidecar.write(path, **about)
    made = bundles.read(copy)
    bundles.evaluate(copy, made.sets[1]).write(copy / "evaluation" / "test")
    mend(copy)
    assert reproduce(copy, tmp_path / "one", "scores") == 0
    assert reproduce(copy, tmp_path / "two", "weights", "--data", str(tiny)) == 1
    verdict = capfd.readouterr().out.rpartition("\nFAIL ")[2]
    assert "scores of test: 10 clips, 0." in verdict
    assert "scores of validation" not in verdict


def test_other_data_is_named(
    copy: Path, tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = Path(shutil.copytree(tiny, tmp_path / "data"))
    one, other = sorted((data / "train").glob("*.mp4"))[:2]
    one.write_bytes(other.read_bytes())
    edit(data / "train_labels.csv", lambda text: text.replace(",1\n", ",0\n", 1))
    made = bundles.read(copy)
    (finding,) = checks.check_data(made, data, ["train", "train_labels.csv", "validation"])
    assert not finding.passed
    assert f"train/{one.name} has other content" in finding.detail
    assert "train_labels.csv has other content" in finding.detail
    one.unlink()
    (finding,) = checks.check_data(made, data, ["train"])
    assert f"train/{one.name} is missing" in finding.detail


def test_a_finished_reproduction_is_done_anew_and_an_interrupted_one_goes_on(
    copy: Path,
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    commands: list[list[str]] = []

    def interrupted(command: list[str]) -> int:
        commands.append(command)
        raise KeyboardInterrupt

    def ended(command: list[str]) -> int:
        commands.append(command)
        return 1

    for stand_in in (interrupted, ended, ended):
        monkeypatch.setattr(tiers, "call", stand_in)
        reproduce(copy, tmp_path / "out", "train", "--data", str(tiny))
    assert ["--resume" in command for command in commands] == [True, True, False]
    assert ["--force" in command for command in commands] == [False, False, True]
    assert "training: telltale train ended with status 1" in capsys.readouterr().out
    # The config of these tests fixes the threads; one that does not gets those of the training.
    assert not any("threads=" in word for word in commands[0])
    edit(copy / "run" / "config.yaml", lambda text: text.replace("threads: 1", "threads: 0"))
    list(tiers.train(bundles.read(copy), tiny, tmp_path / "out", resume=False))
    assert commands[-1][-2:] == ["--set", "threads=1"]


def test_other_versions_can_be_let_pass_and_are_told(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit_version(copy)
    assert reproduce(copy, tmp_path / "out", "scores", "--other-versions") == 0
    assert "numpy 1.0.0 there" in capsys.readouterr().out
