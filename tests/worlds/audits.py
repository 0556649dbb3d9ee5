"""Calls of `telltale audit` for the tests of it."""

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from telltale.cli import audit as verb

# A detector of sound alone and one epoch: the smallest real run.
SMALL = ("--set", "model.name=mel_cnn", "--set", "optim.epochs=1")


def audit(run: Path, **options: Any) -> int:
    """The exit status of `telltale audit RUN`, which prints its page."""
    return verb.run(Namespace(**{"run": run, "strict": False, "submission": None, "json": False, **options}))


def audited(
    run: Path, capsys: pytest.CaptureFixture[str], submission: Path | None = None
) -> dict[str, tuple[bool | None, str]]:
    """Rule → (passed, detail) of `telltale audit RUN --json`."""
    capsys.readouterr()
    assert audit(run, json=True, submission=submission) == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert len({finding["rule"] for finding in findings}) == len(findings)
    return {finding["rule"]: (finding["passed"], finding["detail"]) for finding in findings}
