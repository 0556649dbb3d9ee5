"""Files of weights: their tensors and their SHA-256. A pickle that would run code is refused."""

import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from telltale.errors import InputError

NESTINGS = ("state_dict", "model")  # where training programs put the weights beside other things


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Name → tensor of a .safetensors file, or of torch.save's, unwrapped from the usual nestings and from
    DDP's `module.`.

    Raises InputError if the file is not one of weights alone.
    """
    content: Any
    try:
        content = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except pickle.UnpicklingError:
        raise InputError(
            f"{path}: holds more than tensors, and loading it could run code; wanted a state_dict, best as "
            ".safetensors"
        ) from None
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror or error}); wanted a file of weights"
        ) from None
    except (SafetensorError, RuntimeError, ValueError, EOFError, KeyError) as error:
        raise InputError(f"{path}: is not a file of weights ({' '.join(str(error).split())[:200]})") from None
    for nesting in NESTINGS:
        if isinstance(content, dict) and isinstance(content.get(nesting), dict):
            content = content[nesting]
    if (
        not isinstance(content, dict)
        or not content
        or not all(isinstance(value, Tensor) for value in content.values())
    ):
        raise InputError(
            f"{path}: holds no state_dict; wanted names and tensors, at the top or under "
            f"{' or '.join(NESTINGS)}"
        )
    return {name.removeprefix("module."): value for name, value in content.items()}
