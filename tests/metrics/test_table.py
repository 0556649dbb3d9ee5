"""The table of metrics: a new entry is all that a new metric takes."""

import json

import numpy as np
import pytest
from scored import SCORES, TARGETS
from sklearn.metrics import matthews_corrcoef

from telltale.evaluate import comparison
from telltale.evaluate.evaluation import of_files
from telltale.evaluate.options import Options, ScoreFiles
from telltale.metrics import table
from telltale.metrics.labelled_scores import LabelledScores
from telltale.metrics.resampling import bootstrap
from telltale.metrics.score_steps import Resample
from telltale.metrics.summary import summary


def matthews(clips: LabelledScores) -> float:
    return float(matthews_corrcoef(clips.targets, clips.fake_probabilities >= clips.threshold))


def matthews_from_counts(drawn: Resample) -> float:
    """The same from what a threshold flags."""
    n, m, flagged = drawn.steps.n_genuine, drawn.steps.n_forged, drawn.steps.n_flagged
    tp, fp = drawn.forged[:flagged].sum(), drawn.genuine[:flagged].sum()
    called = float(tp + fp)
    below = np.sqrt(called * (n + m - called) * n * m)
    return float((tp * (n - fp) - fp * (m - tp)) / below) if below else 0.0


MATTHEWS = table.Metric("mcc", "Matthews corr.", "correlation of decisions and targets", matthews)


@pytest.fixture
def with_matthews(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "METRICS", (*table.METRICS, MATTHEWS))


def test_keys_and_names_are_distinct_and_every_definition_is_a_sentence() -> None:
    for names in ([metric.key for metric in table.METRICS], [metric.name for metric in table.METRICS]):
        assert len(set(names)) == len(names)
    assert not {metric.key for metric in table.METRICS} & set(table.TERMS)
    assert all(len(metric.definition.split()) > 5 for metric in table.METRICS)


def test_an_entry_is_measured_and_resampled_without_another_edit(with_matthews: None) -> None:
    tree = summary(TARGETS, SCORES, bootstrap(TARGETS, SCORES, resamples=40, seed=0, threshold=0.5))
    assert tree["mcc"]["value"] == pytest.approx(0.5)  # TP 3, FP 1, TN 3, FN 1: (9 - 1) / 16
    assert -1 <= tree["mcc"]["low"] < 0.5 < tree["mcc"]["high"] <= 1
    assert tree["definitions"]["mcc"] == MATTHEWS.definition
    assert list(summary(TARGETS, SCORES, bootstrap(TARGETS, SCORES, resamples=2, seed=0)))[-5:] == [
        *("mcc", "n_genuine", "n_forged", "bootstrap", "definitions"),
    ]


def test_a_formula_on_counts_gives_the_same_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = table.Metric("counted", "counted", "the same", matthews, matthews_from_counts)
    monkeypatch.setattr(table, "METRICS", (MATTHEWS, counted))
    draws = bootstrap(TARGETS, SCORES, resamples=40, seed=0, threshold=0.5)
    assert draws.values["counted"] == pytest.approx(draws.values["mcc"])


def test_of_a_metric_with_parts_those_that_are_numbers_are_resampled(monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(clips: LabelledScores) -> dict[str, object]:
        scores = clips.fake_probabilities
        return {"lowest": float(scores.min()), "mean": float(scores.mean()), "distinct": sorted(set(scores))}

    monkeypatch.setattr(table, "METRICS", (table.Metric("ends", "score", "of all clips", ends),))
    tree = summary(TARGETS, SCORES, bootstrap(TARGETS, SCORES, resamples=40, seed=0))
    assert set(tree["ends"]["mean"]) == set(tree["ends"]["lowest"]) == {"value", "low", "high"}
    assert tree["ends"]["distinct"] == sorted(set(SCORES))


def test_an_entry_is_in_the_file_the_text_and_the_comparison(with_matthews: None, tmp_path) -> None:
    names = [f"{row}.mp4" for row in range(8)]
    columns = {"labels": TARGETS, "one": SCORES, "two": SCORES**2}
    for name, column in columns.items():
        header = "video_name,target\n" if name == "labels" else "video_name,score\n"
        rows = (f"{video},{value}\n" for video, value in zip(names, column, strict=True))
        (tmp_path / f"{name}.csv").write_text(header + "".join(rows))
    files = ScoreFiles(tmp_path / "labels.csv", [tmp_path / "one.csv", tmp_path / "two.csv"])
    evaluation = of_files(files, Options(resamples=20))
    evaluation.write(tmp_path / "out")
    tree = json.loads((tmp_path / "out/metrics.json").read_text())
    one, two = (model["mcc"] for model in tree["models"])
    assert set(one) == {"value", "low", "high"} and one["value"] == pytest.approx(0.5)
    assert tree["spread"]["mcc"] == comparison.spread([one, two])
    difference = tree["comparisons"][0]["bootstrap"]["mcc"]
    assert difference["value"] == pytest.approx(two["value"] - one["value"])
    assert difference["low"] <= difference["value"] <= difference["high"]
    lines = evaluation.text().splitlines()
    beginnings = [line.split("  ")[0] for line in lines if "Matthews corr." in line]
    # Side by side, as a difference, once for each model, and its definition.
    assert len(beginnings) == 5
    assert f"Matthews corr.: {MATTHEWS.definition}" in lines
    assert any(line.split()[-2:] == [f"[{one['low']:.4f},", f"{one['high']:.4f}]"] for line in lines)


def test_metrics_json_of_earlier_versions_has_the_same_keys() -> None:
    """Bundles are compared key by key when they are reproduced."""
    earlier = [
        *("auc", "partial_auc", "tpr_at_fpr", "fpr_at_tpr", "ap", "eer", "log_loss", "brier"),
        *("calibration", "decision"),
    ]
    metrics = [metric for metric in table.METRICS if metric.key in earlier]
    assert [metric.key for metric in metrics] == earlier
    assert [metric.key for metric in metrics if metric.compared] == ["auc", "tpr_at_fpr"]
    assert list(table.definitions())[-3:] == ["base_rates", "low, high", "resolved"]
