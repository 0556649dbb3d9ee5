"""The whole configuration: the sections of `config/sections.py` and `config/training.py`, and the two whose
keys depend on which detectors there are. `config/__init__.py` reads it.

`ModelSettings` and `ObjectiveSettings` hold the keys that detectors share and, joined to them, those that an
entry of the table brings along.
"""

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import Field, ValidationInfo, create_model, field_validator, model_validator

from telltale.config.affects import Result, Rounding, Seed
from telltale.config.detectors import DETECTORS, PSEUDO_OBJECTIVES, reads
from telltale.config.sections import (
    ClipSettings,
    Count,
    DataSettings,
    FoldSettings,
    FromZero,
    MelSettings,
    NotNegative,
    PredictSettings,
    RulesSettings,
    Section,
    Share,
    StoreSettings,
)
from telltale.config.training import AugmentSettings, OptimSettings, PseudoSettings


class SharedModel(Section):
    """Which model it is, and what detectors have in common."""

    name: Result[str]
    """The detector, one of `telltale models`."""
    picture_backbone: Result[str | None] = None
    """Network of timm's that is the picture tower; null: the detector's own."""
    picture_detector: Result[str | None] = None
    """Frame-level detector that is the picture tower of audiovisual; null: picture_backbone is."""
    sound_backbone: Result[str] = "resnet18.a1_in1k"
    """Network of timm's that is the sound tower."""
    pretrained: Result[bool] = False
    """Whether the towers start from ImageNet-1K weights."""
    picture_weights: Result[str | None] = None
    """File of weights that the picture tower starts from."""
    sound_weights: Result[str | None] = None
    """File of weights that the sound tower starts from."""
    start_from: Result[str | None] = None
    """Checkpoint of the same detector, such as RUN/best.pt, from all of whose weights training starts, in
    place of the towers' first weights; null: none."""
    pooling: Result[Literal["mean", "max", "top_k", "attention"]] = "mean"
    """How frames' logits become a clip's: their mean, the highest, the mean of the `top_k` highest, or a mean
    with learnt weights ("attention"); in audiovisual how tokens become one, "mean" or "attention"."""
    top_k: Result[Count] = 3
    """Frames that pooling "top_k" averages."""
    width: Result[Count] = 256
    """Size of a token in audiovisual and flagship; a multiple of 8."""
    dropout: Result[Share] = 0.2
    """Probability of dropout, where the detector has it."""
    modality_dropout: Result[Annotated[float, Field(ge=0, lt=1)]] = 0.2
    """Probability that audiovisual is shown only one of picture and sound in training, of flagship its last
    layers."""

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in DETECTORS:
            meant = difflib.get_close_matches(name.lower().replace("-", "_"), DETECTORS, 1)
            hint = f"; did you mean {meant[0]}?" if meant else ""
            raise ValueError(f"no detector of that name{hint or ';'} wanted one of {', '.join(DETECTORS)}")
        return name

    @model_validator(mode="before")
    @classmethod
    def _default_backbone(cls, tree: Any) -> Any:
        # Filled in here, so that a run's resolved config names the network that was trained.
        named = (tree.get("picture_detector") or tree.get("name")) if isinstance(tree, dict) else None
        if named in DETECTORS and tree.get("picture_backbone") is None:
            return {**tree, "picture_backbone": DETECTORS[named].backbone}
        return tree

    @model_validator(mode="after")
    def _fits(self) -> "SharedModel":
        entry, named = DETECTORS[self.name], self.name
        if self.picture_detector is not None:
            known = [name for name, other in DETECTORS.items() if other.per_frame]
            if not entry.takes_detector or self.picture_detector not in known:
                takers = ", ".join(name for name, other in DETECTORS.items() if other.takes_detector)
                raise ValueError(
                    f"picture_detector is for {takers} and one of {', '.join(known)}, got "
                    f"'{self.picture_detector}'"
                )
            entry, named = DETECTORS[self.picture_detector], self.picture_detector
        if entry.fixed and self.picture_backbone != entry.backbone:
            raise ValueError(
                f"{named} is built on {entry.backbone or 'no backbone'}, got picture_backbone "
                f"'{self.picture_backbone}'"
            )
        if entry.fixed and entry.backbone is None:
            if self.pretrained and self.name == named:
                raise ValueError(f"{named} has no ImageNet weights to begin with; wanted pretrained: false")
            if self.picture_weights and not entry.keras:
                raise ValueError(f"{named} has no published weights to begin with; wanted no picture_weights")
        own = DETECTORS[self.name]
        if own.per == ("frame",) and self.pooling == "attention":
            raise ValueError(
                f"{self.name} learns from single frames, which teach no attention; wanted pooling mean, max "
                "or top_k"
            )
        if self.pooling not in own.poolings:
            raise ValueError(
                f"{self.name} pools by {' or '.join(own.poolings)}, got pooling '{self.pooling}'"
            )
        return self


class SharedObjective(Section):
    """What training minimises, beside what the detector's own objective fixes."""

    loss: Result[Literal["cross_entropy", "squared_error"]] = "cross_entropy"
    """Loss of plain classifiers; "squared_error" is that of the probability, as MesoNet was trained."""
    method_weight: Result[NotNegative] = 0.0
    """Weight of a plain classifier's further head, which tells the kinds of forgery of `data.method_column`
    apart in training; 0: no such head."""
    per: Result[Literal["frame", "clip"] | None] = None
    """What losses are taken of: each frame, with its clip's target, or the clip's pooled logit; null: "clip",
    or "frame" where the detector's objective knows nothing else."""


