"""`mel_cnn`: the competition guide's baseline: the sound's mel image, as a picture of 224 x 224, and a CNN
with two classes."""

from torch import Tensor, nn

from telltale import config
from telltale.models.inputs import MelPicture, Normalise, full_precision
from telltale.models.output import Output, Want
from telltale.models.weights import Tower, backbone

SIZE = (224, 224)


class MelCnn(nn.Module):
    """Two classes, one logit: forged minus genuine, whose binary cross-entropy is, in value and gradient, the
    guide's two-class cross-entropy."""

    def __init__(self, sound: Tower, dropout: float) -> None:
        super().__init__()
        self.picture = MelPicture(Normalise(sound.mean, sound.std), SIZE)
        self.backbone, self.width = sound.network, sound.width
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(sound.width, 2))
        self.provenance = {"sound": sound.provenance}

    def forward(
        self,
        pictures: Tensor | None,
        mel: Tensor,
        has_picture: Tensor,
        has_sound: Tensor,
        frame_seconds: Tensor | None = None,
        want: Want = (),
    ) -> Output:
        """Mel image (N, n_mels, L) in dB. The other arguments are not read, not even whether the clip has
        sound."""
        features = self.backbone(self.picture(mel)).float()
        # In float32 under autocast too: half precision rounds the scores of many clips to one number.
        with full_precision(features):
            genuine, forged = self.head(features).unbind(1)
        return Output(forged - genuine, {}, None, features)


def build(
    settings: config.ModelSettings, mel: config.MelSettings, clip: config.ClipSettings, *, initialise: bool
) -> MelCnn:
    """The baseline over `settings.sound_backbone`: 11,177,538 parameters with a ResNet-18."""
    return MelCnn(backbone(settings, "sound", SIZE, initialise=initialise), settings.dropout)
