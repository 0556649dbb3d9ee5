"""The audit of a run, as a record: `audit.json` in the run's folder. `rules.py` fills it in; here it is written and read.

Free of torch, so that `telltale audit RUN` answers at once.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from telltale.errors import InputError


@dataclass(frozen=True)
class Finding:
    """One rule, whether it is kept, and the figures or reason in words."""

    rule: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class Audit:
    """What was counted and found.

    `parameters` counts every parameter tensor; `thop_parameters` and `macs` (multiply-adds of one clip) are thop's; `limit` is
    for both counts. `provenance` says per tower which weights it began with.
    """

    model: str
    passed: bool
    parameters: int
    thop_parameters: int
    macs: int
    limit: int
    provenance: dict[str, dict[str, Any]]
    findings: tuple[Finding, ...]


def write(audit: Audit, path: Path) -> None:
    """Write audit.json: indented, keys sorted, so that two equal audits are equal bytes. It lands whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(asdict(audit), indent=2, sort_keys=True) + "\n", encoding="utf-8")
    part.replace(path)


def read(path: Path) -> Audit:
    """The audit in `path`. Raises InputError where there is none or where it is not one."""
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        findings = tuple(Finding(**finding) for finding in tree.pop("findings"))
        return Audit(**tree, findings=findings)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); wanted the audit.json of a training run") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: is not an audit ({' '.join(str(error).split())}); train again to write it anew") from None


def one_line(audit: Audit) -> str:
    """The audit in one line, for the program's output."""
    broken = [finding.rule for finding in audit.findings if not finding.passed]
    verdict = "passed" if audit.passed else f"FAILED ({', '.join(broken)})"
    return (
        f"audit {verdict}: {audit.model}, {audit.parameters:,} parameters ({audit.thop_parameters:,} by thop; "
        f"limit {audit.limit:,}), {audit.macs / 1e9:.2f} GMACs a clip"
    )


def table(audit: Audit) -> str:
    """The audit as a plain table, one rule a line."""
    width = max(len(finding.rule) for finding in audit.findings)
    lines = [f"{'pass' if f.passed else 'FAIL'}  {f.rule:<{width}}  {f.detail}" for f in audit.findings]
    return "\n".join([*lines, one_line(audit)])
