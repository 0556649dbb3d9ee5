"""The objective of the flagship on outputs made by hand: its terms are those worked by hand, and who teaches
what."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from telltale import config
from telltale.config.flagship import FlagshipObjectiveSettings
from telltale.data.batch import Batch, SampleInfo
from telltale.forge.pseudo import CUES
from telltale.models.flagship import FlagshipTraining
from telltale.models.output import Output
from telltale.train import objectives
from telltale.train.flagship_objective import FlagshipObjective, mixed, out_of_step
from telltale.train.loop import usable_part

NAN = math.nan
LN2 = math.log(2)


def entropy(logit: float, target: float) -> float:
    return math.log1p(math.exp(logit)) - target * logit


def batch() -> Batch:
    """Three clips: genuine with a twin whose sound is forged in its second half; genuine without a twin and
    without sound; labelled forged."""
    infos = [SampleInfo(n, f"{n}.mp4", t, "ok") for n, t in enumerate((0.0, 0.0, 1.0))]
    usable = torch.tensor([[True, True], [True, False], [True, False]])
    sound = usable & torch.tensor([[True], [False], [True]])
    cues = torch.full((3, 2, 4), NAN)
    cues[0] = torch.tensor([[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
    cues[1, 0, :2] = 0.0
    segments, mask = torch.full((3, 2, 2), NAN), torch.full((3, 2, 2, 8, 8), NAN)
    segments[0] = torch.tensor([[0.0, 0.0], [0.0, 1.0]])
    segments[1, 0, 0] = 0.0  # a shorter clip: of its second part nothing is known
    mask[0], mask[1, 0] = 0.0, 0.0
    return Batch(
        infos,
        torch.arange(3 * 2 * 2 * 4 * 4 * 3).view(3, 2, 2, 4, 4, 3).to(torch.uint8),
        torch.randn(3, 2, 5, 6, generator=torch.Generator().manual_seed(1)),
        usable,
        sound,
        torch.zeros(3, 2, 2),
        torch.tensor([0.0, 0.0, 1.0]),
        usable,
        truth=torch.tensor([[0.0, 1.0], [0.0, NAN], [1.0, NAN]]),
        cues=cues,
        segments=segments,
        mask=mask,
    )


class ByHand:
    """A net that answers with these logits of the B usable views, and remembers what it was asked."""

    def __init__(self, views: int = 4, steps: int = 2) -> None:
        self.leaves: dict[str, Tensor] = {}

        def leaf(name: str, *values: float, shape: tuple[int, ...]) -> Tensor:
            flat = torch.tensor(values).repeat(math.prod(shape) // len(values) + 1)
            self.leaves[name] = flat[: math.prod(shape)].view(shape).clone().requires_grad_(True)
            return self.leaves[name]

        self.logit = leaf("fused", 1.0, -2.0, 0.5, 3.0, shape=(views,))
        self.heads = {cue: leaf(cue, 0.25 * (n + 1), shape=(views,)) for n, cue in enumerate(CUES)}
        self.training = FlagshipTraining(
            leaf("segments", 0.0, 2.0, shape=(views, 2)),
            leaf("map", 0.0, shape=(views, 2, 8, 8)),
            leaf("offsets", 0.0, 1.0, 0.0, shape=(views, steps, 3)),
            torch.ones(views, steps, 3, dtype=torch.bool),
            leaf("whole", 0.0, shape=(views, 3)),
        )
        self.inputs: dict[str, Any] = {}

    def __call__(self, want: tuple[str, ...], **inputs: Any) -> Output:
        assert want == ("training",)
        self.inputs = inputs
        return Output(self.logit, self.heads, None, self.logit[:, None], training=self.training)


def objective(**changes: float) -> FlagshipObjective:
    whole = config.Config(model=config.ModelSettings(name="audiovisual"))
    own = FlagshipObjectiveSettings(**changes)
    made = objectives.OBJECTIVES["flagship"](whole.model_copy(update={"objective": own}), [])
    assert isinstance(made, FlagshipObjective)
    return made


ONES = {"flagship_cues": 1.0, "flagship_segments": 1.0, "flagship_map": 1.0, "flagship_offset": 1.0}


def test_the_terms_are_those_worked_by_hand() -> None:
    """Views: genuine, its twin, genuine without sound, labelled. Six views could be there."""
    net = ByHand()
    losses = objective(**ONES, flagship_labelled=0.5)(net, batch(), 0)
    terms = {name: float(value.detach()) for name, value in losses.terms.items()}
    fused = entropy(1.0, 0) + entropy(-2.0, 1) + entropy(0.5, 0) + 0.5 * entropy(3.0, 1)
    middle = -math.log(math.e / (math.e + 2))
    assert terms == pytest.approx(
        {
            "fused": fused / 6,
            "picture": 3 * entropy(0.25, 0) / 6,
            "motion": 3 * entropy(0.5, 0) / 6,
            "sound": (entropy(0.75, 0) + entropy(0.75, 1)) / 6,
            "in_step": 2 * entropy(1.0, 0) / 6,
            # (0, 2) of the genuine one; (0, 2) of the twin; (0, unknown)
            "segments": (LN2 + entropy(2, 0) + LN2 + entropy(2, 1) + LN2) / 2 / 6,
            "map": 3 * LN2 / 6,
            # of the two genuine views; the curve of the whole clip is flat
            "offset": 2 * (middle + math.log(3)) / 2 / 6,
        },
        abs=1e-6,
    )
    shares = torch.tensor([1.0, -2.0, 0.5, 3.0]).sigmoid()
    expected = torch.stack([shares[:2].mean(), shares[2], shares[3]])
    torch.testing.assert_close(losses.probability, expected)


def test_each_weight_weighs_its_own_term_and_0_switches_it_off() -> None:
    plain = objective(**ONES)(ByHand(), batch(), 0).terms
    for key, names in {
        "flagship_fused": ("fused",),
        "flagship_cues": CUES,
        "flagship_segments": ("segments",),
        "flagship_map": ("map",),
        "flagship_offset": ("offset",),
    }.items():
        twice = objective(**{**ONES, key: 2.0})(ByHand(), batch(), 0).terms
        for name, value in plain.items():
            assert float(twice[name].detach()) == pytest.approx(float(value.detach()) * (1 + (name in names)))
        assert plain.keys() - objective(**{**ONES, key: 0.0})(ByHand(), batch(), 0).terms.keys() == set(names)
    with pytest.raises(ValueError, match="every term is switched off"):
        objective(**dict.fromkeys([*ONES, "flagship_fused"], 0.0))(ByHand(), batch(), 0)


def test_labelled_forgeries_teach_the_fused_logit_alone_and_forgeries_no_offset() -> None:
    net = ByHand()
    objective(**ONES)(net, batch(), 0).total.backward()
    gradients = {name: leaf.grad for name, leaf in net.leaves.items()}
    assert all(gradient is not None for gradient in gradients.values())
    assert gradients["fused"][3] != 0
    for name, gradient in gradients.items():
        assert name == "fused" or not gradient[3].any(), name
    for name in ("offsets", "whole"):
        assert not gradients[name][1].any() and (name == "whole" or gradients[name][0].any())
    # The twin is forged to the sound's head and genuine to the others; without sound nothing is known of it.
    assert gradients["sound"][1] < 0 < gradients["sound"][0] and gradients["picture"][1] > 0
    assert gradients["sound"][2] == 0 and gradients["in_step"][2] == 0 and gradients["motion"][2] > 0
    net = ByHand()
    objective(**ONES, flagship_labelled=0.0)(net, batch(), 0).total.backward()
    assert net.leaves["fused"].grad is not None and net.leaves["fused"].grad[3] == 0


def test_a_cue_that_the_model_has_not_has_no_term() -> None:
    net = ByHand()
    net.heads["motion"] = torch.zeros(4)
    assert "motion" not in objective()(net, batch(), 0).terms


def test_a_stand_in_of_nothing_adds_nothing() -> None:
    """What a process without a usable clip takes part with: zeros, of which nothing is known."""
    empty = batch().only(torch.tensor([True, False, False]))
    for name in ("truth", "cues", "segments", "mask"):
        getattr(empty, name).fill_(NAN)
    part = usable_part(empty, torch.tensor([False]), "twins")
    losses = objective(**ONES)(ByHand(2), part, 0)
    losses.check(["none"])
    assert losses.total == 0 and losses.probability.shape == (1,)
    losses.total.backward()


def test_processes_with_other_clips_add_up_to_one_process() -> None:
    """The mean of the parts' terms by their clips is the whole's."""
    whole = {name: float(v.detach()) for name, v in objective(**ONES)(ByHand(), batch(), 0).terms.items()}
    sums = dict.fromkeys(whole, 0.0)
    for clips, views in (([True, False, False], [0, 1]), ([False, True, True], [2, 3])):
        net = ByHand()
        kept = ByHand(2)
        kept.logit = net.logit[views]
        kept.heads = {cue: head[views] for cue, head in net.heads.items()}
        kept.training = FlagshipTraining(*(each[views] for each in net.training))
        part = objective(**ONES)(kept, batch().only(torch.tensor(clips)), 0)
        for name, value in part.terms.items():
            sums[name] += float(value.detach()) * sum(clips) / 3
    assert sums == pytest.approx(whole, abs=1e-6)


def test_offsets_are_judged_where_there_is_something_to_compare() -> None:
    offsets = torch.tensor([[[0.0, 2.0, 0.0], [5.0, 0.0, 0.0], [0.0, 0.0, 9.0]]]).requires_grad_(True)
    whole = torch.tensor([[0.0, 1.0, 3.0]])
    valid = torch.tensor([[[True, True, True], [False, True, True], [True, False, True]]])
    found = out_of_step(offsets, whole, valid)
    steps = (-math.log(math.exp(2) / (math.exp(2) + 2)) + LN2) / 2
    clip = -math.log(math.e / (1 + math.e + math.exp(3)))
    assert float(found.detach()) == pytest.approx((steps + clip) / 2, abs=1e-5)
    nothing = out_of_step(offsets, whole, torch.zeros_like(valid))
    nothing.sum().backward()
    assert nothing.tolist() == [0.0] and offsets.grad is not None and not offsets.grad.any()
    alone = torch.zeros_like(valid)
    alone[..., 1] = True
    assert out_of_step(offsets, whole, alone).tolist() == [0.0]


def test_views_are_mixed_within_their_class_and_with_what_is_known_of_them() -> None:
    one = batch()
    inputs, known = one.inputs(torch.device("cpu")), one.known(torch.device("cpu"))
    inputs = {name: value for name, value in inputs.items() if value is not None}
    views = {name: value.repeat(8, *[1] * (value.ndim - 1)) for name, value in inputs.items()}
    facts = {name: value.repeat(8, *[1] * (value.ndim - 1)) for name, value in known.items()}
    views["mel"] = torch.randn(32, 5, 6)
    torch.manual_seed(3)
    made, told = mixed(views, facts, 0.5)
    torch.testing.assert_close(told["truth"], facts["truth"])
    for name in ("has_picture", "has_sound", "frame_seconds"):
        assert torch.equal(made[name], views[name])
    for place in range(32):
        # Each mel image lies on the line to that of one other view of the same truth and presence.
        alike = [
            n
            for n in range(32)
            if facts["truth"][n] == facts["truth"][place]
            and torch.equal(views["has_sound"][n], views["has_sound"][place])
        ]
        gaps = []
        for n in alike:
            way = views["mel"][n] - views["mel"][place]
            done = made["mel"][place] - views["mel"][place]
            share = float((way * done).sum() / way.square().sum().clamp(min=1e-9))
            gaps.append(float((done - share * way).abs().max()) if -1e-4 <= share <= 0.5 + 1e-4 else 9.0)
        assert min(gaps) < 1e-4
    # Forged with a labelled forgery: the cue is not known any more.
    forged = facts["truth"] == 1
    assert told["cues"][forged].isnan().any() and told["cues"][~forged][:, 0].isfinite().all()
    torch.manual_seed(3)
    again, _ = mixed(views, facts, 0.5)
    assert torch.equal(again["pictures"], made["pictures"])


def test_mixup_reaches_the_net() -> None:
    net, plain = ByHand(), ByHand()
    torch.manual_seed(1)
    objective(flagship_mixup=1.0)(net, batch(), 0)
    objective()(plain, batch(), 0)
    assert not torch.equal(net.inputs["mel"], plain.inputs["mel"])
    assert SimpleNamespace(**net.inputs).frame_seconds.equal(plain.inputs["frame_seconds"])
