"""The parts of an audit that need no run: verdicts, findings on what was read, and one single model."""

from pathlib import Path

import pytest

from telltale.competition import audit_record, rules
from telltale.errors import InputError


def test_a_finding_has_three_states_and_so_has_the_verdict() -> None:
    kept, broken_one, unknown = (audit_record.Finding("rule", state, "why") for state in (True, False, None))
    assert audit_record.verdict([kept, kept]) is True
    assert audit_record.verdict([kept, unknown]) is None and audit_record.verdict([]) is None
    assert audit_record.verdict([unknown, broken_one, kept]) is False
    with pytest.raises(InputError, match="wanted true, false or null"):
        audit_record.Finding("rule", "yes", "why")  # type: ignore[arg-type]


def reads(**changes: object) -> dict:
    """The tree of a reads.json of three videos, as a run that kept every rule leaves it."""
    label = {
        "kind": "labels",
        "split": "train",
        "path": "d/train_labels.csv",
        "bytes": 9,
        "sha256": "ab" * 32,
        "rows": 1234,
    }
    videos = {"train": {"folder": "d/train", "videos": 3, "bytes": 2500, "outside": []}}
    tree = {
        "complete": True,
        "unwatched": False,
        "files": [{**label, "inside": True}],
        "videos": videos,
        "store": None,
    }
    return {**tree, "beyond": [], "hosts": [], "forbidden": [], "foreign": [], **changes}


def findings(**changes: object) -> dict[str, audit_record.Finding]:
    return {finding.rule: finding for finding in rules.of_reads(reads(**changes), "f" * 16)}


def test_rules_on_what_was_read_pass_at_the_end_only() -> None:
    kept = findings()
    assert list(kept) == ["data used", "files read", "packages", "downloads"]
    assert all(finding.passed is True for finding in kept.values())
    assert f"d/train_labels.csv (labels, 1,234 rows), SHA-256 {'ab' * 32}" in kept["data used"].detail
    assert kept["data used"].detail.endswith("f" * 16)
    assert kept["files read"].detail.startswith("3 videos, 2,500 bytes, all inside the given folders")
    early = findings(complete=False)
    assert [finding.passed for finding in early.values()] == [True, None, None, None]
    assert early["files read"].detail == "not complete yet: training has not ended"
    resumed = findings(unwatched=True)
    assert [finding.passed for finding in resumed.values()] == [True, None, None, None]
    assert "did not check this" in resumed["downloads"].detail
    assert "through the store /s" in findings(store="/s")["files read"].detail
    noted = findings(foreign=["pytest"])["packages"]
    assert noted.passed is True and noted.detail.endswith("loaded: pytest")


@pytest.mark.parametrize(
    ("changes", "rule", "words"),
    [
        (
            {"beyond": [{"path": "/x/extra.npy"}]},
            "files read",
            "1 files were opened that the run was not given: '/x/extra.npy'",
        ),
        (
            {"videos": {"train": {"folder": "d/train", "videos": 1, "bytes": 1, "outside": ["a.mp4"]}}},
            "files read",
            "1 lead out of the given folders: 'd/train/a.mp4'",
        ),
        ({"forbidden": ["dlib"]}, "packages", "weights from other data: dlib"),
        ({"hosts": ["192.0.2.1"]}, "downloads", "connected to, or looked up: 192.0.2.1"),
    ],
)
def test_a_broken_rule_fails_at_once_and_stays_failed(changes: dict, rule: str, words: str) -> None:
    for state in ({}, {"complete": False}, {"unwatched": True}):
        finding = findings(**changes, **state)[rule]
        assert finding.passed is False
        assert words in finding.detail


def test_a_label_file_that_is_a_link_to_another_folder_is_outside() -> None:
    tree = reads()
    tree["files"][0]["inside"] = False
    assert "d/train_labels.csv" in {f.rule: f for f in rules.of_reads(tree, "")}["files read"].detail
    assert {f.rule: f.passed for f in rules.of_reads(tree, "")}["files read"] is False


def test_a_run_holds_one_single_model(tmp_path: Path) -> None:
    assert audit_record.single_model(tmp_path).passed is None
    for name in ("best.pt", "last.pt", "notes.txt", ".best.pt.part"):
        (tmp_path / name).touch()
    assert audit_record.single_model(tmp_path).passed is True and audit_record.checkpoints(tmp_path) == []
    (tmp_path / "old").mkdir()
    for name in ("second.PTH", "old/best.pt", "w.safetensors", "x.ckpt"):
        (tmp_path / name).touch()
    assert audit_record.checkpoints(tmp_path) == ["old/best.pt", "second.PTH", "w.safetensors", "x.ckpt"]
    finding = audit_record.single_model(tmp_path)
    assert finding.passed is False and "old/best.pt, second.PTH, w.safetensors, x.ckpt" in finding.detail
    for name in audit_record.checkpoints(tmp_path):
        (tmp_path / name).unlink()
    (tmp_path / "last.pt").unlink()  # as in a bundle
    assert audit_record.single_model(tmp_path).passed is True
    (tmp_path / "best.pt").unlink()
    assert audit_record.single_model(tmp_path).passed is None


def test_a_page_is_narrow_and_shortens_digests_alone() -> None:
    long = "a" * 16
    findings = [
        audit_record.Finding("x", True, f"{'word ' * 40}{long * 4} {long}"),
        audit_record.Finding("longer rule", None, "y"),
    ]
    lines = audit_record.page(findings).splitlines()
    assert max(map(len, lines)) <= 100 and len(lines) > 3
    assert lines[0].startswith("pass       x            word") and lines[1].startswith(" " * 24 + "word")
    assert lines[-1] == "not known  longer rule  y"
    assert " ".join(lines).count(long) == 2 and long * 2 not in " ".join(lines)
