"""The gate: AUCs of genuine clips against their pseudo-forgeries, by hand, in a run, and in the choice of the
best epoch."""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from memory_world import BANDS, COLUMNS, MemoryClips, Run, SmallModel, configured, same_weights
from torch import Tensor
from two_processes import together

from telltale import config
from telltale.data.batch import SampleArrays, SampleInfo, SampleKey, Shapes
from telltale.data.loader import ClipLoader
from telltale.data.manifest import Manifest, Row
from telltale.data.order import evaluation_batches
from telltale.data.views import Views
from telltale.errors import InputError
from telltale.models.output import Output
from telltale.runtime import distributed
from telltale.scores.score import Score
from telltale.train import best_epoch, gate, loop
from telltale.train.loaders import GATE_CLIPS, ValidationClips, gate_rows
from telltale.train.selection import Judged, add_epoch
from telltale.train.state import Progress

TWINS = Views.of_training("twins").of_gate()
NAN = math.nan


def test_the_columns_are_those_worked_by_hand() -> None:
    """Four clips: of the third no sound can be forged, of the last nothing was read."""
    clips = [
        {
            "": [0.0, 1.0, 3.0, 3.0, -1.0],
            "picture": [0.0, 2.0, 9.0, 9.0, 9.0],
            "sound": [0.5, 0.0, 0.0, 0.9, 0.0],
        },
        {
            "": [2.0, 3.0, 3.0, 3.0, -1.0],
            "picture": [1.0, 0.5, 9.0, 9.0, 9.0],
            "sound": [0.1, 0.0, 0.0, 0.3, 0.0],
        },
        {
            "": [2.5, 3.0, 3.0, NAN, NAN],
            "picture": [1.0, 3.0, 9.0, 9.0, 9.0],
            "sound": [0.2, 0.0, 0.0, NAN, NAN],
        },
        {"": [NAN] * 5},
    ]
    clips[0]["motion"] = clips[1]["motion"] = clips[2]["motion"] = [0.0] * 5
    found = gate.columns(clips, TWINS)
    # 3 genuine: 0, 2, 2.5; 10 forged: eight above all of them but one at 1.0, and two at -1.
    assert found["pseudo_auc"] == pytest.approx((7 * 3 + 1 + 0 + 0) / 30)
    assert found["pseudo_picture_auc"] == pytest.approx((3 + 1 + 3) / 9)
    assert found["pseudo_sound_auc"] == pytest.approx((3 + 2) / 6)
    # A head that always says the same is none; of another nothing was said.
    assert found["pseudo_motion_auc"] is None and found["pseudo_in_step_auc"] is None


def test_without_genuine_clips_or_without_forgeries_nothing_is_known() -> None:
    assert gate.columns([{"": [NAN, 1.0]}], Views(blends=True, gate=True)) == {"pseudo_auc": None}
    assert gate.columns([{"": [0.5, NAN]}], Views(blends=True, gate=True)) == {"pseudo_auc": None}
    assert gate.columns([], Views(blends=True, gate=True)) == {"pseudo_auc": None}
    assert gate.columns([{"": [0.5, math.inf]}, {"": [0.1, 0.7]}], Views(blends=True, gate=True)) == {
        "pseudo_auc": 1.0
    }


class Gated(MemoryClips):
    """Genuine clips and their forgeries: none of picture and motion; of sound as loud as a forged clip, in
    step a little louder."""

    views = TWINS
    louder = (0.0, NAN, NAN, 1.0, 0.3)

    def shapes(self) -> Shapes:
        return Shapes((5, 0), (5, BANDS, COLUMNS))

    def fill(self, key: SampleKey, arrays: SampleArrays) -> SampleInfo:
        arrays.clear()
        rng = np.random.default_rng([7, key.row])
        for view, more in enumerate(self.louder):
            noise = rng.normal(0.0, 1.0, (BANDS, COLUMNS))
            if math.isfinite(more) and key.row not in self.broken:
                arrays.mel[view], arrays.has_sound[view] = noise + more, True
        return SampleInfo(key.row, self.rows[key.row].video_name, 0.0, "ok", 1.0)


