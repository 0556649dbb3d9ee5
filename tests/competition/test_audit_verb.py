"""A run's own account of what it read, and the verb that judges a run and a submission, over real small
runs."""

import csv
import json
import re
import shutil
import socket
import sys
import types
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
from programs import do_predict, do_train

from telltale import config
from telltale.cli import audit as verb
from telltale.competition import audit_record
from telltale.errors import InputError
from telltale.files import sha256
from telltale.models import checkpoint
from telltale.runtime import environment
from telltale.scores import sidecar
from telltale.train import training
from telltale.train.context import RunInputs
from telltale.train.loop import Epoch
from telltale.train.reads import TrainingReads

# Sound alone: the smallest real run.
SMALL = ("--set", "model.name=mel_cnn", "--set", "optim.epochs=1")


def judge(run: Path, **more: Any) -> int:
    return verb.run(Namespace(**{"run": run, "strict": False, "submission": None, "json": False, **more}))


def told(
    run: Path, capsys: pytest.CaptureFixture[str], submission: Path | None = None
) -> dict[str, tuple[bool | None, str]]:
    """Rule → (passed, detail) of the verb's JSON."""
    capsys.readouterr()
    assert judge(run, json=True, submission=submission) == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert len({finding["rule"] for finding in findings}) == len(findings)
    return {finding["rule"]: (finding["passed"], finding["detail"]) for finding in findings}


