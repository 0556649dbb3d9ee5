"""Which views of a clip a data set gives: spans of it, or a genuine clip beside forgeries that are made of
it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from telltale.forge.face import Landmarks
from telltale.forge.pseudo import CUES

Pseudo = Literal["blends", "twins"]
# What objectives make of genuine clips, by their unit, see `train.objectives`.
PSEUDO: dict[str, Pseudo] = {"genuine": "blends", "twins": "twins"}


@dataclass(frozen=True)
class Views:
    """Which views of a clip a data set gives.

    spans: views in evaluation; training has one.
    crops: views of each span in evaluation, which differ in where native crops are.
    training: whether samples of training will be asked for, too.
    blends: a clip of training gives two views, as it is and self-blended.
    twins: a genuine clip of training gives two views, as it is and forged (`forge.pseudo`); a forged one
        gives one, and an empty one.
    gate: evaluation gives one span as it is, and then the forgeries that are made of it, the same each time:
        with `blends` the self-blended one, with `twins` one of each of CUES, empty where it cannot be made.
    landmarks: for what is made of clips, where the faces are, by video name; other clips get a guess.
    """

    spans: int = 1
    crops: int = 1
    training: bool = False
    blends: bool = False
    twins: bool = False
    gate: bool = False
    landmarks: Mapping[str, Landmarks] = field(default_factory=dict)

    @staticmethod
    def of_training(unit: str, landmarks: Mapping[str, Landmarks] | None = None) -> "Views":
        """The views of training for an objective of this `unit`."""
        made = PSEUDO.get(unit)
        return Views(training=True, blends=made == "blends", twins=made == "twins", landmarks=landmarks or {})

    def of_gate(self) -> "Views":
        """The views by which a detector is judged that these views trained."""
        return replace(self, training=False, gate=True)

    @property
    def count(self) -> int:
        """Views of each sample."""
        if self.gate and self.twins:
            return 1 + len(CUES)
        return 2 if self.blends or self.twins else self.spans * self.crops


ONE_SPAN = Views()
