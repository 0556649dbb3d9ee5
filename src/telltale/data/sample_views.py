"""From the spans that were read of a clip to the views of its sample: as they are, or a genuine one beside
what is forged of it.

    make = SampleViews(rows, settings, reads, views, store)
    made, name = make(3, clip.views, rng)           # of row 3, for training; with None, for evaluation
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from telltale import config
from telltale.data.batch import SampleView
from telltale.data.blends import Blender
from telltale.data.clip import View
from telltale.data.manifest import Row
from telltale.data.preparing import Pictures, Preparation
from telltale.data.store import ClipStore
from telltale.data.twins import TwinMaker, known_forged, known_genuine, known_labelled
from telltale.data.views import Views
from telltale.forge.pseudo import CUES

# Part of the seed of the forgeries by which detectors are judged. Runs of all seeds are judged by the same.
GATE_SEED = 20_261_114


class SampleViews:
    """Makes the views of samples.

    rows: of the data set.
    settings: how clips are decoded, fitted and augmented.
    reads: what the model reads.
    views: which views there are.
    store: keeps what was decoded, if there is one.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        settings: config.Config,
        reads: tuple[str, ...],
        views: Views,
        store: ClipStore | None,
    ) -> None:
        self.rows, self.settings, self.views = rows, settings, views
        self.prepare = Preparation(settings, reads, masks=views.twins)
        self._blender = Blender(settings, views.landmarks)
        self._twins = TwinMaker(rows, settings, reads, views.landmarks, store)

    def __call__(
        self, row: int, spans: Sequence[View], rng: np.random.Generator | None
    ) -> tuple[tuple[SampleView, ...], str]:
        """The views of row `row`, and the name of the pseudo-forgery among them, "" if there is none.

        spans: that were read of it. rng: of training; None for evaluation.
        """
        if not spans:
            return (), ""
        if rng is None and self.views.gate:
            return self._judged(row, spans[0]), ""
        if rng is None:
            return tuple(view for span in spans for view in self._cycles(span)), ""
        if self.views.twins:
            return self._pair(row, spans[0], rng)
        if self.views.blends:
            genuine, forged = self._blender.pair(self.rows[row].video_name, spans[0], rng)
            # A self-blended view has no sound of its own.
            image = self.prepare.image(spans[0], rng)
            start = spans[0].start_seconds
            return (SampleView(start, genuine, image), SampleView(start, forged, None)), ""
        seen = self.prepare.pictures(spans[0], rng)
        return (_view(spans[0], seen, self.prepare.image(spans[0], rng)),), ""

    def _cycles(self, span: View) -> list[SampleView]:
        """A span as often as its native crops are wanted at other places."""
        image = self.prepare.image(span, None)
        cycles = range(self.views.crops)
        return [_view(span, self.prepare.pictures(span, None, cycle), image) for cycle in cycles]

    def _pair(self, row: int, span: View, rng: np.random.Generator) -> tuple[tuple[SampleView, ...], str]:
        """A genuine clip and its twin, changed alike; a clip of another label alone."""
        settings, target = self.settings, self.rows[row].target
        twin = self._twins.make(row, span, rng) if target == 0 else None
        # Equal states for both, so that nothing that is drawn tells the one from the other.
        seeds = [int(seed) for seed in rng.integers(2**63, size=2)]
        plain = self.prepare.pictures(span, np.random.default_rng(seeds[0]))
        image = self.prepare.image(span, np.random.default_rng(seeds[1]))
        first = _view(span, plain, image)
        if target != 0:
            return (replace(first, known=known_labelled(settings) if target == 1 else None),), ""
        first = replace(first, known=replace(known_genuine(span, settings), mask=plain.mask))
        if twin is None:
            return (first,), ""
        view, seen = twin.view, plain
        # What was not touched is the same once more.
        if view.frames is not span.frames:
            seen = self.prepare.pictures(view, np.random.default_rng(seeds[0]), 0, twin.forgery.mask)
        if view.wave is not span.wave:
            image = self.prepare.image(view, np.random.default_rng(seeds[1]))
        known = replace(known_forged(twin, settings), mask=seen.mask)
        return (first, replace(_view(view, seen, image), known=known)), twin.forgery.kind

    def _judged(self, row: int, span: View) -> tuple[SampleView, ...]:
        """A genuine clip and its forgeries, the same each time; a view of nothing for what cannot be made."""
        name = self.rows[row].video_name
        draws = [np.random.default_rng([GATE_SEED, row, number]) for number in range(len(CUES))]
        if self.views.blends:
            genuine, forged = self._blender.pair(name, span, draws[0], augment=False)
            start = span.start_seconds
            return SampleView(start, genuine, None), SampleView(start, forged, None)
        nothing = SampleView(span.start_seconds, None, None)
        plain = _view(span, self.prepare.pictures(span, None), self.prepare.image(span, None))
        views = [plain]
        for cue, rng in zip(CUES, draws, strict=True):
            twin = self._twins.make(row, span, rng, cue)
            if twin is None:
                views.append(nothing)
                continue
            view = twin.view
            # What was not touched need not be prepared again.
            seen = plain if view.frames is span.frames else self.prepare.pictures(view, None)
            image = plain.mel if view.wave is span.wave else self.prepare.image(view, None)
            views.append(replace(plain, frames=seen.frames, mel=image, crops=seen.crops, mouth=seen.mouth))
        return tuple(views)


def _view(span: View, seen: Pictures, image: np.ndarray | None) -> SampleView:
    return SampleView(span.start_seconds, seen.frames, image, seen.crops, seen.mouth)
