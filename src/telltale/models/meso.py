"""MesoNet: Meso-4 and MesoInception-4 (Afchar, Nozick, Yamagishi and Echizen, WIFS 2018), layer by layer as
published.

    # the authors' published weights; wants h5py: pip install telltale[keras]
    detector = load_keras(Path("Meso4_DF.h5"))
    logit = detector(pictures)                      # (N, 3, 256, 256) float in [0, 1] → (N,) of forged

Order of a stage: convolution with bias, ReLU, batch norm (eps 1e-3, as in Keras), max pooling. Pixels are
divided by 255 and not normalised. 27,977 and 28,615 trainable parameters at 256 x 256. Facts from
github.com/DariusAf/MesoNet at 2144d56.
"""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from telltale import config
from telltale.errors import InputError
from telltale.files import sha256
from telltale.models.detector import Detector, begin_as_in_keras
from telltale.models.weights import Provenance

PUBLISHED_SIZE = 256


class Inception(nn.Module):
    """Four branches of a, b, c, d channels, each convolution followed by ReLU; dilations 2 and 3 in the last
    two."""

    def __init__(self, channels: int, a: int, b: int, c: int, d: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList([nn.Sequential(nn.Conv2d(channels, a, 1), nn.ReLU())])
        for width, dilation in ((b, 1), (c, 2), (d, 3)):
            spread = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation)
            self.branches.append(nn.Sequential(nn.Conv2d(channels, width, 1), nn.ReLU(), spread, nn.ReLU()))

    def forward(self, pictures: Tensor) -> Tensor:
        return torch.cat([branch(pictures) for branch in self.branches], 1)


def stage(convolution: nn.Module, channels: int, pool: int) -> list[nn.Module]:
    # Keras pools with padding "same": what does not fill a window is a window of its own (at 256 x 256 there
    # is no such rest).
    return [
        convolution,
        nn.ReLU(),
        nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01),
        nn.MaxPool2d(pool, ceil_mode=True),
    ]


