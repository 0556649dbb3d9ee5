"""The keys of the configuration: which was meant, and what `telltale keys` prints."""

import json

import pytest

from telltale.cli import main
from telltale.config import (
    AugmentSettings,
    Config,
    keys,
)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *(
            ("optim.lr", "optim.rate"),
            ("lr", "optim.rate"),
            ("optimizer.lr", "optim.rate"),
            ("model.lr", "optim.rate"),
        ),
        *(("optim.epoch", "optim.epochs"), ("train.epochs", "optim.epochs"), ("Optim.rate", "optim.rate")),
        *(
            ("bs", "data.batch_size"),
            ("predict.bs", "predict.batch_size"),
            ("optim.batch_size", "data.batch_size"),
        ),
        *(
            ("wd", "optim.weight_decay"),
            ("optim.seed", "seed"),
            ("optimiser", "optim"),
            ("optim.optimizer", "optim.name"),
        ),
        *(("model.dropuot", "model.dropout"), ("data.train", "data.train_videos"), ("nothing.like_it", None)),
    ],
)
def test_which_key_was_meant(name: str, meant: str | None):
    assert keys.suggest(name) == meant


def test_every_other_name_leads_to_a_key_that_is_there():
    assert set(keys.ALIASES.values()) <= set(keys.KEYS)
    assert not set(keys.ALIASES) & {key.rpartition(".")[2] for key in keys.KEYS}


def test_keys_are_shown_with_default_range_and_meaning(capsys):
    assert main(["keys", "optim.rate"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{'optim.rate = 0.0003':40}  result    number > 0",
        "    Learning rate, before warm-up and schedule.",
    ]
    assert main(["keys", "augment.*_p", "--json"]) == 0
    found = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert set(found) == {f"augment.{name}" for name in AugmentSettings.model_fields if name.endswith("_p")}
    assert (
        found["augment.flip_p"]["default"] == "0.5"
        and found["augment.flip_p"]["affects"] == "result"
        and found["augment.flip_p"]["range"] == "number >= 0, <= 1"
    )
    assert main(["keys", "learning rate"]) == 0  # no name has it, a meaning has
    assert capsys.readouterr().out.startswith("optim.rate = ")
    assert main(["keys", "lr"]) == 2
    assert "did you mean optim.rate?" in capsys.readouterr().err


def test_every_key_is_told_and_what_a_range_says_is_true():
    tree = Config(model={"name": "mel_cnn"}).model_dump(mode="json")
    inner = {
        f"{section}.{key}" for section, values in tree.items() if isinstance(values, dict) for key in values
    }
    assert set(keys.KEYS) == inner | {key for key, value in tree.items() if not isinstance(value, dict)}
    assert [key.name for key in keys.KEYS.values() if not key.default] == ["model.name"]
    assert all(key.meaning for key in keys.KEYS.values())
    ranges = {
        name: keys.KEYS[name].range
        for name in ("optim.autocast", "clip.jpeg_quality", "data.workers", "seed")
    }
    assert ranges == {
        "optim.autocast": "off | bf16 | fp16",
        "clip.jpeg_quality": "integer >= 1, <= 100 | null",
        "data.workers": "integer >= 0 | null",
        "seed": "integer >= 0",
    }


@pytest.mark.parametrize(
    ("command", "says"),
    [("trian", "unknown command trian; did you mean train?"), ("xyz", "demo, demo-data, train")],
)
def test_an_unknown_command_gets_the_one_that_was_meant(command: str, says: str, capsys):
    with pytest.raises(SystemExit, match="2"):
        main([command, "--out", "x"])
    assert says in capsys.readouterr().err
