"""What a frame-level detector is: features of a picture, and a head that judges them.

    class Mine(Detector):
        def features(self, pictures): ...       # (B, 3, H, W) in [0, 1] → (B, width)

`frame_level.FrameLevelModel` pools a clip's score from the scores of its frames. In the picture tower of
`audiovisual` the features are tokens.
"""

from torch import Tensor, nn

from telltale.models.inputs import full_precision
from telltale.models.output import FrameOutput, Want


class Detector(nn.Module):
    """head: (B, width) features → (B, 1), the logit of forged, or (B, 2), the scores of genuine and of
    forged.

    learning: what only its objective needs, or None; kept out of what is counted and shipped. provenance: as
    `weights.Provenance` says, as a mapping.
    """

    head: nn.Module
    learning: nn.Module | None

    def __init__(self, width: int, provenance: dict[str, str | None]) -> None:
        super().__init__()
        self.width, self.provenance = width, provenance
        self.learning = None

    def features(self, pictures: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) float in [0, 1] → (B, width)."""
        raise NotImplementedError

    def classes(self, features: Tensor) -> Tensor:
        """(B, width) → float32 (B, 1 or 2), what the head says: in float32 under autocast too."""
        # Half precision rounds the scores of many clips to one number, which blurs the rates at few false
        # alarms.
        with full_precision(features):
            return self.head(features.float())

    def no_weight_decay(self) -> set[str]:
        """Names of weights, besides biases and norms, that `optim.decay: weights` leaves alone: timm's name
        for them."""
        return set()

    def behead(self) -> None:
        """Take off what features do not need."""
        self.head, self.learning = nn.Identity(), None

    def forward(self, pictures: Tensor, want: Want = ()) -> FrameOutput:
        """Pictures (B, 3, H, W) float in [0, 1]. A detector with maps, or with an objective of its own,
        overrides this."""
        features = self.features(pictures)
        return FrameOutput(logit_of(self.classes(features)), features)


def logit_of(classes: Tensor) -> Tensor:
    """(B, 1), the logit of forged, or (B, 2), the scores of genuine and of forged → (B,), the logit of
    forged."""
    return classes.squeeze(1) if classes.shape[1] == 1 else classes[:, 1] - classes[:, 0]


def begin_as_in_keras(network: nn.Module) -> None:
    """Weights drawn as Keras draws them, Glorot's uniform and biases of zero: torch's smaller ones fade in
    plain networks."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class FeatureTower(nn.Module):
    """A detector that gives its features, not its score: (B, 3, H, W) in [0, 1] → (B, width)."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, pictures: Tensor) -> Tensor:
        return self.detector.features(pictures)