class Heads(SmallModel):
    """A model with two of the cues' heads."""

    def forward(self, *inputs: Any, **more: Any) -> Output:
        output = super().forward(*inputs, **more)
        own: Tensor = output.logit
        return output._replace(heads={"picture": own * 0, "sound": own, "in_step": -own})


class GatedRun(Run):
    """A run of `fit` whose validation clips have a gate."""

    def events(self, process: distributed.Process, watch: Any = None, resumed: Any = None) -> Any:
        clips = Gated([0] * 9, broken=(2,))
        batches = evaluation_batches([0] * 9, 2, process.rank, process.world)
        guarded = ValidationClips(ClipLoader(clips, 0, timeout_seconds=60), batches)
        plain = loop.fit

        def fit(state: Any, objective: Any, train: Any, validation: Any, *rest: Any) -> Any:
            whole = ValidationClips(validation.loader, validation.batches, guarded)
            return plain(state, objective, train, whole, *rest)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("memory_world.fit", fit)
            return super().events(process, watch, resumed)


def run(select: str = "validation", epochs: int = 5) -> GatedRun:
    settings = configured(optim={"epochs": epochs, "rate": 0.003})
    optim = settings.optim.model_copy(update={"select": select})
    return GatedRun(settings.model_copy(update={"optim": optim}), MemoryClips([0, 1, 1] * 8), model=Heads)


def test_history_has_the_gate_s_columns_and_empty_ones_for_what_is_not_known() -> None:
    history = run().go().progress.history
    assert all(list(row)[-6:-1] == ["pseudo_auc", *best_epoch.CUE_AUCS.values()] for row in history)
    for row in history:
        assert row["pseudo_picture_auc"] is None and row["pseudo_motion_auc"] is None
        assert 0 <= row["pseudo_auc"] <= 1 and 0 <= row["pseudo_sound_auc"] <= 1
    assert history[-1]["pseudo_sound_auc"] > 0.8 > 0.5 > history[-1]["pseudo_in_step_auc"]


def test_the_gate_changes_nothing_of_a_run_but_these_columns() -> None:
    settings = configured(optim={"epochs": 3, "rate": 0.003})
    with_gate = GatedRun(settings, MemoryClips([0, 1, 1] * 8), model=Heads).go()
    without = Run(settings, MemoryClips([0, 1, 1] * 8), model=Heads).go()
    assert same_weights(with_gate.model, without.model)


def test_the_best_epoch_is_chosen_by_pseudo_forgeries_or_is_the_last() -> None:
    for select in ("pseudo", "last"):
        made = run(select)
        done = made.go()
        history = done.progress.history
        ranks = [best_epoch.rank(row, select) for row in history]
        assert done.progress.best_epoch == ranks.index(max(ranks)) == best_epoch.best(history, select)
        assert done.progress.best_auc == history[done.progress.best_epoch]["validation_auc"]
        if select == "last":
            assert done.progress.best_epoch == 4 and all(best for _, best in made.epochs)


def test_equal_pseudo_aucs_are_told_apart_by_the_cues_then_by_the_first() -> None:
    row = {"epoch": 1, "pseudo_auc": 0.9, "validation_tpr_at_fpr_1e-3": 0.4, "pseudo_picture_auc": None}
    assert best_epoch.rank(row, "pseudo") == (0.9, 0.4)
    cues = {**row, "pseudo_picture_auc": "", "pseudo_sound_auc": "0.7", "pseudo_motion_auc": 0.8}
    assert best_epoch.rank(cues, "pseudo") == pytest.approx((0.9, 0.75))
    assert best_epoch.best([row, cues, cues, {**cues, "pseudo_auc": 0.89}], "pseudo") == 1
    with pytest.raises(ValueError, match="pseudo_auc of epoch 1 is not known"):
        best_epoch.rank({**row, "pseudo_auc": NAN}, "pseudo")
    assert best_epoch.best([{"epoch": 1}, {"epoch": 2}, {"epoch": 3}], "last") == 2


