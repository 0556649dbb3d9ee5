"""The objective of `flagship`: genuine clips beside pseudo-forgeries of them, whose false cue is known, and
labelled forgeries, whose cue is not.

A pseudo-forgery is forged to the head of the cue that it falsifies and genuine to the other heads. A labelled
forgery teaches the fused logit alone. The offset between mouth and sound is learnt from genuine clips alone:
within a clip the right one is 0, as in SyncNet (Chung and Zisserman, ACCV workshops 2016).

Every term is a sum over views divided by the number of views that the batch's clips could have, so a process
with other clips than another one counts by its clips. A view of which a term's target is not known adds 0.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from telltale import config
from telltale.config.flagship import FlagshipObjectiveSettings
from telltale.data.batch import Batch
from telltale.data.manifest import Row
from telltale.forge.pseudo import CUES
from telltale.models.output import Output
from telltale.train.losses import Losses, cross_entropy

# What mixing two clips mixes; times and presence are those of the first.
MIXED = ("pictures", "mel", "crops", "mouth")


class FlagshipObjective:
    """Up to nine terms: `fused`, each of CUES, `segments`, `map` and `offset`, as section `objective` weighs
    them.

    The model's `Output` has the cues' logits as `heads`, and as `training` what
    `models.flagship.FlagshipTraining` says. A head without a gradient is a cue that the model has not, and
    has no term.
    """

    unit, methods = "twins", 1

    def __init__(self, settings: config.Config, rows: Sequence[Row]) -> None:
        assert isinstance(settings.objective, FlagshipObjectiveSettings)
        self.settings, self.smoothing = settings.objective, settings.optim.label_smoothing

    def __call__(self, net: Any, batch: Batch, epoch: int) -> Losses:
        """The losses of one batch."""
        device, wanted = batch.has_picture.device, self.settings
        inputs, known = batch.inputs(device), batch.known(device)
        labelled = (known["truth"] == 1) & known["cues"].isnan().all(1)
        known["weight"] = torch.where(labelled, wanted.flagship_labelled, 1.0)
        if wanted.flagship_mixup:
            inputs, known = mixed(inputs, known, wanted.flagship_mixup)
        output: Output = net(**inputs, want=("training",))
        terms = self.terms(output, known, batch.usable.numel())
        return Losses(terms, probability_of_clips(output.logit.detach(), batch))

    def terms(self, output: Output, known: dict[str, Tensor], count: int) -> dict[str, Tensor]:
        """The terms of B views, by name.

        known: their truth, cues, segments and mask as of `SampleArrays`, and "weight" (B,), of the views in
            `fused`. count: how many views the batch's clips could have. Raises ValueError if there is no
            term.
        """
        wanted = self.settings
        found: Any = output.training
        terms: dict[str, Tensor] = {}
        if wanted.flagship_fused:
            losses = entropy(output.logit, known["truth"], self.smoothing) * known["weight"]
            terms["fused"] = wanted.flagship_fused * losses.sum() / count
        for place, cue in enumerate(CUES if wanted.flagship_cues else ()):
            if output.heads[cue].requires_grad:
                losses = entropy(output.heads[cue], known["cues"][:, place], self.smoothing)
                terms[cue] = wanted.flagship_cues * losses.sum() / count
        if wanted.flagship_segments:
            losses = entropy(found.segments, known["segments"]).mean(1)
            terms["segments"] = wanted.flagship_segments * losses.sum() / count
        if wanted.flagship_map:
            losses = entropy(found.mask, known["mask"]).mean((1, 2, 3))
            terms["map"] = wanted.flagship_map * losses.sum() / count
        if wanted.flagship_offset:
            losses = out_of_step(found.offsets, found.whole, found.valid) * (known["truth"] == 0)
            terms["offset"] = wanted.flagship_offset * losses.sum() / count
        if not terms:
            raise ValueError("flagship's objective: every term is switched off; wanted one weight above 0")
        return terms


def entropy(logits: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
    """Binary cross-entropy, unreduced, float32; 0 where the target is NaN."""
    known = target.isfinite()
    return cross_entropy(logits, torch.where(known, target, 0.0), smoothing) * known


def out_of_step(offsets: Tensor, whole: Tensor, valid: Tensor) -> Tensor:
    """How little the offset 0 stands out, in nats: float32 (B,), the mean of two cross-entropies, one over
    the steps' curves and one of the whole clip's; 0 for a clip in which nothing can be compared.

    offsets: float (B, K, 2R + 1), of each step a logit for each offset; whole: float (B, 2R + 1), of the
    clip; valid: bool (B, K, 2R + 1). A step counts where the offset 0 and another one are valid.
    """
    middle = offsets.shape[2] // 2
    curves = torch.cat([offsets, whole[:, None]], 1).float()
    there = torch.cat([valid, valid.any(1, keepdim=True)], 1)
    counts = there[..., middle] & (there.sum(2) > 1)
    # Curves that do not count are replaced before the softmax: of nothing valid it would be NaN, and so would
    # its gradient.
    shares = torch.where(there & counts[..., None], curves, -1e4).log_softmax(2)[..., middle]
    losses = torch.where(counts, -shares, 0.0)
    steps, of_steps = counts[:, :-1].sum(1), losses[:, :-1].sum(1)
    return (of_steps / steps.clamp(min=1) + losses[:, -1]) / 2


def probability_of_clips(logits: Tensor, batch: Batch) -> Tensor:
    """Logits (B,) of the usable views → float32 (N,): of each clip the mean probability of its views."""
    clips, views = batch.usable.shape
    whose = (batch.usable.flatten().nonzero().squeeze(1) // views).to(logits.device)
    sums = logits.new_zeros(clips, dtype=torch.float32).index_add_(0, whose, logits.float().sigmoid())
    return sums / batch.usable.sum(1).clamp(min=1).to(logits.device)


def mixed(
    inputs: dict[str, Any], known: dict[str, Tensor], alpha: float
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The model's arguments for B views, and what is known of them, with every view mixed with another one of
    its class: genuine with genuine, forged with forged, and none with one that lacks picture or sound if it
    has both (Zhang, Cisse, Dauphin and Lopez-Paz, mixup, ICLR 2018, within classes).

    alpha: of the symmetric Beta distribution of the shares. The larger share, the times and the presence are
    the view's own. What is not known of one of the two is not known of the mixture. Draws from torch.
    """
    key = known["truth"].nan_to_num(2.0) * 4 + inputs["has_picture"] * 2 + inputs["has_sound"]
    partner = torch.arange(len(key))
    host = key.cpu()
    for value in host.unique():
        group = (host == value).nonzero().squeeze(1)
        partner[group] = group[torch.randperm(len(group))]
    share = torch.distributions.Beta(alpha, alpha).sample((len(key),)).to(key.device)
    share, partner = torch.maximum(share, 1 - share), partner.to(key.device)

    def mix(values: Tensor) -> Tensor:
        own = share.view(-1, *[1] * (values.ndim - 1))
        return own * values + (1 - own) * values[partner]

    arrays = {name: mix(inputs[name]) for name in MIXED if inputs.get(name) is not None}
    return {**inputs, **arrays}, {name: mix(values) for name, values in known.items()}
