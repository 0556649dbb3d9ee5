"""The table of how hard each kind of the zoo is: what detectors read, what an AUC says, what gets none."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench import zoo_difficulty
from bench.zoo_difficulty import FILES, Unit
from telltale.errors import InputError


def test_units_say_what_they_forge() -> None:
    [swap, vocoder] = zoo_difficulty.units(True, ["face_swap", "vocoder"])
    assert (swap.name, swap.reads) == ("face_swap", {"picture"}) and vocoder.reads == {"sound"}
    [lips, both] = zoo_difficulty.units(False, ["lips_drawn", "reenactment+partial"])
    assert lips.reads == {"picture"} and both.reads == {"picture", "sound"}
    assert len(zoo_difficulty.units(False, None)) > 40
    with pytest.raises(InputError, match="did you mean face_swap"):
        zoo_difficulty.units(True, ["face_swp"])


def test_the_detectors_read_small_pictures() -> None:
    args = argparse.Namespace(epochs=3, seed=2, seconds=1.5)
    for name in FILES:
        settings = zoo_difficulty.read(name, args)
        assert settings.model.name == name and settings.clip.image_size == 96
        assert (settings.optim.epochs, settings.seed, settings.clip.seconds) == (3, 2, 1.2)


def scores(unit: str, good: str) -> pd.DataFrame:
    """Every forged clip is above every genuine one for one detector; the others give all the same score."""
    target = np.repeat([0, 1], 10)
    parts = [
        pd.DataFrame(
            {
                "task": f"{unit}/{name}",
                "target": target,
                "fake_probability": target * 0.5 if name == good else 0.5,
            }
        )
        for name in FILES
    ]
    return pd.concat(parts, ignore_index=True)


def test_the_table_says_what_an_auc_means(tmp_path: Path) -> None:
    unit = Unit("a+b", "kind", frozenset({"picture"}))
    refused = [{"name": "c", "status": "3 forged clips in train; wanted 8 or more"}]
    for good, found in (("frame_cnn", "found"), ("mel_cnn", "not at chance, though it reads nothing forged")):
        table = zoo_difficulty.measure(
            scores("a-and-b", good), [unit, Unit("c", "kind", frozenset())], refused
        )
        rows = table.set_index("detector")
        assert rows.loc[good, "auc"] == 1 and rows.loc[good, "status"] == found
        assert rows.loc["audiovisual", "status"] == "not told from chance"
        assert list(table["name"]) == ["c", *["a+b"] * 3] and np.isnan(table["auc"][0])
    assert (
        zoo_difficulty.status(False, {"value": 0.52, "low": 0.4, "high": 0.6}) == "at chance, as it must be"
    )
    zoo_difficulty.write(tmp_path, table, {"families": False})
    assert "wanted 8 or more" in (tmp_path / "index.html").read_text()
    assert (tmp_path / "difficulty.png").exists()


def test_too_few_clips_are_named() -> None:
    clips = pd.DataFrame({"split": ["train"] * 9 + ["test"] * 9, "target": 1})
    assert zoo_difficulty.too_few(clips) == "0 forged clips in validation; wanted 8 or more"
