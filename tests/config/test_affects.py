"""Each key says what it affects, and what may differ between runs follows from it."""

import re

import pytest

from telltale.cli import keys as keys_verb
from telltale.cli import main
from telltale.config import flatten, parse
from telltale.config.affects import Affects, Result
from telltale.config.keys import KEYS, affecting, settings_of
from telltale.config.sections import Section
from telltale.predict import prediction
from telltale.reproduce import spread
from telltale.train import run_folder

STORE = {"store.max_gb", "store.keep_free_gb", "store.shard_clips"}
# Before keys said what they affect, these were three lists in three files.
RESUME = STORE | {"data.workers", "threads", "optim.epochs", "optim.patience", "optim.save_every"}
JOURNAL = STORE | {"data.workers", "predict.on_unreadable", "predict.unreadable_value"}
SPREAD = STORE | {"seed", "threads", "data.workers", "data.timeout_seconds"}


def test_every_key_says_what_it_affects() -> None:
    settings = parse({"model": {"name": "mel_cnn"}}, "test").model_dump(mode="json")
    assert set(KEYS) == set(flatten(settings)) == affecting(*Affects)
    assert all(affecting(kind) for kind in Affects)


def test_a_key_that_does_not_say_it_is_refused() -> None:
    class Silent(Section):
        grey: Result[float] = 0.5
        shade: float = 0.5

    with pytest.raises(TypeError, match=r"mine\.shade: wanted one of the types of config/affects\.py"):
        list(settings_of(Silent, "mine."))


def test_what_a_resumed_run_may_change_follows() -> None:
    assert run_folder.FREE == RESUME


def test_what_a_journal_does_not_depend_on_follows() -> None:
    assert prediction.FREE == JOURNAL


def test_what_runs_over_seeds_may_differ_in_follows() -> None:
    assert spread.OF_A_SEED == SPREAD


def test_the_command_says_what_each_kind_means(capsys: pytest.CaptureFixture[str]) -> None:
    said = dict(re.findall(r"^([a-z]+) {2,}([^=\n]+)$", keys_verb.__doc__ or "", re.M))
    assert said.keys() == set(Affects)
    assert len(set(said.values())) == len(said)
    assert main(["keys", "data.workers"]) == 0
    assert (
        capsys.readouterr().out.splitlines()[0]
        == f"{'data.workers = null':40}  speed     integer >= 0 | null"
    )