def meso4_stages() -> nn.Sequential:
    plan = ((3, 8, 3, 2), (8, 8, 5, 2), (8, 16, 5, 2), (16, 16, 5, 4))
    convolutions = [(nn.Conv2d(come, go, size, padding=size // 2), go, pool) for come, go, size, pool in plan]
    return nn.Sequential(*(layer for each in convolutions for layer in stage(*each)))


def mesoinception4_stages() -> nn.Sequential:
    # The inception blocks end in ReLU themselves; a second one changes nothing.
    return nn.Sequential(
        *stage(Inception(3, 1, 4, 4, 2), 11, 2),
        *stage(Inception(11, 2, 4, 4, 2), 12, 2),
        *stage(nn.Conv2d(12, 16, 5, padding=2), 16, 2),
        *stage(nn.Conv2d(16, 16, 5, padding=2), 16, 4),
    )


STAGES = {"meso4": meso4_stages, "mesoinception4": mesoinception4_stages}


class Meso(Detector):
    """Features are the 16 values before the last layer; dropout as published."""

    def __init__(self, name: str, image_size: int, *, initialise: bool = True) -> None:
        super().__init__(16, asdict(Provenance(name, "random" if initialise else "unknown")))
        self.name = name
        self.stages = STAGES[name]()
        side = image_size
        for pool in (2, 2, 2, 4):
            side = -(-side // pool)
        self.dense = nn.Sequential(nn.Dropout(0.5), nn.Linear(16 * side * side, 16), nn.LeakyReLU(0.1))
        self.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(16, 1))
        begin_as_in_keras(self)

    def features(self, pictures: Tensor) -> Tensor:
        # Flattened as Keras does, row by row with the channels last, so that its weights fit as they are.
        return self.dense(self.stages(pictures).permute(0, 2, 3, 1).flatten(1))


def build(
    settings: config.ModelSettings, clip: config.ClipSettings, *, initialise: bool, methods: int | None = None
) -> Meso:
    """The network that `settings` names, as a detector by itself or as the picture tower, for pictures of
    `clip.image_size`.

    It begins with random weights, or with those of the .h5 file that `settings.picture_weights` names: see
    `load_keras`.
    """
    name = settings.picture_detector or settings.name
    if not initialise or settings.picture_weights is None:
        return Meso(name, clip.image_size, initialise=initialise)
    model = load_keras(Path(settings.picture_weights), clip.image_size)
    if model.name != name:
        raise InputError(
            f"{settings.picture_weights}: holds the weights of {model.name}; wanted those of {name}"
        )
    return model.train()


def load_keras(path: Path, image_size: int = PUBLISHED_SIZE) -> Meso:
    """The network of a published .h5 file, with its weights, in evaluation mode, for pictures of
    `image_size`.

    Which of the two it is, the file's layers say. Their output is the probability of *genuine*: the last
    layer's sign is turned, so that ours is the logit of forged. Raises InputError if h5py is missing, the
    file is not one of theirs, or its dense layer is not one for pictures of that size.
    """
    layers = _layers(Path(path))
    convolutions = [layers[name] for name in _numbered(layers, "conv2d")]
    names = {4: "meso4", 16: "mesoinception4"}
    if len(convolutions) not in names:
        raise InputError(
            f"{path}: holds {len(convolutions)} convolutions; wanted Meso4's 4 or MesoInception4's 16"
        )
    model = Meso(names[len(convolutions)], image_size)
    norms = [layers[name] for name in _numbered(layers, "batch_normalization")]
    dense = [layers[name] for name in _numbered(layers, "dense")]
    ours: dict[type, list[Any]] = {kind: [] for kind in (nn.Conv2d, nn.BatchNorm2d, nn.Linear)}
    for module in model.modules():
        if type(module) in ours:
            ours[type(module)].append(module)
    theirs = {nn.Conv2d: convolutions, nn.BatchNorm2d: norms, nn.Linear: dense}
    try:
        with torch.no_grad():
            for kind, modules in ours.items():
                for module, arrays in zip(modules, theirs[kind], strict=True):
                    _put(module, [torch.from_numpy(np.asarray(array, np.float32)) for array in arrays])
            last: Any = model.get_submodule("head.1")
            last.weight.neg_()
            last.bias.neg_()
    except (ValueError, RuntimeError) as error:
        sized = (
            f" at clip.image_size={image_size}; published at {PUBLISHED_SIZE}"
            if image_size != PUBLISHED_SIZE
            else ""
        )
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: does not fit {names[len(convolutions)]}{sized} ({reason})") from None
    model.provenance = asdict(Provenance(names[len(convolutions)], "file", str(path), sha256(Path(path))))
    return model.eval()


def _put(module: Any, arrays: list[Tensor]) -> None:
    """Keras's arrays of one layer into torch's: HWIO → OIHW, (in, out) → (out, in), gamma, beta, mean,
    variance."""
    if isinstance(module, nn.BatchNorm2d):
        targets: list[Any] = [module.weight, module.bias, module.running_mean, module.running_var]
    else:
        turned = (3, 2, 0, 1) if isinstance(module, nn.Conv2d) else (1, 0)
        arrays = [arrays[0].permute(*turned), *arrays[1:]]
        targets = [module.weight, module.bias]
    for target, array in zip(targets, arrays, strict=True):
        if target.shape != array.shape:  # copy_ would spread one value over many
            raise ValueError(f"a tensor of {tuple(array.shape)} where {tuple(target.shape)} is wanted")
        if not array.isfinite().all():
            raise ValueError("a weight that is not finite")
        target.copy_(array)


def _numbered(layers: dict[str, list[np.ndarray]], kind: str) -> list[str]:
    """Names of one kind of layer by their number: the file lists them by depth, and Keras numbers them as
    they were written.

    That is the order of our modules, too: stage by stage, branch by branch.
    """
    found = {
        int(match[1] or 0): name for name in layers if (match := re.fullmatch(rf"{kind}(?:_(\d+))?", name))
    }
    return [found[number] for number in sorted(found)]


def _layers(path: Path) -> dict[str, list[np.ndarray]]:
    """Name → arrays of every layer that has some, in Keras's order."""
    try:
        import h5py
    except ImportError:
        raise InputError(
            f"{path}: reading Keras's .h5 wants h5py; install it with: pip install 'telltale[keras]'"
        ) from None
    try:
        with h5py.File(path, "r") as file:
            root = file.get("model_weights", file)
            # A layer's arrays lie below it in groups of any depth; the attribute says their order.
            return {
                name: arrays
                for name, group in root.items()
                if "weight_names" in group.attrs
                and (arrays := [np.asarray(group[_text(array)]) for array in group.attrs["weight_names"]])
            }
    except (OSError, KeyError, AttributeError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: is not Keras's file of weights ({' '.join(str(error).split())[:200]})"
        ) from None


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name
