"""What the page on the flagship says of its parts is what the configurations build."""

import json
from pathlib import Path

import pytest

from bench import flagship_parts
from bench.measure import BEGIN, END
from telltale.train import detector_costs

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def counts() -> dict[str, dict[str, int]]:
    return {name: flagship_parts.counts(name) for name in flagship_parts.CONFIGS}


def test_the_table_of_parts_is_that_of_the_shipped_configurations(counts: dict[str, dict[str, int]]) -> None:
    page = (ROOT / "docs/flagship.md").read_text(encoding="utf-8")
    shown = page.partition(f"<!-- flagship parts{BEGIN}")[2].partition(END)[0].strip().splitlines()
    assert shown == flagship_parts.table(counts), "python -m bench.flagship_parts --table docs/flagship.md"
    audited = detector_costs.counted()["flagship"]["counts"]
    assert counts["flagship"]["total"] == audited["parameters"] < 60_000_000
    assert audited["thop_parameters"] < 60_000_000 and f"{audited['thop_parameters']:,}" in page
    assert 500_000 < counts["flagship_small"]["total"] < 1_500_000


def test_the_picture_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counts: dict[str, dict[str, int]]
) -> None:
    monkeypatch.setattr(flagship_parts, "counts", counts.__getitem__)
    document = tmp_path / "page.md"
    document.write_text(f"before\n<!-- x{BEGIN}\n{END}\nafter\n")
    asked = ["--picture", str(tmp_path / "f.png"), "--table", str(document)]
    assert flagship_parts.main(asked) == 0
    assert (tmp_path / "f.png").stat().st_size > 20_000
    assert json.dumps(document.read_text()).count("flagship") == 2
