"""Any timm backbone over single frames, and one linear layer with two classes: Xception, EfficientNets,
ResNets, SBI's network.

Without its own ImageNet classifier, and with its stem as it was trained: 20,811,050 parameters as
`legacy_xception`.
"""

from torch import Tensor, nn

from telltale import config
from telltale.models.detector import Detector
from telltale.models.inputs import Normalise
from telltale.models.weights import Tower, backbone


class FrameCnn(Detector):
    def __init__(self, picture: Tower, dropout: float) -> None:
        super().__init__(picture.width, picture.provenance)
        self.normalise = Normalise(picture.mean, picture.std)
        self.backbone = picture.network
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(picture.width, 2))

    def features(self, pictures: Tensor) -> Tensor:
        return self.backbone(self.normalise(pictures))


def build(
    settings: config.ModelSettings, clip: config.ClipSettings, *, initialise: bool, methods: int | None = None
) -> FrameCnn:
    """`settings.picture_backbone` over pictures of `clip.image_size`."""
    size = (clip.image_size, clip.image_size)
    return FrameCnn(backbone(settings, "picture", size, initialise=initialise), settings.dropout)
