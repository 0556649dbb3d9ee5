"""A zoo as `telltale.demo.dataset.write_dataset` writes it: more kinds, nuisances, trained generators.

spec = ZooSpec(counts, seed=1, seconds=3.0, size=160, kinds="zoo", hold_out="half")
write_dataset(Path("zoo"), spec, workers=2)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from telltale.demo.clip import person
from telltale.demo.dataset import TRAINED, DatasetSpec
from telltale.demo.identity import draw_scene
from telltale.demo.plan import ClipPlan
from telltale.demo.speech import record, speak
from telltale.errors import InputError
from telltale.zoo.clip import GENERATORS, VOCODER, Studio, make_clip
from telltale.zoo.kinds import PICTURE_FAMILY, SOUND_KINDS, TRAINED_FAMILIES
from telltale.zoo.plan import Selection, ZooPlan, draw_plan, select

VOCODED = {kind.name for kind in SOUND_KINDS.values() if kind.family == "trained_vocoder"}
VOICES = 24  # recordings that the vocoder learns from
SHORTEST_MEAN_SECONDS = 0.7


@dataclass(frozen=True)
class ZooSpec(DatasetSpec):
    """What a zoo contains: the demo's properties and these.

    kinds, hold_out: as in `plan.select`.
    training_steps: of each generator and of the vocoder.
    """

    kinds: str = "zoo"
    hold_out: str = "half"
    training_steps: int = 250

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.seconds < SHORTEST_MEAN_SECONDS:
            raise InputError(
                f"--seconds {self.seconds:g}: wanted {SHORTEST_MEAN_SECONDS:g} or more for a zoo, because "
                "forgeries of sound need half a second of it and clips are up to a sixth shorter"
            )
        self.selection()

    def selection(self) -> Selection:
        """The kinds, seen and held out."""
        return select(self.kinds, self.hold_out, self.seed)

    def plans(self) -> Sequence[ZooPlan]:
        return draw_plan(self.counts, self.seed, self.selection(), self.seconds)

    def prepare(self, folder: Path, workers: int) -> None:
        """Train the generators and the vocoder that the clips need."""
        plans = self.plans()
        families = {PICTURE_FAMILY.get(plan.picture_kind, "") for plan in plans}
        trained = folder / TRAINED
        trained.mkdir()
        if families & TRAINED_FAMILIES or any(plan.picture_kind == "lips_generated" for plan in plans):
            from telltale.zoo.training import train

            train(self.seed, trained / GENERATORS, steps=self.training_steps, workers=workers)
        if any(plan.sound_kind in VOCODED for plan in plans):
            from telltale.zoo.generator import one_thread
            from telltale.zoo.sound_kinds import train_vocoder

            with one_thread():
                weights = train_vocoder(self.seed, self._recordings(), self.training_steps)
            np.savez(trained / VOCODER, allow_pickle=False, **weights)

    def _recordings(self) -> list[np.ndarray]:
        """Speech of invented people who are not in the clips."""
        out = []
        for number in range(VOICES):
            rng = np.random.default_rng([self.seed, 33, number])
            voice = person(self.seed, 10_000_000 + number).voice
            out.append(record(rng, speak(rng, voice, 3.0).samples, draw_scene(rng)))
        return out

    def make(self, plan: ClipPlan, folder: Path) -> None:
        assert isinstance(plan, ZooPlan)
        make_clip(plan, Studio(self.seed, self.size, folder / TRAINED), folder)

    def meta_row(self, plan: ClipPlan) -> dict[str, object]:
        assert isinstance(plan, ZooPlan)
        row = super().meta_row(plan)
        head = {name: row[name] for name in ("video_name", "split", "target", "kind")}
        return {
            **head,
            "family": plan.family,
            "picture_kind": plan.picture_kind,
            "sound_kind": plan.sound_kind,
            "identity": row["identity"],
            "donor": row["donor"],
            "seconds": f"{plan.seconds:.2f}",
            "held_out": int(plan.held_out),
            **plan.nuisance.columns(),
        }
