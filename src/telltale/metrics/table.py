"""The metrics of an evaluation, one entry each: what it is called, what it means and how it is computed.

An entry in METRICS is all that a new metric needs. `telltale evaluate` then writes its value and interval to
metrics.json, prints both, and compares models by it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from telltale.metrics import from_counts, values
from telltale.metrics.calibration import BINS
from telltale.metrics.labelled_scores import LabelledScores
from telltale.metrics.rates import CLIP
from telltale.metrics.score_steps import Resample


@dataclass(frozen=True)
class Metric:
    """One metric.

    key: its name in metrics.json.
    name: its name in printed text.
    definition: one sentence, written to metrics.json and printed.
    function: its value on labelled scores, a finite number; or a dictionary of parts, such as a number for
        each of several rates. Parts without an interval may be any JSON.
    resampled: the same for a bootstrap resample, from its counts, for the parts that get an interval. None:
        `function` measures the drawn clips one by one, and every part that is a float gets an interval. At
        200,000 clips that takes about 80 ms a resample if `function` sorts, and 1 ms from counts.
    compared: whether the difference of two models gets an interval, from the same resamples of both.
    resolved: whether there are clips enough for the value of a part; None: there always are.
    """

    key: str
    name: str
    definition: str
    function: Callable[[LabelledScores], float | dict[str, Any]]
    resampled: Callable[[Resample], float | dict[str, float]] | None = None
    compared: bool = True
    resolved: Callable[[LabelledScores, str], bool] | None = None

    def of_resample(self, drawn: Resample) -> float | dict[str, float]:
        """Its value on a bootstrap resample, or a dictionary of those parts that get an interval."""
        if self.resampled is not None:
            return self.resampled(drawn)
        value = self.function(drawn.clips())
        if isinstance(value, dict):
            return {part: number for part, number in value.items() if isinstance(number, float)}
        return value


# The keys of metrics.json do not change: a bundle's metrics.json is compared key by key when it is
# reproduced. Of the metrics that bundles of the first version have, they compare models by two only.
METRICS: tuple[Metric, ...] = (
    Metric(
        "auc",
        "AUC",
        "area under the ROC curve: the chance that a forged clip scores above a genuine one, a tie counting "
        "one half",
        values.auc,
        from_counts.auc,
    ),
    Metric(
        "partial_auc",
        "pAUC to FPR",
        "area under the ROC curve, joined by straight lines, up to the stated false positive rate, "
        "standardised so that 0.5 is chance and 1 perfection (McClish 1989)",
        values.partial_auc,
        from_counts.partial_auc,
        compared=False,
    ),
    Metric(
        "tpr_at_fpr",
        "TPR at FPR",
        "highest true positive rate of any threshold whose false positive rate does not exceed the target; "
        "clips of equal score pass a threshold together, and nothing is interpolated",
        values.tpr_at_fpr,
        from_counts.tpr_at_fpr,
        resolved=values.allows_one_false_positive,
    ),
    Metric(
        "fpr_at_tpr",
        "FPR at TPR",
        "lowest false positive rate of any threshold whose true positive rate is at least the target",
        values.fpr_at_tpr,
        from_counts.fpr_at_tpr,
        compared=False,
    ),
    Metric(
        "ap",
        "average precision",
        "average precision: precision at each distinct score, weighted by the recall it adds",
        values.average_precision,
        from_counts.average_precision,
        compared=False,
    ),
    Metric(
        "eer",
        "EER",
        "rate at which false positives equal false negatives, on the ROC curve joined by straight lines",
        values.equal_error_rate,
        from_counts.equal_error_rate,
        compared=False,
    ),
    Metric(
        "log_loss",
        "log loss",
        "mean of -ln of the probability given to the true class, probabilities clipped to "
        f"[{CLIP:.3g}, 1 - {CLIP:.3g}]",
        values.log_loss,
        from_counts.log_loss,
        compared=False,
    ),
    Metric(
        "brier",
        "Brier score",
        "mean squared difference between the fake probability and the target",
        values.brier,
        from_counts.brier,
        compared=False,
    ),
    Metric(
        "calibration",
        "calibration",
        f"{BINS} bins of equal width over [0, 1]; error: mean over bins, weighted by their clips, of |mean "
        "fake probability - share of forged clips|; maximum: the largest such difference of a bin that has "
        "clips",
        values.calibration_error,
        from_counts.calibration_error,
        compared=False,
    ),
    Metric(
        "decision",
        "decision",
        "clips with a fake probability of at least the threshold are flagged as forged; macro: the plain "
        "mean of the two classes' values, null where a class is never called",
        values.decision,
        from_counts.decision,
        compared=False,
    ),
)

# Other words of metrics.json.
TERMS = {
    "base_rates": "precision = b TPR / (b TPR + (1 - b) FPR) where a share b of all clips is forged, with "
    "TPR and FPR at the threshold, null where nothing is flagged; one_in: one in so many flagged clips is "
    "forged; pessimistic: with the upper 95 % Clopper-Pearson bound of the FPR and the lower one of the TPR, "
    "each one-sided",
    "low, high": "2.5 and 97.5 percentiles of a bootstrap that resamples genuine and forged clips apart",
    "resolved": "true when there are at least 1 / FPR genuine clips; with fewer, not one false positive is "
    "allowed",
}


def definitions() -> dict[str, str]:
    """What each key of metrics.json means."""
    return {metric.key: metric.definition for metric in METRICS} | TERMS
