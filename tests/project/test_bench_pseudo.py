"""The bench of pseudo-forgeries: a cost for each kind, rows against their limits, and both sheets."""

from pathlib import Path

import pytest
from matplotlib.image import imread

from bench import pseudo
from bench.pseudo_sheet import draw_sheets, other_of, spans
from telltale.forge.pseudo import KINDS

SOME = [KINDS[name] for name in ("resampled", "sound_shifted")]


def test_costs_and_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    found = pseudo.costs(SOME, 48, 2)
    assert list(found) == ["resampled", "sound_shifted"]
    assert all(taken.shape == (2,) and taken.min() > 0 for taken in found.values())
    monkeypatch.setattr(pseudo, "costs", lambda kinds, size, repeats: found)
    rows = pseudo.measure(3)
    assert [row.ratio for row in rows] == [found["resampled"].mean() / 25, found["sound_shifted"].mean() / 15]
    assert all(row.met is (row.ratio <= 1) for row in rows)
    assert all(row.met is None for row in pseudo.measure(1))


def test_the_sheets_have_a_row_for_each_kind(tmp_path: Path) -> None:
    one, other = spans(1, 48)
    assert one.frames is not None and one.wave is not None and other.wave is not None
    assert (one.frames.shape, one.wave.shape, other.wave.shape) == ((24, 48, 48, 3), (32_000,), (32_000,))
    assert other_of(KINDS["sound_shifted"], 1, 48) is other
    draw_sheets([*SOME, KINDS["spliced"]], 1, tmp_path / "sheet.png")
    heights = [imread(tmp_path / name).shape[0] for name in ("sheet.png", "sheet_sound.png")]
    assert heights[1] > 1.5 * heights[0] > 60
