"""MesoNet as Keras 2 saves it: random weights, the file, and a forward pass in numpy."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

MESO4, INCEPTION = "meso4", "mesoinception4"
# Kernel size, channels in and out, dilation; a list of them is one branch of an inception block.
PLANS = {
    MESO4: [[[(3, 3, 8, 1)]], [[(5, 8, 8, 1)]], [[(5, 8, 16, 1)]], [[(5, 16, 16, 1)]]],
    INCEPTION: [
        [
            [(1, 3, 1, 1)],
            [(1, 3, 4, 1), (3, 4, 4, 1)],
            [(1, 3, 4, 1), (3, 4, 4, 2)],
            [(1, 3, 2, 1), (3, 2, 2, 3)],
        ],
        [
            [(1, 11, 2, 1)],
            [(1, 11, 4, 1), (3, 4, 4, 1)],
            [(1, 11, 4, 1), (3, 4, 4, 2)],
            [(1, 11, 2, 1), (3, 2, 2, 3)],
        ],
        [[(5, 12, 16, 1)]],
        [[(5, 16, 16, 1)]],
    ],
}


POOLS = (2, 2, 2, 4)


FIRST = {MESO4: (1, 1, 3), INCEPTION: (1, 1, 1)}  # numbers of the first convolution, norm and dense layer


BARE = ["input_1", "max_pooling2d_1", "max_pooling2d_2", "flatten_1", "dropout_1", "dropout_2"]


@dataclass
class Keras:
    """Layers by Keras's name, each its arrays in Keras's order and layout, and the output for one picture."""

    kind: str
    layers: dict[str, dict[str, np.ndarray]]

    def probability(self, picture: np.ndarray) -> float:
        """Picture (H, W, 3) in [0, 1] → the probability of genuine."""
        convolution, norm, dense = FIRST[self.kind]
        maps = picture.astype(np.float64)
        for number, branches in enumerate(PLANS[self.kind]):
            found = []
            for branch in branches:
                taken = maps
                for *_, dilation in branch:
                    layer = self.layers[f"conv2d_{convolution}"]
                    taken = np.maximum(correlated(taken, layer["kernel"], dilation) + layer["bias"], 0)
                    convolution += 1
                found.append(taken)
            maps = np.concatenate(found, 2)
            layer = self.layers[f"batch_normalization_{norm + number}"]
            scale = layer["gamma"] / np.sqrt(layer["moving_variance"] + 1e-3)
            maps = largest((maps - layer["moving_mean"]) * scale + layer["beta"], POOLS[number])
        first, last = (self.layers[f"dense_{dense + step}"] for step in range(2))
        hidden = maps.reshape(-1) @ first["kernel"] + first["bias"]
        hidden = np.where(hidden > 0, hidden, 0.1 * hidden)
        return float(1 / (1 + np.exp(-(hidden @ last["kernel"] + last["bias"])[0])))


def correlated(maps: np.ndarray, kernel: np.ndarray, dilation: int) -> np.ndarray:
    """Keras's convolution, "same", tap by tap: (H, W, in) and (k, k, in, out) → (H, W, out)."""
    (height, width, _), size = maps.shape, len(kernel)
    edge = dilation * (size // 2)
    wide = np.pad(maps, ((edge, edge), (edge, edge), (0, 0)))
    result = np.zeros((height, width, kernel.shape[3]))
    for i in range(size):
        for j in range(size):
            result += (
                wide[i * dilation : i * dilation + height, j * dilation : j * dilation + width] @ kernel[i, j]
            )
    return result


def largest(maps: np.ndarray, pool: int) -> np.ndarray:
    """Max pooling of a map whose sides are multiples of `pool`."""
    height, width, channels = maps.shape
    return maps.reshape(height // pool, pool, width // pool, pool, channels).max((1, 3))


def network(kind: str, seed: int = 0) -> Keras:
    """Random weights, of a size that keeps the maps alive and the output off 0 and 1."""
    draw = np.random.default_rng(seed)
    convolution, norm, dense = FIRST[kind]
    layers: dict[str, dict[str, np.ndarray]] = {}
    for number, branches in enumerate(PLANS[kind]):
        for size, come, go, _ in (step for branch in branches for step in branch):
            kernel = draw.normal(0, np.sqrt(2 / (size * size * come)), (size, size, come, go))
            layers[f"conv2d_{convolution}"] = {"kernel": kernel, "bias": draw.normal(0, 0.1, go)}
            convolution += 1
        width = sum(branch[-1][2] for branch in branches)
        layers[f"batch_normalization_{norm + number}"] = {
            "gamma": draw.uniform(0.5, 1.5, width),
            "beta": draw.normal(0, 0.3, width),
            "moving_mean": draw.uniform(0, 0.5, width),
            "moving_variance": draw.uniform(0.2, 2, width),
        }
    for step, (come, go) in enumerate(((1024, 16), (16, 1))):
        kernel = draw.normal(0, 1 / np.sqrt(come), (come, go))
        layers[f"dense_{dense + step}"] = {"kernel": kernel, "bias": draw.normal(0, 0.1, go)}
    return Keras(
        kind,
        {
            name: {key: each.astype(np.float32) for key, each in layer.items()}
            for name, layer in layers.items()
        },
    )


def write(path: Path, keras: Keras, *, leaky: bool = True, wrapped: bool = False, seed: int = 0) -> Path:
    """The file as Keras 2 saves weights: a group a layer, in any order, with the names of its arrays as an
    attribute."""
    names = [*keras.layers, *BARE, *(["leaky_re_lu_1"] if leaky else [])]
    names = [names[place] for place in np.random.default_rng(seed).permutation(len(names))]
    with h5py.File(path, "w", track_order=True) as file:
        root = file.create_group("model_weights", track_order=True) if wrapped else file
        root.attrs["layer_names"] = [name.encode() for name in names]
        root.attrs["backend"], root.attrs["keras_version"] = b"tensorflow", b"2.1.5"
        for name in names:
            group, arrays = root.create_group(name), keras.layers.get(name, {})
            group.attrs["weight_names"] = [f"{name}/{key}:0".encode() for key in arrays]
            for key, array in arrays.items():
                group.create_dataset(f"{name}/{key}:0", data=array)
    return path
