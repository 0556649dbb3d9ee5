"""`telltale audit` on a run that breaks rules while it trains, is killed, and is resumed."""

import json
import shutil
import socket
import sys
import types
from pathlib import Path

import pytest
from audits import audit, audited
from programs import do_train

from telltale.files import sha256
from telltale.runtime import environment
from telltale.train import training
from telltale.train.loop import Epoch


@pytest.fixture(scope="module")
def broken_run(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run in run/, which breaks rules, is killed in its second epoch and resumed to its end.

    killed/ is a copy of the run when it was killed, data/ its data.
    """
    folder = tmp_path_factory.mktemp("broken_run")
    data = Path(shutil.copytree(tiny, folder / "data"))
    moved = sorted((data / "train").glob("*.mp4"))[0]
    (folder / "elsewhere").mkdir()
    moved.rename(folder / "elsewhere" / moved.name)
    moved.symlink_to(folder / "elsewhere" / moved.name)
    (folder / "more.npy").write_bytes(b"others' data")
    (data / "test_labels.csv").rename(data / "later_labels.csv")
    summary = training.summary

    def break_rules(epoch: Epoch) -> str:
        if epoch.row["epoch"] == 2:
            raise KeyboardInterrupt
        (folder / "more.npy").read_bytes()
        (data / "later_labels.csv").read_bytes()
        with socket.socket() as socket_of_test:
            socket_of_test.setblocking(False)
            socket_of_test.connect_ex(("192.0.2.1", 9))
        return summary(epoch)

    options = ("--set", "model.name=mel_cnn", "--set", "data.workers=0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "summary", break_rules)
        with pytest.raises(KeyboardInterrupt):
            do_train(data, folder / "run", *options)
    shutil.copytree(folder / "run", folder / "killed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "facenet_pytorch", types.ModuleType("facenet_pytorch"))
        assert do_train(data, folder / "run", "--resume", *options) == 0
    return folder


def test_each_broken_rule_fails(broken_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = audited(broken_run / "run", capsys)
    link = sorted((broken_run / "data" / "train").glob("*.mp4"))[0]
    assert link.is_symlink()
    passed, detail = rules["files read"]
    assert passed is False
    assert f"1 lead out of the given folders: '{link}'" in detail
    # Without workers the main process opens the listed videos itself. They are not in the finding.
    beyond = [str(broken_run / "data" / "later_labels.csv"), str(broken_run / "more.npy")]
    assert f"2 files were opened that the run was not given: '{beyond[0]}', '{beyond[1]}'" in detail
    tree = json.loads((broken_run / "run" / "reads.json").read_text())
    assert [(entry["path"], entry["sha256"]) for entry in tree["beyond"]] == [
        (path, sha256(Path(path))) for path in beyond
    ]
    assert rules["downloads"][0] is False and "192.0.2.1" in rules["downloads"][1]
    assert rules["packages"][0] is False and "facenet_pytorch" in rules["packages"][1]
    assert rules["single model"][0] is True and rules["checkpoint"][0] is True
    assert audit(broken_run / "run") == 0 and audit(broken_run / "run", strict=True) == 1
    assert capsys.readouterr().out.startswith("FAILED: files read, packages, downloads\n")


def test_a_killed_run_is_not_known_but_rules_that_it_broke_fail(
    broken_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = audited(broken_run / "killed", capsys)
    assert rules["packages"] == (None, "not complete yet: training has not ended")
    assert rules["files read"][0] is False and rules["downloads"][0] is False
    written = json.loads((broken_run / "run" / "environment.json").read_text())
    assert [environment.differences(again) for again in written["resumed"]] == [[]]


def test_a_submission_of_another_model_fails(
    run: Path, broken_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    passed, detail = audited(broken_run / "run", capsys, run.parent / "out" / "submission.csv")["submission"]
    assert passed is False and f"scored by model {sha256(run / 'best.pt')}, but" in detail
    (run.parent / "out" / "scores.json").unlink()
    passed, detail = audited(run, capsys, run.parent / "out" / "submission.csv")["submission"]
    assert passed is False
    assert "scores.json: does not exist; wanted the side file that predict.py writes" in detail
