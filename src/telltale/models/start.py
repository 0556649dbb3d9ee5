"""Training that starts from a checkpoint of an earlier run (`model.start_from`).

start(model, settings)        # puts the weights in place; model.provenance says where they come from
"""

from pathlib import Path

from torch import nn

from telltale import config
from telltale.errors import InputError
from telltale.files import sha256
from telltale.models import LEARNING, calibration, checkpoint

# The key of `provenance` that names the checkpoint, beside those of the towers.
START = "start"


def start(model: nn.Module, settings: config.Config) -> None:
    """Give `model` the weights of the checkpoint that `settings.model.start_from` names.

    What only training needs, which a checkpoint such as best.pt does not hold, keeps its own weights. The
    provenance becomes the checkpoint's, and START joins it: the file, its SHA-256, the fingerprint of the
    data that it was trained on, and the START of that run ("before").

    Raises InputError for a file that is no checkpoint, for one of another detector, and for weights that do
    not fit.
    """
    assert settings.model.start_from is not None
    path = Path(settings.model.start_from)
    content = checkpoint.load(path)
    name = config.parse(content["config"], str(path)).model.name
    if name != settings.model.name:
        raise InputError(
            f"{path}: holds a {name}; wanted a checkpoint of {settings.model.name} for model.start_from"
        )
    own = {key: value for key, value in model.state_dict().items() if LEARNING in key.split(".")}
    # What fitted the earlier run's logits to probabilities does not fit this run's.
    checkpoint.load_weights(model, calibration.without({**own, **content["model"]}), path)
    before = dict(content["provenance"])
    entry = {
        "tag": name,
        "source": "checkpoint",
        "path": str(path),
        "sha256": sha256(path),
        "proof": None,
        "data": content.get("data", ""),
        "before": before.pop(START, None),
    }
    model.provenance = {**before, START: entry}  # type: ignore[assignment]
