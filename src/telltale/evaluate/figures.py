"""The figures of an evaluation: which ones there are, what they are called and what they draw."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from telltale.metrics.decisions import precision_at
from telltale.metrics.rates import roc
from telltale.report import interval_figures, score_figures
from telltale.report.score_figures import RocCurve
from telltale.report.style import Floats


def of_model(
    tree: dict[str, Any], targets: Any, scores: Floats, band: tuple[Floats, Floats, Floats], out: Path
) -> list[str]:
    """Write every figure of one model into the folder `out`; the names of the files.

    tree: the model's metrics.
    targets: (N,) int, 0 genuine or 1 forged.
    scores: (N,) fake probabilities.
    band: as `score_figures.roc` takes it.
    """
    curve = RocCurve(*_corners(*roc(targets, scores)), tree["n_genuine"], tree["n_forged"])
    points = [
        (float(limit), entry["value"], entry["resolved"]) for limit, entry in tree["tpr_at_fpr"].items()
    ]
    auc, eer = tree["auc"]["value"], tree["eer"]["value"]
    score_figures.roc(curve, points, out / "roc.png", title=f"ROC: AUC {auc:.4f}", band=band)
    score_figures.det(curve, eer, out / "det.png", title=f"DET: EER {eer * 100:.1f} %")
    genuine, forged = scores[targets == 0], scores[targets == 1]
    score_figures.histogram(genuine, forged, out / "histogram.png", title="Fake probabilities by class")
    error = tree["calibration"]["error"]["value"]
    title = f"Reliability: calibration error {error:.3f}"
    score_figures.reliability(tree["calibration"]["bins"], out / "reliability.png", title=title)
    base_rates(tree["decision"], out / "base_rates.png")
    names = ["roc.png", "det.png", "histogram.png", "reliability.png", "base_rates.png"]
    for column, groups in tree.get("groupings", {}).items():
        rows = [
            (group, entry["seen"], entry["value"], entry["low"], entry["high"])
            for group, entry in groups.items()
            if entry["n_forged"]
        ]
        name = "kinds.png" if column == "kind" else f"groups_{re.sub(r'[^A-Za-z0-9._-]', '_', column)}.png"
        interval_figures.kinds(rows, out / name, title=f"AUC of forged clips by {column}")
        names.append(name)
    return names


def base_rates(decision: dict[str, Any], path: Path) -> None:
    """Precision over the base rate, from the decision of a tree. A threshold that flags nothing has no
    precision, and the figure says so."""
    tpr, fpr = decision["tpr"]["value"], decision["fpr"]["value"]
    rates = np.geomspace(1e-4, 0.9, 200)
    precisions, note = None, "nothing flagged: no precision"
    if decision["tp"] + decision["fp"]:
        bounds = decision["tpr_lower_bound"], decision["fpr_upper_bound"]
        precisions = _precisions(tpr, fpr, rates), _precisions(*bounds, rates)
        note = "" if decision["tp"] else "no flag is true: precision 0"
    threshold = f"Precision at threshold {decision['threshold']:.4g}"
    title = f"{threshold}: TPR {tpr * 100:.1f} %, FPR {fpr * 100:.3g} %"
    score_figures.base_rates(rates, precisions, path, title=title, note=note)


def _precisions(tpr: float, fpr: float, rates: Floats) -> Floats:
    """(R,): the precision at each base rate; NaN, which a logarithmic axis leaves out, if it is 0."""
    return np.array([precision_at(tpr, fpr, rate) or math.nan for rate in rates.tolist()])


def _corners(fpr: Floats, tpr: Floats) -> tuple[Floats, Floats]:
    """The curve without the points in the middle of a vertical or horizontal stretch: the same steps from far
    fewer points."""
    inner = ~(
        ((fpr[:-2] == fpr[1:-1]) & (fpr[1:-1] == fpr[2:]))
        | ((tpr[:-2] == tpr[1:-1]) & (tpr[1:-1] == tpr[2:]))
    )
    keep = np.concatenate(([True], inner, [True]))
    return fpr[keep], tpr[keep]
