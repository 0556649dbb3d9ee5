"""Checkpoints land whole, come back equal, and are read without running code."""

import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from telltale.errors import InputError
from telltale.models import checkpoint


def test_what_is_saved_comes_back_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    content = {"model": {"w": torch.arange(3.0)}, "epoch": 2, "history": [{"loss": 0.5}]}
    checkpoint.save(path, content)
    again = checkpoint.load(path)
    assert torch.equal(again["model"]["w"], content["model"]["w"])
    assert (again["epoch"], again["history"]) == (2, [{"loss": 0.5}])
    assert [p.name for p in tmp_path.iterdir()] == ["last.pt"]


def test_equal_content_gives_equal_bytes_under_any_name(tmp_path: Path) -> None:
    for name in ("a.pt", "b.pt"):
        checkpoint.save(tmp_path / name, {"w": torch.ones(4)})
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


def test_what_a_kill_left_of_a_save_does_not_pile_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(Path, "replace", lambda *_: None)  # as if killed just before the rename
        checkpoint.save(tmp_path / "last.pt", {"epoch": 1})
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr("os.getpid", lambda: 12345)  # another process goes on
    checkpoint.save(tmp_path / "last.pt", {"epoch": 2})
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]


def test_a_save_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    checkpoint.save(path, {"epoch": 1})
    with pytest.raises((pickle.PicklingError, AttributeError)):
        checkpoint.save(path, {"epoch": lambda: 2})
    assert checkpoint.load(path)["epoch"] == 1


class Trap:
    def __reduce__(self) -> tuple:
        return (Path.touch, (Path("/tmp/telltale-trap"),))


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path, trap = tmp_path / "evil.pt", Path("/tmp/telltale-trap")
    trap.unlink(missing_ok=True)
    torch.save({"format": checkpoint.FORMAT, "model": Trap()}, path)
    with pytest.raises(InputError, match="evil.pt"):
        checkpoint.load(path)
    assert not trap.exists()


@pytest.mark.parametrize("damage", ["absent", "empty", "text", "cut", "other"])
def test_what_is_no_checkpoint_is_one_sentence(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "best.pt"
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_text("not a checkpoint")
    elif damage == "cut":
        checkpoint.save(path, {"w": torch.zeros(10_000)})
        path.write_bytes(path.read_bytes()[:20_000])
    elif damage == "other":
        torch.save({"state_dict": {}}, path)
    with pytest.raises(InputError, match=r"best\.pt: ") as caught:
        checkpoint.load(path)
    assert "\n" not in str(caught.value)


def test_weights_that_do_not_fit_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="bias"):
        checkpoint.load_weights(torch.nn.Linear(2, 1), {"weight": torch.zeros(1, 2)}, tmp_path / "best.pt")


def test_a_flipped_bit_anywhere_is_harmless_or_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "best.pt"
    checkpoint.save(path, {"model": {"w": torch.arange(3.0)}, "config": {"seed": 1, "names": ["a", "b"]}})
    whole = path.read_bytes()
    refused = []
    for place in range(0, len(whole), 3):
        for bit in (1, 64):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
            try:
                checkpoint.load(path)
            except InputError as error:
                refused.append(str(error))
    assert len(refused) > 100
    assert not any("\n" in sentence for sentence in refused)


def test_facts_are_all_but_the_tensors_and_need_no_torch(tmp_path: Path) -> None:
    path = tmp_path / "best.pt"
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).bfloat16()
    about = {
        "config": {"seed": 3, "list": [1.5, None, "x"], "on": True},
        "data": "ab",
        "metrics": {"auc": 0.75},
    }
    checkpoint.save(path, {**about, "model": model.state_dict(), "parameter": model[0].weight})
    found = checkpoint.facts(path)
    assert {name: found[name] for name in about} == about
    assert found["model"] == dict.fromkeys(model.state_dict()) and found["parameter"] is None
    assert found.keys() == checkpoint.load(path).keys()


def test_facts_call_nothing_that_a_file_names(tmp_path: Path) -> None:
    path = tmp_path / "evil.pt"
    torch.save({"format": checkpoint.FORMAT, "run": Path("x")}, path)
    with pytest.raises(
        InputError, match=r"evil\.pt: is damaged or no checkpoint \(pathlib\.\w+ does not belong"
    ):
        checkpoint.facts(path)
    with zipfile.ZipFile(tmp_path / "other.pt", "w") as archive:
        archive.writestr("a.txt", "x")
    with pytest.raises(InputError, match="is damaged or no checkpoint"):
        checkpoint.facts(tmp_path / "other.pt")
    torch.save({"format": "something else"}, path)
    with pytest.raises(InputError, match="is not a telltale-checkpoint-1 file"):
        checkpoint.facts(path)


def test_nobody_is_advised_to_run_what_a_foreign_file_holds(tmp_path: Path):
    path = tmp_path / "model.pt"
    torch.save({"model": torch.nn.Linear(1, 1)}, path)
    with pytest.raises(InputError) as caught:
        checkpoint.load(path)
    wanted = (
        "is damaged or no checkpoint (it holds more than tensors and plain values); wanted a file that "
        "train.py wrote"
    )
    assert str(caught.value) == f"{path}: {wanted}"
