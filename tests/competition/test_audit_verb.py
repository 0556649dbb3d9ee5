"""`telltale audit` on a small real run, and on copies of it that were changed."""

import json
import shutil
from pathlib import Path

import pytest
from audits import SMALL, audit, audited
from programs import do_predict, do_train

from telltale.competition import audit_record
from telltale.errors import InputError
from telltale.files import sha256


def test_a_clean_run_passes_every_rule(clean: Path, tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(clean, strict=True, submission=clean.parent / "out" / "submission.csv") == 0
    page = capsys.readouterr().out
    assert page.splitlines()[0] == "passed" and "run: mel_cnn, " in " ".join(page.splitlines()[1:3])
    assert max(map(len, page.splitlines())) <= 100
    assert "FAIL" not in page and "not known" not in page
    digest = sha256(tiny / "train_labels.csv")
    assert digest[:16] in page and digest not in page
    rules = audited(clean, capsys)
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


def test_a_run_of_an_old_version_is_not_known_and_no_error(
    run: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = json.loads((run / "audit.json").read_text())
    tree["findings"] = [
        finding for finding in tree["findings"] if finding["rule"] not in audit_record.OF_THE_RUN
    ]
    (run / "audit.json").write_text(json.dumps(tree))
    for name in ("environment.json", "reads.csv", "reads.json", "validation_scores.json"):
        (run / name).unlink()
    rules = audited(run, capsys)
    for rule in ("data used", "files read", "packages", "downloads", "checkpoint"):
        assert rules[rule][0] is None
    assert rules["settings"][0] is True and rules["single model"][0] is True
    assert audit(run) == 0 and audit(run, strict=True) == 1
    assert capsys.readouterr().out.startswith(
        "not known: data used, files read, packages, downloads, checkpoint\n"
    )
    # After a resume it is still not known what its first part read. Its checkpoint predicts as before.
    assert do_train(tiny, run, "--resume", *SMALL) == 0
    rules = audited(run, capsys)
    assert rules["files read"][0] is None and "did not check this" in rules["files read"][1]
    assert rules["data used"][0] is True
    written = json.loads((run / "environment.json").read_text())
    assert written["code"] is None and len(written["resumed"]) == 1
    assert do_predict(run, tiny / "test", run.parent / "again.csv") == 0


def test_another_checkpoint_in_the_folder_fails(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "swa").mkdir()
    shutil.copy(run / "best.pt", run / "swa" / "second.safetensors")
    passed, detail = audited(run, capsys)["single model"]
    assert passed is False and "swa/second.safetensors" in detail
    assert audit(run, strict=True) == 1


def test_an_edited_config_fails_by_its_key(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text.replace("label_smoothing: 0.0", "label_smoothing: 0.1"))
    passed, detail = audited(run, capsys)["settings"]
    assert passed is False
    assert detail == "optim.label_smoothing is 0.1 in config.yaml, 0.0 in best.pt"
    (run / "config.yaml").write_text(text.replace("epochs: 1", "epochs: 7"))  # which a resume may change
    assert audited(run, capsys)["settings"][0] is True
    (run / "config.yaml").write_text("model: {nome: mel_cnn}")
    passed, detail = audited(run, capsys)["settings"]
    assert passed is False and "config.yaml" in detail


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9999])
def test_a_flipped_bit_in_the_model_fails(
    run: Path, share: float, capsys: pytest.CaptureFixture[str]
) -> None:
    data = bytearray((run / "best.pt").read_bytes())
    data[int(share * (len(data) - 1))] ^= 1
    (run / "best.pt").write_bytes(data)
    passed, detail = audited(run, capsys)["checkpoint"]
    assert passed is False and "best.pt" in detail
    assert audit(run, strict=True) == 1


def test_changed_validation_scores_fail(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = run / "validation_scores.csv"
    path.write_text(path.read_text().replace(",ok,", ",partial,", 1))
    passed, detail = audited(run, capsys)["checkpoint"]
    assert passed is False and "describes a file of" in detail


def test_a_run_without_a_model_is_not_known(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "best.pt").unlink()
    rules = audited(run, capsys, run.parent / "out" / "submission.csv")
    assert [rules[rule][0] for rule in ("single model", "checkpoint", "settings")] == [None, None, None]
    assert rules["submission"][0] is False
    (run / "audit.json").unlink()
    with pytest.raises(InputError, match=r"wanted the audit\.json of a training run"):
        audit(run)
    (run / "audit.json").write_text("{}")
    with pytest.raises(InputError, match="is not an audit"):
        audit(run)
