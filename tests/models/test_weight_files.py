"""Files of weights: the nestings they come in, and those that are no weights, or worse."""

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from telltale.errors import InputError
from telltale.files import sha256
from telltale.models.weight_files import read_tensors

WEIGHTS = {"stem.weight": torch.arange(12.0).view(3, 4), "stem.bias": torch.ones(3)}


def same(read: dict[str, Tensor]) -> bool:
    return read.keys() == WEIGHTS.keys() and all(torch.equal(read[key], WEIGHTS[key]) for key in read)


@pytest.mark.parametrize("nesting", [None, "state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_weights_are_unwrapped_from_the_usual_nestings(
    tmp_path: Path, nesting: str | None, prefix: str
) -> None:
    tensors = {prefix + key: value for key, value in WEIGHTS.items()}
    torch.save({nesting: tensors, "epoch": 3} if nesting else tensors, tmp_path / "mine.pth")
    assert same(read_tensors(tmp_path / "mine.pth"))
    save_file(tensors, tmp_path / "mine.safetensors")
    assert same(read_tensors(tmp_path / "mine.safetensors"))


def test_sha256_of_a_known_text(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


class Trap:
    """Unpickling this would create a file."""

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, ("sprung", "w")


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": WEIGHTS, "callback": Trap()}, tmp_path / "trap.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Trap()))
    for name in ("trap.pth", "plain.pth"):
        with pytest.raises(InputError, match="loading it could run code"):
            read_tensors(Path(name))
    assert not (tmp_path / "sprung").exists()


def test_files_that_are_none_of_weights_are_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("hello")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"epoch": 3}, tmp_path / "no.pth")
    (tmp_path / "empty.pth").write_bytes(b"")
    for name in ("text.safetensors", "list.pth", "no.pth", "empty.pth", "absent.pth", "absent.safetensors"):
        with pytest.raises(InputError, match=name):
            read_tensors(tmp_path / name)
