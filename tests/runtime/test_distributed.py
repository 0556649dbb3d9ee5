"""deterministic=true: torch is held to it, within the run alone, and an operation that cannot is one
sentence."""

import os
from pathlib import Path

import pytest
import torch

from telltale import config
from telltale.errors import InputError
from telltale.runtime import distributed

CONFIG = Path(__file__).parents[1] / "worlds" / "tiny.yaml"


def test_torch_is_deterministic_within_the_run_and_only_where_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    with distributed.join(1):
        assert not torch.are_deterministic_algorithms_enabled()
    with distributed.join(1, deterministic=True):
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.backends.cudnn.benchmark
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert not torch.are_deterministic_algorithms_enabled()


def test_an_operation_that_cannot_be_deterministic_is_named() -> None:
    told = "deterministic=true: put_ does not have a deterministic implementation; set it to false"
    with pytest.raises(InputError, match=told), distributed.join(1, deterministic=True):
        torch.zeros(3).put_(torch.tensor([0, 0]), torch.tensor([1.0, 2.0]))
    with pytest.raises(RuntimeError, match="shape"), distributed.join(1, deterministic=True):
        torch.zeros(3).view(2)


def test_it_is_a_key_of_the_configuration() -> None:
    assert config.read(CONFIG).deterministic is False
    assert config.read(CONFIG, ["deterministic=true"]).deterministic is True
