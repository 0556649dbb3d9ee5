"""How many cores there are to use, and for how many processes."""

import os
from pathlib import Path

import pytest
import torch

from telltale.runtime import distributed, threads


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("max 100000", 8), ("250000 100000", 3), ("50000 100000", 1), ("9900000 100000", 8), (None, 8)],
)
def test_a_containers_quota_counts(
    quota: str | None, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    if quota is not None:
        (tmp_path / "cpu.max").write_text(quota + "\n")
    assert threads.cores(str(tmp_path / "cpu.max")) == expected


def test_processes_of_one_machine_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 8)
    alone, crowded = (
        distributed.Process(0, 1, torch.device("cpu")),
        distributed.Process(0, 16, torch.device("cpu"), 16),
    )
    assert [
        alone.workers(None, 100),
        alone.workers(None, 3),
        alone.workers(5, 100),
        alone.workers(0, 100),
    ] == [8, 3, 5, 0]
    assert [crowded.workers(None, 100), crowded.workers(5, 100)] == [1, 5]
