"""Sections of the configuration that training alone reads: augmentation, pseudo-forgeries, the optimiser."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from telltale.config.affects import Length, Result
from telltale.config.sections import Count, FromZero, NotNegative, Positive, Quality, Section, Share, Switch


class AugmentSettings(Section):
    """Changes in training; each `_p` is the probability that a clip gets it, alike on all its frames."""

    flip_p: Result[Share] = 0.5
    """Probability that pictures are mirrored left to right."""
    vertical_flip_p: Result[Share] = 0.0
    """Probability that pictures are turned upside down."""
    rotate90_p: Result[Share] = 0.0
    """Probability that pictures are turned by 0, 90, 180 or 270 degrees."""
    affine_p: Result[Share] = 0.0
    """Probability that pictures are shifted by up to 1/16, scaled by 0.8 to 1.2 and turned by up to 45
    degrees, over black."""
    grey_p: Result[Share] = 0.0
    """Probability that pictures lose their colour."""
    crop_p: Result[Share] = 0.5
    """Probability that a random part of the pictures is cut out and enlarged."""
    crop_scale: Result[Annotated[float, Field(gt=0, le=1)]] = 0.8
    """Smallest area of the part that crop_p cuts out, as a share of the picture's."""
    jpeg_p: Result[Share] = 0.3
    """Probability that pictures are compressed as JPEG, of a quality from jpeg_low to jpeg_high."""
    jpeg_low: Result[Quality] = 30
    """Lowest quality of jpeg_p."""
    jpeg_high: Result[Quality] = 95
    """Highest quality of jpeg_p."""
    blur_p: Result[Share] = 0.1
    """Probability of a Gaussian blur with a sigma from 0.5 to 2 pixels."""
    noise_p: Result[Share] = 0.1
    """Probability of Gaussian noise with a deviation from 0.01 to 0.06 of full scale."""
    colour_p: Result[Share] = 0.3
    """Probability that brightness, contrast, saturation and hue are changed."""
    gain_p: Result[Share] = 0.3
    """Probability that sound is made louder or softer by up to 6 dB."""
    sound_noise_p: Result[Share] = 0.1
    """Probability of added noise, 10 to 40 dB below the sound."""
    border_crop_p: Result[Share] = 0.0
    """Probability that 3 to 8 % of the pictures are cut off at every edge, and the rest enlarged."""
    level_p: Result[Share] = 0.0
    """Probability that sound is given a loudness from -45 to -15 dB RMS, whatever it had."""
    fill_silence_p: Result[Share] = 0.0
    """Probability that silence at both ends of the sound is filled with the mirrored sound beside it."""
    mel_mask_p: Result[Share] = 0.0
    """Probability that a band and a stretch of time of the mel image are set to its mean."""
    h264_p: Result[Share] = 0.0
    """Probability that pictures are compressed as H.264 video, with a CRF from 18 to 32."""
    rescale_p: Result[Share] = 0.0
    """Probability that pictures are scaled to a share from 0.4 to 0.9 of their side, and back."""
    gamma_p: Result[Share] = 0.0
    """Probability of a gamma from 0.7 to 1.4."""
    sound_codec_p: Result[Share] = 0.0
    """Probability that sound is compressed as AAC or MP3, at 24 to 96 kbit/s."""
    band_limit_p: Result[Share] = 0.0
    """Probability that sound above a frequency between 3 kHz and 90 % of its band is cut off."""

    @model_validator(mode="after")
    def _qualities(self) -> "AugmentSettings":
        if self.jpeg_low > self.jpeg_high:
            raise ValueError(f"wanted jpeg_low <= jpeg_high, got {self.jpeg_low}, {self.jpeg_high}")
        return self


class PseudoSettings(Section):
    """Pseudo-forgeries, which detectors that learn from them get of genuine training clips.

    The four weights are relative frequencies of the cue that is falsified; 0 leaves a cue out.
    """

    picture: Result[NotNegative] = 1.0
    """Weight of forgeries that single pictures show."""
    motion: Result[NotNegative] = 0.5
    """Weight of forgeries that only a sequence of pictures shows."""
    sound: Result[NotNegative] = 1.0
    """Weight of forgeries that the sound shows."""
    in_step: Result[NotNegative] = 1.0
    """Weight of sound and pictures that do not belong together."""
    combine_p: Result[Share] = 0.2
    """Probability that a forged picture gets a forged sound, too."""
    kinds: Result[tuple[str, ...] | None] = None
    """Names of the kinds that are made; null: all."""


