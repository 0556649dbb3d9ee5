"""The settings of an evaluation: kept in JSON, checked when they are made."""

import dataclasses
import json

import pytest

from telltale.errors import InputError
from telltale.evaluate.options import Options


def test_options_go_through_json_and_refuse_nonsense() -> None:
    options = Options(resamples=7, intervals="delong", threshold=0.25)
    assert Options(**json.loads(json.dumps(dataclasses.asdict(options)))) == options
    for wrong, said in (
        ({"resamples": 0}, "0 bootstrap resamples"),
        ({"seed": -1}, "seed -1"),
        ({"intervals": "normal"}, "wanted bootstrap or delong"),
        ({"threshold": 1.5}, "threshold 1.5"),
        ({"threshold": float("nan")}, "threshold nan"),
        ({"choose": "best"}, "rule 'best'"),
    ):
        with pytest.raises(InputError, match=said):
            Options(**wrong)
