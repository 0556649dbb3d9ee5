"""The tables of generalisation, against rows of the published ones (arXiv's layout: rank, detector, ...)."""

import pandas as pd
import pytest

from telltale.study import degradation
from telltale.study.generalisation import few_shot

SETS = ("CELEB", "FS", "NT", "DF", "DFD", "CELEB-M")
# Detector, training, tuning: accuracies in the order of SETS.
PUBLISHED = {
    ("meso", "merge", 2000): (85.50, 75.50, 76.10, 65.95, 61.45, None),
    ("meso", "", 0): (97.60, 51.15, 52.30, 61.80, 55.75, 80.20),
    ("xception", "", 0): (99.10, 54.60, 50.95, 57.00, 54.80, 76.05),
    ("shallow", "", 0): (85.40, 58.05, 50.20, 54.90, 49.60, 62.85),
}


def results(seeds: tuple[int, ...] = (1,)) -> pd.DataFrame:
    rows = []
    for (name, tuning, examples), accuracies in PUBLISHED.items():
        for each, accuracy in zip(SETS, accuracies, strict=True):
            role = {"CELEB": "trained", "CELEB-M": "same_method"}.get(each, "unseen")
            for seed in seeds:
                key = {"config": name, "trained_on": "CELEB", "tuning": tuning, "examples": examples}
                value = {"set": each, "role": role, "seed": seed, "new": each == "FS", "auc": seed / 4}
                if accuracy is not None:
                    rows.append({**key, **value, "accuracy": accuracy})
    return pd.DataFrame(rows)


def test_degradation_is_that_of_the_published_table() -> None:
    table = degradation.degradation(results())
    assert list(table) == ["Rank", "Detector", "Original", *SETS[1:5], "Average", "Degradation"]
    assert table["Detector"].tolist() == [
        "meso [CELEB] merge 2000",
        "shallow [CELEB]",
        "meso [CELEB]",
        "xception [CELEB]",
    ]
    assert table["Rank"].tolist() == [1, 2, 3, 4]
    assert table["Average"].tolist() == pytest.approx([69.75, 53.19, 55.25, 54.34], abs=0.0051)
    assert table["Degradation"].tolist() == pytest.approx([15.75, 32.21, 42.35, 44.76], abs=0.0051)


def test_the_control_has_the_published_differences() -> None:
    table = degradation.control(results(), "same_method")
    assert table["Detector"].tolist() == ["meso [CELEB]", "xception [CELEB]", "shallow [CELEB]"]
    assert table["CELEB-M"].tolist() == [80.20, 76.05, 62.85]
    assert table["Control degradation"].tolist() == pytest.approx([17.40, 23.05, 22.55])
    assert table["Difference"].tolist() == pytest.approx([24.95, 21.71, 9.66], abs=0.0051)
    assert degradation.control(results(), "same_identity").empty


def test_seeds_have_a_mean_and_a_spread() -> None:
    """The published AUCs of one detector for the seeds 0, 10, 28, 42 and 100."""
    aucs = {0: 0.7420, 10: 0.7398, 28: 0.7406, 42: 0.7308, 100: 0.7353}
    given = results(tuple(aucs))
    table = degradation.seeds(given.assign(auc=given["seed"].map(aucs)))
    assert list(table) == ["Detector", "Set", *(f"Seed {seed}" for seed in aucs), "Mean", "SD"]
    assert table["Mean"].tolist() == pytest.approx([0.7377] * len(table))
    assert table["SD"].tolist() == pytest.approx([0.004601] * len(table), abs=1e-6)
    assert degradation.degradation(given)["SD"].tolist() == pytest.approx([0] * 4, abs=1e-9)


def test_a_set_that_was_trained_on_has_no_cell_among_the_unseen() -> None:
    other = results().query("config == 'shallow'").replace({"CELEB": "FS", "FS": "CELEB"})
    table = degradation.degradation(pd.concat([results(), other], ignore_index=True))
    row = table[table["Detector"] == "shallow [FS]"].iloc[0]
    assert pd.isna(row["FS"]) and row["CELEB"] == 58.05
    assert row["Average"] == pytest.approx(53.1875)


def test_few_shot_curves_begin_with_the_detector_that_was_not_tuned() -> None:
    curves = few_shot(results((1, 3)))
    assert curves["examples"].tolist() == [0, 2000]
    assert set(curves["config"]) == {"meso"}
    assert curves["new_auc"].tolist() == [0.5, 0.5]
    assert curves["old_sd"].tolist() == pytest.approx([0.35355, 0.35355], abs=1e-5)