class OptimSettings(Section):
    """How weights are updated, how long, and when the run is saved."""

    name: Result[Literal["adamw", "adam", "sgd"]] = "adamw"
    """Optimiser; "adam" has weight decay as L2 in the gradient, as torch defines it."""
    rate: Result[Positive] = 3e-4
    """Learning rate, before warm-up and schedule."""
    weight_decay: Result[NotNegative] = 0.01
    """Weight decay of the optimiser."""
    decay: Result[Literal["all", "weights"]] = "all"
    """What weight_decay reaches; "weights" spares biases, norms, and what the model's `no_weight_decay()`
    names."""
    momentum: Result[Share] = 0.9
    """Momentum of "sgd"."""
    epochs: Length[Count] = 10
    """Full passes over the training data."""
    schedule: Result[Literal["step", "cosine", "constant", "hold"]] = "cosine"
    """Course of the rate: "cosine" falls to 0, "step" is multiplied by step_gamma every step_epochs, "hold"
    is constant for the share `hold` of the run and then falls linearly to 0."""
    hold: Result[Annotated[float, Field(ge=0, lt=1)]] = 0.75
    """Share of the run in which schedule "hold" keeps the rate constant."""
    step_epochs: Result[Count] = 5
    """Epochs between two steps of schedule "step"."""
    step_gamma: Result[Positive] = 0.1
    """Factor of the rate at each step of schedule "step"."""
    warmup_steps: Result[FromZero] = 0
    """Batches at the beginning of the run over which the rate rises linearly from 0."""
    clip_norm: Result[Positive | None] = None
    """Norm to which the gradient of all weights together is limited; null: no limit."""
    accumulate: Result[Count] = 1
    """Batches whose gradients are averaged into one update."""
    ema_decay: Result[Annotated[float, Field(ge=0, lt=1)]] = 0.0
    """Decay of the moving average of the weights that is validated and kept; 0: no average."""
    autocast: Result[Annotated[Literal["off", "bf16", "fp16"], Switch]] = "off"
    """Precision of the network's arithmetic; "off": float32."""
    label_smoothing: Result[Annotated[float, Field(ge=0, lt=0.5)]] = 0.0
    """Share of each target that goes to the other class."""
    patience: Length[FromZero] = 0
    """Epochs in a row without a better validation result after which the run ends; 0: it never ends early."""
    trained: Result[Literal["all", "last"]] = "all"
    """Weights that training changes; "last": those of the last two linear or convolutional layers before the
    logit, and no statistic of batch norm."""
    save_every: Length[Count] = 100
    """Batches after which `last.pt` is written, besides each epoch's end, so that a killed run loses little.
    With `accumulate` at the first update at or after each multiple."""
    sam_rho: Result[NotNegative] = 0.0
    """Distance by which a sharpness-aware step goes uphill before it takes the gradient; 0: plain steps."""
    select: Result[Literal["validation", "unseen", "both", "pseudo", "last"]] = "validation"
    """Clips by which the best epoch is chosen, by AUC, then by TPR at FPR 1e-3: the validation split, what
    section folds holds out, or the mean of both. "pseudo": by the AUC of genuine validation clips and their
    pseudo-forgeries, then by the mean of the cues' AUCs. "last" takes the last epoch."""
    calibrate: Result[bool] = False
    """Whether the best epoch's logits are scaled and shifted so that they fit the validation split best."""
    sync_batch_norm: Result[bool] = False
    """Batch norm counts the clips of all processes together, on CUDA; with one process it changes nothing."""

    @model_validator(mode="after")
    def _sam(self) -> "OptimSettings":
        if self.sam_rho and (self.accumulate > 1 or self.autocast == "fp16"):
            raise ValueError(
                "sam_rho takes two gradients of each batch; wanted accumulate: 1 and no fp16 with it"
            )
        return self
