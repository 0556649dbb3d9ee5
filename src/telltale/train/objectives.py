"""Training objectives: the losses of a batch, for each kind of detector.

    objective = build(settings, train.rows)
    losses = objective(net, batch, epoch)  # every clip of the batch is usable, its tensors on one device

net is the model, under DDP its wrapper. An objective calls it once, as `net(...)`: DDP averages gradients
over processes only through its own forward call. `unit` says what an epoch consists of: "clips", every row;
"pairs", each forged row and before it a genuine row drawn for it; "genuine", genuine rows alone, of which the
data set makes two views, the genuine one and its self-blended one; "twins", every row, of which genuine ones
get a second view, a pseudo-forgery.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from telltale import config
from telltale.config.detectors import DETECTORS, LavSettings, UcfSettings
from telltale.data.batch import Batch
from telltale.data.manifest import Row
from telltale.models.output import Output
from telltale.train.flagship_objective import FlagshipObjective
from telltale.train.losses import Losses, cross_entropy, squared_error

CLASSIFIERS = {"cross_entropy": cross_entropy, "squared_error": squared_error}
FACE = ((0.3, 0.75), (0.3, 0.7))  # rows and columns between which a talking head's eyes, nose and mouth lie


class Objective(Protocol):
    """What the training loop calls.

    unit: see above
    methods: how many kinds of forgery the labels tell apart, 1 if they name none
    """

    unit: str
    methods: int

    def __call__(self, net: Any, batch: Batch, epoch: int) -> Losses:
        """The losses of one batch. epoch: from 0."""


class Kinds:
    """The kinds of forgery in the training rows, numbered by name from 1; 0 is genuine.

    count: how many there are, 1 if the labels name none
    numbers: by video name, of forged clips
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        names = sorted({row.method or "" for row in rows if row.target == 1})
        self.count = max(len(names), 1)
        self.numbers = {row.video_name: names.index(row.method or "") + 1 for row in rows if row.target == 1}

    def of(self, batch: Batch, device: torch.device) -> Tensor:
        """The number of each clip's kind, long (N,)."""
        numbers = [self.numbers.get(info.video_name, 1) if info.target == 1 else 0 for info in batch.infos]
        return torch.tensor(numbers, device=device)


class ClassifierObjective:
    """Cross-entropy or squared error of each frame's score against its clip's target, or of each clip's
    (`objective.per`).

    With `objective.method_weight`, and two or more kinds of forgery, a further head (`models/kinds.py`)
    learns to tell them apart: `methods` of them, and genuine clips.
    """

    unit, methods = "clips", 1

    def __init__(self, settings: config.Config, rows: Sequence[Row]) -> None:
        self.kinds, self.weight = Kinds(rows), settings.objective.method_weight
        if self.weight:
            self.methods = self.kinds.count
        self.name, self.smoothing = settings.objective.loss, settings.optim.label_smoothing
        self.loss = CLASSIFIERS[self.name]
        self.per_frame = settings.objective.per == "frame"

    def __call__(self, net: Any, batch: Batch, epoch: int) -> Losses:
        logits, output = self.judge(net, batch)
        target = batch.target.to(logits.device)[:, None].expand_as(logits)
        terms: dict[str, Tensor] = {self.name: self.loss(logits, target, self.smoothing).mean()}
        if self.methods > 1:
            assert output.training is not None  # `models.build` gave the model the head
            kinds = self.kinds.of(batch, logits.device)
            terms["kinds"] = self.weight * functional.cross_entropy(output.training[0], kinds)
        return Losses(terms, output.logit.detach().sigmoid())

    def judge(self, net: Any, batch: Batch) -> tuple[Tensor, Output]:
        """Of N views: logits to take losses of, (N, T) of frames or (N, 1) of clips; all that the model says
        of them."""
        output: Output = net(**batch.inputs(batch.has_picture.device))
        logits = output.frame_logits if self.per_frame else output.logit.unsqueeze(1)
        assert logits is not None  # the configuration allows losses of frames for frame-level detectors alone
        return logits, output