def test_a_run_that_was_cut_goes_on_with_equal_bits() -> None:
    whole, cut = run("pseudo"), run("pseudo")
    done = whole.go()
    cut.go(stop_at=8)
    again = cut.go(resumed=cut.saved[-1])
    assert same_weights(again.model, done.model)
    timing = {"clips_per_second", "seconds"}
    kept = [
        [{k: v for k, v in row.items() if k not in timing} for row in state.progress.history]
        for state in (done, again)
    ]
    assert kept[0] == kept[1] and again.progress.best_epoch == done.progress.best_epoch


def _process(process: distributed.Process) -> tuple[list[dict[str, Any]], int]:
    done = run("pseudo", epochs=2).go(process=process)
    rows = [{k: v for k, v in row.items() if "second" not in k} for row in done.progress.history]
    return rows, done.progress.best_epoch


def test_two_processes_agree_on_the_gate(tmp_path: Path) -> None:
    (first, best), (second, other) = together(_process, folder=tmp_path)
    assert first == second and best == other
    assert all(0 <= row["pseudo_auc"] <= 1 and row["pseudo_picture_auc"] is None for row in first)


def test_an_epoch_without_a_pseudo_forgery_cannot_be_chosen_by_them() -> None:
    scores = [Score("a.mp4", 0.1, "ok", 1.0), Score("b.mp4", 0.9, "ok", 1.0)]
    judged = Judged("validation", scores, {"a.mp4": 0, "b.mp4": 1})
    with pytest.raises(InputError, match="no genuine validation clip and pseudo-forgery of one"):
        add_epoch(Progress(), judged, 0.1, None, "pseudo", {"pseudo_auc": None})
    assert add_epoch(Progress(), judged, 0.1, None, "validation", {"pseudo_auc": None})


def test_of_many_validation_clips_some_are_judged_evenly_spaced() -> None:
    def split(count: int) -> Manifest:
        rows = tuple(Row(f"{n}.mp4", Path(f"{n}.mp4"), n % 2) for n in range(count))
        return Manifest("validation", rows, (), ())

    found = gate_rows(split(2 * 2 * GATE_CLIPS + 2))
    assert len(found) <= GATE_CLIPS and {row.target for row in found} == {0}
    places = [int(row.video_name.removesuffix(".mp4")) for row in found]
    assert len({b - a for a, b in itertools.pairwise(places)}) == 1
    assert len(gate_rows(split(9))) == 5


def test_only_detectors_that_learn_from_pseudo_forgeries_are_chosen_by_them() -> None:
    assert (
        config.parse({"model": {"name": "sbi"}, "optim": {"select": "pseudo"}}, "x").optim.select == "pseudo"
    )
    with pytest.raises(InputError, match=r"optim: select: 'pseudo' is for .* which xception does not"):
        config.parse({"model": {"name": "xception"}, "optim": {"select": "pseudo"}}, "x")
    with pytest.raises(InputError, match=r"optim: select: by 'last' .* wanted optim\.patience=0"):
        config.parse({"model": {"name": "xception"}, "optim": {"select": "last", "patience": 3}}, "x")


def test_what_is_not_known_is_an_empty_field_and_no_event(tmp_path: Any) -> None:
    from telltale.train.history import RunLog

    log = RunLog(tmp_path, 0)
    row = {"epoch": 1, "train_loss": 0.5, "validation_auc": 0.5, "pseudo_auc": 0.75, "pseudo_sound_auc": None}
    log.epoch([row], 4, 0)
    log.close()
    assert (tmp_path / "history.csv").read_text().splitlines()[1] == "1,0.5,0.5,0.75,"
