"""ShallowNetV3 (Tariq, Lee, Kim, Shin and Woo, MPS 2018): few layers, small pictures, no batch norm among its
convolutions.

Nearly all of it is the dense layer over the flattened map: 4,833,058 parameters at 64 x 64, 25,804,578 at
128, 118,079,266 at 256 (two classes). Facts from github.com/shahroztariq/ShallowNet, src/models.py. Batch
norm as Keras has it: epsilon 1e-3, and running statistics that keep 0.99 of themselves. Published with
Keras's l2(1e-4) on the kernels of every convolution and of the first dense layer: 1e-4 times the sum of
squares in the loss, so 2e-4 times the weight in the gradient. That is Adam with `optim.weight_decay: 2e-4`
and `optim.decay: weights`, which reaches neither biases nor batch norm nor, here, the last layer.
"""

from dataclasses import asdict

from torch import Tensor, nn
from torch.nn import functional

from telltale import config
from telltale.config.detectors import RevisedSettings
from telltale.errors import InputError
from telltale.models.detector import Detector, begin_as_in_keras
from telltale.models.weights import Provenance

SMALLEST = 24  # below it nothing is left after the unpadded convolutions


class ShallowNet(Detector):
    """outputs: 2 as published, or 1 as in later comparisons of it; dropout: 0.25 as published, after nearly
    every layer.

    revision: see `RevisedSettings`. Features are the 1024 values before the last layer.
    """

    def __init__(
        self,
        image_size: int,
        outputs: int = 2,
        *,
        dropout: float = 0.25,
        initialise: bool = True,
        revision: int = 2,
    ) -> None:
        super().__init__(1024, asdict(Provenance("shallownet_v3", "random" if initialise else "unknown")))
        if image_size < SMALLEST:
            raise InputError(f"clip.image_size is {image_size}; shallownet_v3 wants {SMALLEST} or more")
        self.stages = nn.Sequential(
            *block(dropout, (3, 32, 5), (32, 32, 1)),
            *(nn.Conv2d(32, 32, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(dropout)),
            *block(dropout, (32, 64, 3), (64, 64, 1)),
            *(nn.Conv2d(64, 64, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(dropout)),
            *block(dropout, (64, 128, 3), (128, 32, 1)),
        )
        side = (((image_size - 4) // 2 - 2) // 2) - 2
        self.dense = nn.Sequential(nn.Linear(32 * side * side, 1024), nn.ReLU())
        self.norm = nn.BatchNorm1d(1024) if revision == 1 else nn.BatchNorm1d(1024, eps=1e-3, momentum=0.01)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(1024, outputs))
        begin_as_in_keras(self)

    def no_weight_decay(self) -> set[str]:
        return {"head.1.weight"}

    def features(self, pictures: Tensor) -> Tensor:
        hidden = self.dense(self.stages(pictures).flatten(1))
        if self.training and len(hidden) == 1:
            # One picture has no deviation: the last batch of an epoch may be one clip of one frame.
            norm = self.norm
            return functional.batch_norm(
                hidden, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps
            )
        return self.norm(hidden)


def block(dropout: float, *plan: tuple[int, int, int]) -> list[nn.Module]:
    """Unpadded convolutions (channels in, out, size), each with ReLU and dropout."""
    layers = [(nn.Conv2d(come, go, size), nn.ReLU(), nn.Dropout(dropout)) for come, go, size in plan]
    return [layer for each in layers for layer in each]


def build(
    settings: config.ModelSettings, clip: config.ClipSettings, *, initialise: bool, methods: int | None = None
) -> ShallowNet:
    """The published network for pictures of `clip.image_size`, with `settings.dropout`."""
    assert isinstance(settings, RevisedSettings)
    return ShallowNet(
        clip.image_size, dropout=settings.dropout, initialise=initialise, revision=settings.revision
    )
