"""The figure of the submission ledger, by itself and as `telltale submit-log list --plot` draws it."""

import json
import random
import subprocess
import sys
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from telltale.cli import parse
from telltale.competition import ledger_figure
from telltale.competition.ledger import Ledger, Submission
from telltale.competition.ledger_file import change
from telltale.errors import InputError
from telltale.report import style

ROME = ZoneInfo("Europe/Rome")
NOON = datetime(2026, 11, 21, 11, 0, tzinfo=UTC)


def world(count: int, days: float, missing: float) -> list[Submission]:
    rng = random.Random(0)
    entries = []
    for k in range(count):
        when = (NOON + timedelta(days=days * k / count)).replace(microsecond=0)
        shares = {
            name: 0.7 + 0.2 * rng.random()
            for name in ("own_auc", "unseen_auc", "score_auc")
            if rng.random() >= missing
        }
        entries.append(
            Submission(k + 1, when, "test" if k % 3 == 2 else "validation", "s.csv", "ab" * 32, **shares)
        )
    return entries


@pytest.mark.parametrize("missing", [0.0, 0.4, 1.0])
@pytest.mark.parametrize(("count", "days"), [(1, 1), (6, 0.3), (6, 3), (40, 60)])
def test_the_figure_draws_without_a_warning(tmp_path: Path, count: int, days: float, missing: float) -> None:
    path = tmp_path / "plot.png"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ledger_figure.over_time(world(count, days, missing), ROME, path)
    pixels = imread(path)[..., :3]

    def has(colour: str, rows: slice) -> int:
        return int((np.abs(pixels[rows] - np.array(to_rgb(colour))).max(axis=-1) < 0.01).sum())

    legend = slice(-30, None)
    for colour in (style.DETECTOR, style.UNSEEN):
        assert has(colour, legend) > 3
        assert (has(colour, slice(0, -30)) > 3) == (missing < 1)
    assert list(tmp_path.iterdir()) == [path]


def test_the_figure_has_a_panel_for_each_phase_that_occurs(tmp_path: Path) -> None:
    entries = world(6, 3, 0)
    ledger_figure.over_time(entries, ROME, tmp_path / "both.png")
    ledger_figure.over_time(
        [entry for entry in entries if entry.phase == "test"], ROME, tmp_path / "test.png"
    )
    assert imread(tmp_path / "both.png").shape[0] > 1.4 * imread(tmp_path / "test.png").shape[0]
    with pytest.raises(InputError, match="no submission to draw"):
        ledger_figure.over_time([], ROME, tmp_path / "none.png")


def listed(path: Path, *arguments: str) -> int:
    module, parsed = parse(["submit-log", "list", "--ledger", str(path), *arguments])
    return module.run(parsed)


def test_list_plots(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, plot = tmp_path / "l.csv", tmp_path / "deep" / "plot.png"
    change(path, lambda _: Ledger(ROME, tuple(world(3, 1, 1))), "")
    assert listed(path, "--plot", str(plot)) == 0
    assert plot.read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert f"wrote {plot}" in printed
    assert "own validation AUC minus returned AUC, mean: not known (n = 0)" in printed
    listed(path, "--plot", str(plot), "--json")
    assert json.loads(capsys.readouterr().out)["timezone"] == "Europe/Rome"  # nothing but JSON is printed
    for name, why in (
        ("plot.pdf", "wanted the name of a .png file"),
        ("l.csv/plot.png", "cannot be written"),
    ):
        with pytest.raises(InputError, match=rf"--plot .*{name}: {why}"):
            listed(path, "--plot", str(tmp_path / name))
    change(path, lambda ledger: Ledger(ledger.zone))
    with pytest.raises(InputError, match=r"plot.png: the ledger holds no submission yet"):
        listed(path, "--plot", str(plot))


def test_neither_torch_nor_a_window_system_nor_a_heavy_ledger() -> None:
    code = (
        "import sys, telltale.competition.ledger_file, telltale.cli.submit_log_list\n"
        "assert not {'numpy', 'pandas', 'matplotlib', 'torch'} & set(sys.modules)\n"
        "import telltale.competition.ledger_figure\n"
        "assert not {'torch', 'matplotlib.pyplot'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