def joined(name: str, shared: type[Section], own: Iterable[type[Section] | None]) -> type[Section]:
    """The section `name`: the keys of `shared`, then those of each of `own`. Raises TypeError where a key is
    declared twice."""
    parts = [shared, *dict.fromkeys(each for each in own if each is not None)]
    keys = [key for part in parts for key in part.model_fields]
    if twice := {key for key in keys if keys.count(key) > 1}:
        raise TypeError(
            f"{name}: declared twice: {', '.join(sorted(twice))}; wanted another name for a detector's own "
            "key"
        )
    return create_model(name, __base__=tuple(reversed(parts)), __module__=__name__, __doc__=shared.__doc__)


if TYPE_CHECKING:
    # A type checker sees what detectors share; code of one detector narrows with `isinstance(settings,
    # ItsSettings)`.
    ModelSettings: TypeAlias = SharedModel
    ObjectiveSettings: TypeAlias = SharedObjective
else:
    ModelSettings = joined(
        "ModelSettings", SharedModel, (entry.model_settings for entry in DETECTORS.values())
    )
    ObjectiveSettings = joined(
        "ObjectiveSettings", SharedObjective, (entry.objective_settings for entry in DETECTORS.values())
    )


class Config(Section):
    """A run's settings, all of them."""

    seed: Seed[FromZero] = 1
    """What all random draws are keyed by."""
    threads: Rounding[FromZero] = 0
    """Threads of torch on the CPU, on whose number training's last bits depend; 0: one for each core."""
    deterministic: Result[bool] = False
    """Whether CUDA uses only kernels that give the same bits each time; an operation that has none stops the
    run."""
    clip: ClipSettings = ClipSettings()
    mel: MelSettings = MelSettings()
    data: DataSettings = DataSettings()
    folds: FoldSettings = FoldSettings()
    store: StoreSettings = StoreSettings()
    augment: AugmentSettings = AugmentSettings()
    pseudo: PseudoSettings = PseudoSettings()
    model: ModelSettings
    objective: ObjectiveSettings = Field(default_factory=ObjectiveSettings, validate_default=True)
    optim: OptimSettings = OptimSettings()
    predict: PredictSettings = PredictSettings()
    rules: RulesSettings = RulesSettings()

    @field_validator("model")
    @classmethod
    def _has_its_inputs(cls, model: ModelSettings, info: ValidationInfo) -> ModelSettings:
        clip, name = info.data.get("clip"), model.name
        if clip is None:  # refused already
            return model
        if "native" in reads(model) and clip.native_size is None:
            raise ValueError(
                f"{name} reads crops at native resolution; wanted clip.native_size=PIXELS, such as 96, got "
                "null"
            )
        if "native" not in DETECTORS[name].reads and clip.native_size is not None:
            raise ValueError(
                f"{name} reads no crops at native resolution; wanted clip.native_size=null, got "
                f"{clip.native_size}"
            )
        if "mouth" in reads(model) and not clip.mouth_frames:
            raise ValueError(
                f"{name} reads the lower face; wanted clip.mouth_frames=NUMBER, such as 24, got 0"
            )
        if "mouth" not in DETECTORS[name].reads and clip.mouth_frames:
            raise ValueError(
                f"{name} does not read the lower face; wanted clip.mouth_frames=0, got {clip.mouth_frames}"
            )
        return model

    @field_validator("predict")
    @classmethod
    def _has_crops(cls, predict: PredictSettings, info: ValidationInfo) -> PredictSettings:
        model = info.data.get("model")
        if model is not None and predict.crops > 1 and "native" not in reads(model):
            raise ValueError(
                f"crops: {model.name} reads no crops at native resolution; wanted 1, got {predict.crops}"
            )
        return predict

    @field_validator("optim")
    @classmethod
    def _selects(cls, optim: OptimSettings, info: ValidationInfo) -> OptimSettings:
        folds, model = info.data.get("folds"), info.data.get("model")
        if optim.select == "pseudo" and model is not None:
            objective = DETECTORS[model.name].objective
            if objective not in PSEUDO_OBJECTIVES:
                raise ValueError(
                    f"select: 'pseudo' is for detectors that learn from pseudo-forgeries, which {model.name} "
                    "does not; wanted optim.select=validation"
                )
        if optim.select == "last" and optim.patience:
            raise ValueError(
                f"select: by 'last' every epoch is better than the one before, so patience "
                f"{optim.patience} never ends a run; wanted optim.patience=0"
            )
        if optim.select in ("unseen", "both") and folds is not None and folds.by == "none":
            raise ValueError(
                f"select: '{optim.select}' needs held-out clips; wanted folds.by=clusters or methods, or "
                "optim.select=validation"
            )
        return optim

    @field_validator("objective")
    @classmethod
    def _per(cls, objective: ObjectiveSettings, info: ValidationInfo) -> ObjectiveSettings:
        model = info.data.get("model")
        if model is None:  # refused already
            return objective
        if objective.method_weight and DETECTORS[model.name].objective != "classifier":
            raise ValueError(f"method_weight: {model.name} has an objective of its own; wanted 0")
        allowed = DETECTORS[model.name].per
        per = objective.per or allowed[0]
        if per not in allowed:
            why = "has no scores of single frames" if per == "frame" else "learns from single frames"
            raise ValueError(f"per: {model.name} {why}; wanted objective.per={allowed[0]}")
        if per == "frame" and model.pooling == "attention":
            raise ValueError(
                "per: single frames' losses teach no attention; wanted objective.per=clip, or model.pooling "
                "mean, max or top_k"
            )
        # Filled in here, so that a run's resolved config says what was trained.
        return objective.model_copy(update={"per": per})