class SelfBlendedObjective(ClassifierObjective):
    """Genuine clips against themselves, self-blended: the batch's two views are the genuine one and the
    forged one."""

    unit = "genuine"

    def __call__(self, net: Any, batch: Batch, epoch: int) -> Losses:
        logits, output = self.judge(net, batch)
        target = (
            torch.tensor([0.0, 1.0], device=logits.device).repeat(len(logits) // 2)[:, None].expand_as(logits)
        )
        losses = self.loss(logits, target, self.smoothing)
        return Losses({self.name: losses.mean()}, output.logit.detach().sigmoid().view(-1, 2).mean(1))


class UcfObjective:
    """Four terms on pairs: both heads' cross-entropy, rebuilt pictures, and triplets of the two parts of the
    features.

    The kinds of forgery are what the labels' method column says, whatever it calls them; without one there is
    one kind. The probabilities are right for a batch's classes, not for each clip: common features change
    places within their class.
    """

    unit = "pairs"

    def __init__(self, settings: config.Config, rows: Sequence[Row]) -> None:
        self.kinds = Kinds(rows)
        self.methods = self.kinds.count
        assert isinstance(settings.objective, UcfSettings)
        self.settings, self.smoothing = settings.objective, settings.optim.label_smoothing

    def __call__(self, net: Any, batch: Batch, epoch: int) -> Losses:
        device, wanted = batch.has_picture.device, self.settings
        inputs = batch.inputs(device)
        frames = inputs["pictures"].shape[1]
        # Partner beside partner, frame by frame.
        pictures = inputs["pictures"].unflatten(0, (-1, 2)).transpose(1, 2).flatten(0, 2).unsqueeze(1)
        output: Output = net(pictures, None, inputs["has_picture"], inputs["has_sound"], want=("training",))
        found: Any = output.training
        kinds = self.kinds.of(batch, device).view(-1, 1, 2).expand(-1, frames, -1).flatten()
        classes = (kinds > 0).long()
        common = functional.cross_entropy(found.common.float(), classes, label_smoothing=self.smoothing)
        specific = functional.cross_entropy(found.specific.float(), kinds)
        # Both classes at once, so each is the mean of two of the four published terms, which are added: hence
        # the factor 2.
        own, crossed = (functional.l1_loss(each.float(), found.pictures.float()) for each in found.rebuilt)
        pulled = triplets(found.common_features, classes, wanted.ucf_margin)
        pulled = pulled + triplets(found.specific_features, kinds, wanted.ucf_margin)
        terms = {
            "common": common,
            "specific": wanted.ucf_specific * specific,
            "reconstruction": wanted.ucf_reconstruction * 2 * (own + crossed),
            "contrastive": wanted.ucf_contrastive * pulled,
        }
        probability = (
            found.common.detach()
            .float()
            .softmax(1)[:, 1]
            .view(-1, frames, 2)
            .transpose(1, 2)
            .flatten(0, 1)
            .mean(1)
        )
        return Losses(terms, probability)


class LocateAndVerifyObjective:
    """Cross-entropy of the classes, and of every patch by labels that the network gives itself (SSPSL), each
    frame by itself.

    No masks are wanted: see `patch_labels`. In the first `supervised_epochs` genuine patches teach the map
    once more.
    """

    unit, methods = "pairs", 1

    def __init__(self, settings: config.Config, rows: Sequence[Row]) -> None:
        assert isinstance(settings.objective, LavSettings)
        self.supervised, self.smoothing = settings.objective.supervised_epochs, settings.optim.label_smoothing

    def __call__(self, net: Any, batch: Batch, epoch: int) -> Losses:
        device = batch.has_picture.device
        inputs = batch.inputs(device)
        output: Output = net(**inputs, want=("training",))
        found: Any = output.training
        frames = inputs["pictures"].shape[1]
        target = batch.target.to(device).long().repeat_interleave(frames)
        scores, patches = found.classes.float(), found.patches.float()
        terms = {
            "classes": functional.cross_entropy(scores, target, label_smoothing=self.smoothing),
            "patches": functional.cross_entropy(
                patches, patch_labels(found.projected.detach().float(), target)
            ),
        }
        if epoch < self.supervised:
            genuine = patches[target == 0]
            terms["genuine_patches"] = functional.cross_entropy(
                genuine, genuine.new_zeros(genuine[:, 0].shape).long()
            )
        return Losses(terms, scores.detach().softmax(1)[:, 1].view(-1, frames).mean(1))


def triplets(features: Tensor, kinds: Tensor, margin: float) -> Tensor:
    """Margin triplets with Euclidean distances: the mean over genuine anchors and that over forged ones,
    added.

    features: (B, D); kinds: long (B,), 0 genuine, more for kinds of forgery. A random sample of the anchor's
    kind should be nearer than a random one of the other class (genuine or forged), by `margin`. Both classes
    must be there.
    """
    features, forged = features.float(), kinds > 0
    alike = torch.multinomial((kinds[:, None] == kinds[None, :]).float(), 1).squeeze(1)
    unlike = torch.multinomial((forged[:, None] != forged[None, :]).float(), 1).squeeze(1)
    distance = functional.pairwise_distance
    lost = functional.relu(
        distance(features, features[alike]) - distance(features, features[unlike]) + margin
    )
    return lost[forged].mean() + lost[~forged].mean()


def patch_labels(projected: Tensor, target: Tensor) -> Tensor:
    """What patches of pictures are taken to be: long (B, h, w), 1 forged.

    projected: float32 (B, D, h, w); target: long (B,), both classes among them. Patches of genuine pictures
    are genuine. One of a forged picture is forged where its projection points rather to the mean over the
    forged pictures' faces than to the mean over genuine patches. The face is taken to be where talking heads
    have it (`FACE`).
    """
    patches = functional.normalize(projected, dim=1).permute(0, 2, 3, 1)  # (B, h, w, D)
    forged = target == 1
    (top, bottom), (left, right) = (
        (slice_of(edges, size)) for edges, size in zip(FACE, patches.shape[1:3], strict=True)
    )
    face = patches[forged, top:bottom, left:right].flatten(0, 2).mean(0)
    genuine = patches[~forged].flatten(0, 2).mean(0)
    nearer = functional.cosine_similarity(patches, face, dim=3) > functional.cosine_similarity(
        patches, genuine, dim=3
    )
    return (nearer & forged[:, None, None]).long()


def slice_of(edges: tuple[float, float], size: int) -> tuple[int, int]:
    """Fractions of `size` as places, at least one of them."""
    first = int(edges[0] * size)
    return first, max(first + 1, round(edges[1] * size))


OBJECTIVES: dict[str, Any] = {
    "classifier": ClassifierObjective,
    "sbi": SelfBlendedObjective,
    "ucf": UcfObjective,
    "lav": LocateAndVerifyObjective,
    "flagship": FlagshipObjective,
}


def build(settings: config.Config, rows: Sequence[Row]) -> Objective:
    """What trains the detector of `settings` on the training split's `rows`."""
    return OBJECTIVES[DETECTORS[settings.model.name].objective](settings, rows)
