"""One list of statuses: what the code writes is in it, what may carry a number follows from it, and so does
the table in the documentation."""

import ast
import re
from pathlib import Path
from typing import get_args

import pytest

from telltale.decode import container
from telltale.errors import InputError
from telltale.scores.score import Score
from telltale.status import ABSENT, ALWAYS_SCORED, MAY_BE_SCORED, STATUSES

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))


def accepted(status: str, probability: float | None) -> bool:
    try:
        Score("a.mp4", probability, status)
    except InputError:
        return False
    return True


@pytest.mark.parametrize("name", STATUSES)
def test_a_score_follows_the_list(name: str) -> None:
    probability = STATUSES[name].probability
    assert accepted(name, 0.5) == (probability != "never")
    assert accepted(name, None) == (probability != "always")


def test_the_sets_are_those_that_files_were_written_by() -> None:
    assert {"ok", "partial", "submitted"} == ALWAYS_SCORED
    assert {"ok", "partial", "no_sound", "no_picture", "submitted"} == MAY_BE_SCORED
    assert {"no_sound", "no_picture"} == ABSENT


def test_every_status_that_the_code_gives_is_listed() -> None:
    given = set(get_args(container.DecodeStatus))
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("DecodeError", "Lost"):
                given |= {node.args[0].value} if isinstance(node.args[0], ast.Constant) else set()
    assert {"damaged", "timeout", "crashed"} <= given
    assert {STATUSES[name].probability for name in given} == {"never"}
    assert given | {"ok", "partial", "no_sound", "no_picture", "not_finite", "submitted"} == set(STATUSES)


def test_no_other_file_lists_the_statuses_again() -> None:
    for path in SOURCES:
        if path.name == "status.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Tuple | ast.List | ast.Set):
                names = {each.value for each in node.elts if isinstance(each, ast.Constant)}
                assert not {"ok", "partial"} <= names and not names >= ABSENT, f"{path}:{node.lineno}"


def test_the_documentation_lists_each_status_with_its_meaning() -> None:
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*) \|$", text, re.M)
    listed = [(each.name, each.probability, each.meaning) for each in STATUSES.values()]
    assert [row for row in rows if row[1] in ("always", "sometimes", "never")] == listed[:-1]
    assert listed[-1][0] == "submitted"  # it stands in no file that is written