@pytest.fixture(scope="module")
def clean(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that keeps every rule, with its submission; do not write into it."""
    run = tmp_path_factory.mktemp("clean") / "run"
    assert do_train(tiny, run, *SMALL) == 0
    assert (
        do_predict(run, tiny / "test", run.parent / "out" / "submission.csv", "--set", "predict.spans=2") == 0
    )
    return run


@pytest.fixture
def run(clean: Path, tmp_path: Path) -> Path:
    """A copy of it, to spoil; the submission is in out/ beside it."""
    shutil.copytree(clean.parent, tmp_path / "copy")
    return tmp_path / "copy" / "run"


@pytest.fixture(scope="module")
def spoilt(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that breaks the rules while it trains, is killed in its second epoch, and is resumed and ends."""
    folder = tmp_path_factory.mktemp("spoilt")
    data = Path(shutil.copytree(tiny, folder / "data"))
    moved = sorted((data / "train").glob("*.mp4"))[0]
    (folder / "elsewhere").mkdir()
    moved.rename(folder / "elsewhere" / moved.name)
    moved.symlink_to(folder / "elsewhere" / moved.name)
    (folder / "more.npy").write_bytes(b"others' data")
    (data / "test_labels.csv").rename(data / "later_labels.csv")
    plain = training.summary

    def spoil(epoch: Epoch) -> str:
        if epoch.row["epoch"] == 2:
            raise KeyboardInterrupt
        (folder / "more.npy").read_bytes()
        (data / "later_labels.csv").read_bytes()
        with socket.socket() as own:
            own.setblocking(False)
            own.connect_ex(("192.0.2.1", 9))
        return plain(epoch)

    more = ("--set", "model.name=mel_cnn", "--set", "data.workers=0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "summary", spoil)
        with pytest.raises(KeyboardInterrupt):
            do_train(data, folder / "run", *more)
    shutil.copytree(folder / "run", folder / "killed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "facenet_pytorch", types.ModuleType("facenet_pytorch"))
        assert do_train(data, folder / "run", "--resume", *more) == 0
    return folder


def test_a_clean_run_passes_every_rule(clean: Path, tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert judge(clean, strict=True, submission=clean.parent / "out" / "submission.csv") == 0
    page = capsys.readouterr().out
    assert page.splitlines()[0] == "passed" and "run: mel_cnn, " in " ".join(page.splitlines()[1:3])
    assert max(map(len, page.splitlines())) <= 100
    assert "FAIL" not in page and "not known" not in page
    digest = sha256(tiny / "train_labels.csv")
    assert digest[:16] in page and digest not in page
    rules = told(clean, capsys)
    assert set(audit_record.OF_THE_RUN) < set(rules) and {
        "parameters",
        "sound weights",
        "checkpoint",
        "settings",
    } < set(rules)
    assert digest in rules["data used"][1] and "16 rows" in rules["data used"][1]
    whole = sum(path.stat().st_size for split in ("train", "validation") for path in (tiny / split).iterdir())
    assert rules["files read"][1].startswith(f"24 videos, {whole:,} bytes, all inside")
    assert rules["downloads"] == (True, "no host was connected to")


def test_the_folder_says_what_was_read_and_with_what(clean: Path, tiny: Path) -> None:
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


def test_score_files_say_where_they_come_from(clean: Path, tiny: Path) -> None:
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


def test_a_run_that_broke_rules_is_told_each(spoilt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = told(spoilt / "run", capsys)
    link = sorted((spoilt / "data" / "train").glob("*.mp4"))[0]
    assert link.is_symlink()
    passed, detail = rules["files read"]
    assert passed is False
    assert f"1 lead out of the given folders: '{link}'" in detail
    # Without workers the main process opens every listed video itself; those are no finding.
    beyond = [str(spoilt / "data" / "later_labels.csv"), str(spoilt / "more.npy")]
    assert f"2 files were opened that the run was not given: '{beyond[0]}', '{beyond[1]}'" in detail
    tree = json.loads((spoilt / "run" / "reads.json").read_text())
    assert [(entry["path"], entry["sha256"]) for entry in tree["beyond"]] == [
        (path, sha256(Path(path))) for path in beyond
    ]
    assert rules["downloads"][0] is False and "192.0.2.1" in rules["downloads"][1]
    assert rules["packages"][0] is False and "facenet_pytorch" in rules["packages"][1]
    assert rules["single model"][0] is True and rules["checkpoint"][0] is True
    assert judge(spoilt / "run") == 0 and judge(spoilt / "run", strict=True) == 1
    assert capsys.readouterr().out.startswith("FAILED: files read, packages, downloads\n")


def test_a_killed_run_is_not_known_and_what_it_broke_stays(
    spoilt: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = told(spoilt / "killed", capsys)
    assert rules["packages"] == (None, "not complete yet: training has not ended")
    assert rules["files read"][0] is False and rules["downloads"][0] is False
    written = json.loads((spoilt / "run" / "environment.json").read_text())
    assert [environment.differences(again) for again in written["resumed"]] == [[]]


def test_a_data_folder_that_is_a_link_is_fine(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(tiny)
    (tmp_path / "run").mkdir()
    settings = config.Config.model_validate({"model": {"name": "mel_cnn"}})
    from telltale.data.manifest import read_data

    splits = read_data(tmp_path / "data", settings.data)
    reads = TrainingReads(RunInputs(tmp_path / "run", tmp_path / "data", *splits), settings.data)
    assert all(file["inside"] for file in reads.tree["files"])
    assert [split["outside"] for split in reads.tree["videos"].values()] == [[], []]
    # The same videos through another name of their folder are the ones that were listed.
    assert not reads.add(
        [str(tiny / "train" / splits[0].rows[0].video_name), str(tmp_path / "run" / "last.pt")], []
    )
    assert reads.add([str(tiny / "train" / "unlisted.mp4")], [])


def test_a_run_of_before_is_not_known_and_no_error(
    run: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = json.loads((run / "audit.json").read_text())
    tree["findings"] = [
        finding for finding in tree["findings"] if finding["rule"] not in audit_record.OF_THE_RUN
    ]
    (run / "audit.json").write_text(json.dumps(tree))
    for name in ("environment.json", "reads.csv", "reads.json", "validation_scores.json"):
        (run / name).unlink()
    rules = told(run, capsys)
    for rule in ("data used", "files read", "packages", "downloads", "checkpoint"):
        assert rules[rule][0] is None
    assert rules["settings"][0] is True and rules["single model"][0] is True
    assert judge(run) == 0 and judge(run, strict=True) == 1
    assert capsys.readouterr().out.startswith(
        "not known: data used, files read, packages, downloads, checkpoint\n"
    )
    # Gone on with, it still cannot say what its first part read; its checkpoint predicts as ever.
    assert do_train(tiny, run, "--resume", *SMALL) == 0
    rules = told(run, capsys)
    assert rules["files read"][0] is None and "did not look" in rules["files read"][1]
    assert rules["data used"][0] is True
    written = json.loads((run / "environment.json").read_text())
    assert written["code"] is None and len(written["resumed"]) == 1
    assert do_predict(run, tiny / "test", run.parent / "again.csv") == 0


def test_another_checkpoint_in_the_folder_fails(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "swa").mkdir()
    shutil.copy(run / "best.pt", run / "swa" / "second.safetensors")
    passed, detail = told(run, capsys)["single model"]
    assert passed is False and "swa/second.safetensors" in detail
    assert judge(run, strict=True) == 1


def test_an_edited_config_fails_by_its_key(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text.replace("label_smoothing: 0.0", "label_smoothing: 0.1"))
    passed, detail = told(run, capsys)["settings"]
    assert passed is False
    assert detail == "optim.label_smoothing is 0.1 in config.yaml, 0.0 in best.pt"
    (run / "config.yaml").write_text(text.replace("epochs: 1", "epochs: 7"))  # as a resumed run may
    assert told(run, capsys)["settings"][0] is True
    (run / "config.yaml").write_text("model: {nome: mel_cnn}")
    assert "config.yaml" in told(run, capsys)["settings"][1] and told(run, capsys)["settings"][0] is False


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9999])
def test_a_flipped_bit_in_the_model_fails(
    run: Path, share: float, capsys: pytest.CaptureFixture[str]
) -> None:
    data = bytearray((run / "best.pt").read_bytes())
    data[int(share * (len(data) - 1))] ^= 1
    (run / "best.pt").write_bytes(data)
    passed, detail = told(run, capsys)["checkpoint"]
    assert passed is False and "best.pt" in detail
    assert judge(run, strict=True) == 1


def test_changed_validation_scores_fail(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = run / "validation_scores.csv"
    path.write_text(path.read_text().replace(",ok,", ",partial,", 1))
    passed, detail = told(run, capsys)["checkpoint"]
    assert passed is False and "describes a file of" in detail


def test_a_run_without_a_model_is_not_known(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "best.pt").unlink()
    rules = told(run, capsys, run.parent / "out" / "submission.csv")
    assert [rules[rule][0] for rule in ("single model", "checkpoint", "settings")] == [None, None, None]
    assert rules["submission"][0] is False
    (run / "audit.json").unlink()
    with pytest.raises(InputError, match=r"wanted the audit\.json of a training run"):
        judge(run)
    (run / "audit.json").write_text("{}")
    with pytest.raises(InputError, match="is not an audit"):
        judge(run)


def submission_of(run: Path, capsys: pytest.CaptureFixture[str]) -> tuple[bool | None, str]:
    return told(run, capsys, run.parent / "out" / "submission.csv")["submission"]


def test_a_submission_is_this_models_numbers(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = sha256(run / "best.pt")
    assert submission_of(run, capsys) == (True, f"10 numbers of model {model}")
    path = run.parent / "out" / "submission.csv"
    lines = path.read_text().splitlines()
    name, number = lines[3].split(",")
    last = str((int(number[-1]) + 1) % 10)  # the tenth decimal
    path.write_text("\n".join([*lines[:3], f"{name},{number[:-1]}{last}", *lines[4:]]) + "\n")
    passed, detail = submission_of(run, capsys)
    assert passed is False
    assert f"{name} ({number[:-1]}{last}, scored {number})" in detail
    assert judge(run, strict=True, submission=path) == 1
    path.write_text(
        "\n".join([lines[0], *reversed(lines[1:])]) + "\n"
    )  # the same numbers, in other bytes than were written
    passed, detail = submission_of(run, capsys)
    assert passed is False and re.search(
        r"its SHA-256 is \w{16}\.\.\., but .*scores\.json describes one of \w{16}", detail
    )
    assert "not the model's" not in detail
    path.write_text("\n".join(lines[:-1]) + "\n")
    assert "in one of it and its scores alone" in submission_of(run, capsys)[1]
    shutil.copy(path.with_name("scores.csv"), path)
    assert "is a file of scores" in submission_of(run, capsys)[1]


def test_a_submission_of_another_model_fails(
    run: Path, spoilt: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    passed, detail = told(spoilt / "run", capsys, run.parent / "out" / "submission.csv")["submission"]
    assert passed is False and f"scored by model {sha256(run / 'best.pt')}, but" in detail
    (run.parent / "out" / "scores.json").unlink()
    passed, detail = submission_of(run, capsys)
    assert (
        passed is False and "scores.json: is not there; wanted the side file that predict.py writes" in detail
    )


def test_one_fallback_for_all_that_was_not_scored(
    run: Path, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    names = [*sorted(path.name for path in (tiny / "test").iterdir())[:2], "absent.mp4", "gone.mp4"]
    (tmp_path / "list.csv").write_text("\n".join(["video_name", *names]) + "\n")
    out = run.parent / "out" / "submission.csv"
    more = ("--list", str(tmp_path / "list.csv"), "--on-unreadable", "value")
    assert do_predict(run, tiny / "test", out, *more) == 0
    assert sidecar.check(out.with_name("scores.csv")).overrides == ["predict.on_unreadable=value"]
    passed, detail = submission_of(run, capsys)
    assert passed is True and detail.endswith("2 videos not scored, 0.5000000000 for each")
    out.write_text(out.read_text().replace("gone.mp4,0.5", "gone.mp4,0.9"))
    passed, detail = submission_of(run, capsys)
    assert passed is False and "2 numbers for videos not scored" in detail
