"""What a search chooses from: the file, its mistakes, and the trials that are drawn."""

from pathlib import Path

import pytest
from programs import CONFIG

from telltale import config
from telltale.errors import InputError
from telltale.study.search_choices import GIVEN, described, draw, read_choices

SETTINGS = config.read(Path(CONFIG))
CHOICES = """
optim.rate: [1e-3, 3e-4]
optim.autocast: [off, bf16]
size:
  small: {clip.image_size: 32, clip.frames: 1}
  as_it_is: {}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "choices.yaml"
    path.write_text(text)
    return path


def test_every_combination_is_drawn_once(tmp_path: Path) -> None:
    choices = read_choices(written(tmp_path, CHOICES))
    drawn = draw(SETTINGS, choices, 100, seed=1)
    assert [trial.name for trial in drawn.trials] == [GIVEN, *(f"trial{n:02}" for n in range(1, 8))]
    found = {
        (each.settings.optim.rate, each.settings.optim.autocast, each.settings.clip.image_size)
        for each in drawn.trials
    }
    assert found == {(r, a, s) for r in (1e-3, 3e-4) for a in ("off", "bf16") for s in (32, 48)}
    assert drawn.trials[0].settings == SETTINGS and not drawn.refused
    for trial in drawn.trials[1:]:
        assert trial.settings.clip.frames == {"small": 1, "as_it_is": 2}[trial.picks["size"]]
    assert described(drawn.trials[0].picks) == "as it is"
    assert described({"optim.rate": "1e-3", "size": "small"}) == "optim.rate=1e-3, size=small"


def test_the_seed_draws(tmp_path: Path) -> None:
    choices = read_choices(written(tmp_path, CHOICES))
    picks = [[each.picks for each in draw(SETTINGS, choices, 4, seed).trials] for seed in (1, 1, 2)]
    assert picks[0] == picks[1] != picks[2]
    assert len(picks[0]) == 4
    more = [each.picks for each in draw(SETTINGS, choices, 6, 1).trials]
    assert more[:4] == picks[0]  # more trials are these and others


def test_a_combination_that_the_schema_refuses_is_left_out_and_said(tmp_path: Path) -> None:
    text = "optim.sam_rho: [0, 0.05]\noptim.accumulate: [1, 2]\n"
    drawn = draw(SETTINGS, read_choices(written(tmp_path, text)), 9, 0)
    assert len(drawn.trials) == 3
    (said,) = drawn.refused
    assert said.startswith("optim.sam_rho=0.05, optim.accumulate=2 is left out: ")
    assert "wanted accumulate: 1" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1, 2]", "holds no choices; wanted KEY: "),
        ("a: b: c", "is not YAML"),
        ("optim.rat: [1, 2]", "unknown key optim.rat; did you mean optim.rate"),
        ("optim.rate: [1]", "optim.rate: 1 options; wanted KEY:"),
        ("optim.rate: 3", "optim.rate: 3; wanted KEY:"),
        ("optim.rate: [1, 1]", "optim.rate: a value is there twice"),
        ("size: {a: 1, b: 2}", "size: "),
    ],
)
def test_mistakes_in_the_file_are_named(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read_choices(written(tmp_path, text))
    assert "choices.yaml" in str(error.value) and said in str(error.value)


def test_an_option_must_fit_by_itself_and_trials_must_differ(tmp_path: Path) -> None:
    wrong = read_choices(written(tmp_path, "size: {a: {clip.image_siz: 32}, b: {}}"))
    with pytest.raises(InputError, match="size: a: unknown key clip.image_siz"):
        draw(SETTINGS, wrong, 9, 0)
    same = read_choices(written(tmp_path, "size: {a: {}, b: {clip.image_size: 48}}"))
    with pytest.raises(InputError, match="9 trials of 2 combinations are 1"):
        draw(SETTINGS, same, 9, 0)
