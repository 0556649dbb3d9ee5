"""Groups of clips by columns and by status."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from score_files import QUICK, TARGETS, N, evaluated, scores_of
from sklearn.metrics import roc_auc_score

from telltale.errors import InputError
from telltale.evaluate import groups
from telltale.evaluate.evaluation import of_files
from telltale.evaluate.options import Options, ScoreFiles
from telltale.evaluate.scored_clips import ScoredClips
from telltale.metrics.resampling import group_aucs
from telltale.scores.score import Score
from telltale.scores.submission import write_submission


def test_groups_of_two_columns_and_statuses(three_models: Path) -> None:
    rows = [
        f"{row}.mp4,{('lips', 'swap')[row % 4 // 2] if t else 'genuine'},p{row % 3}\n"
        for row, t in enumerate(TARGETS)
    ]
    (three_models / "meta.csv").write_text("video_name,kind,identity\n" + "".join(rows))
    groups = [f"{three_models / 'meta.csv'}:{column}" for column in ("kind", "identity")]
    result = evaluated(three_models, 1, groups=groups, status=True)
    found, values = result.tree, scores_of(1.0, 1)
    assert list(found["groupings"]) == ["kind", "identity", "status"]
    assert list(found["groups"]) == ["lips", "swap"]
    genuine = found["groupings"]["kind"]["genuine"]
    assert (genuine["value"], genuine["n_genuine"], genuine["fpr"]) == (
        None,
        60,
        found["decision"]["fpr"]["value"],
    )
    for place in range(3):
        own = np.arange(N) % 3 == place
        entry = found["groupings"]["identity"][f"p{place}"]
        rows_of = own | (TARGETS == 0)
        keep = rows_of & ~((TARGETS == 1) & ~own)
        assert entry["value"] == pytest.approx(roc_auc_score(TARGETS[keep], values[keep]))
        assert entry["tpr"] == (values[own & (TARGETS == 1)] >= 0.5).mean()
        assert entry["fpr"] == (values[own & (TARGETS == 0)] >= 0.5).mean()
    assert {status: entry["n_forged"] for status, entry in found["groupings"]["status"].items()} == {
        "ok": 20,
        "partial": 40,
    }
    assert "by identity" in result.text()
    with pytest.raises(InputError, match="two groupings called 'kind'"):
        evaluated(three_models, 1, groups=[groups[0], groups[0]])


def test_a_submission_has_no_statuses(three_models: Path) -> None:
    rows = [Score(f"{row}.mp4", 0.5, "ok", 1.0) for row in range(N)]
    write_submission(three_models / "submission.csv", rows, None)
    with pytest.raises(InputError, match="no statuses"):
        of_files(
            ScoreFiles(three_models / "labels.csv", [three_models / "submission.csv"]), QUICK, by_status=True
        )


def test_a_group_of_one_class_has_no_number_for_what_it_lacks() -> None:
    kinds = ["swap", "", "swap", "both", "both", "both", "genuine", "genuine"]
    targets = pd.Series([1, 0, 1, 1, 0, 1, 0, 0], index=[f"{row}.mp4" for row in range(8)])
    probabilities = pd.DataFrame({"m": [0.9, 0.8, 0.8, 0.6, 0.4, 0.2, 0.2, 0.1]}, index=targets.index)
    clips = ScoredClips("labels.csv", {"m": "m.csv"}, targets, probabilities, pd.DataFrame())
    tree = {"name": "m", "decision": {"threshold": 0.4}}
    grouping = groups.Grouping("kind", pd.Series(kinds), {"swap": True, "both": False})
    groups.add_groups(tree, clips, [grouping], Options(resamples=50))
    assert list(tree["groupings"]["kind"]) == ["both", "genuine", "swap"]
    assert list(tree["groups"]) == ["both", "swap"]
    both, genuine, swap = tree["groupings"]["kind"].values()
    assert (genuine["value"], genuine["low"], genuine["tpr"], genuine["fpr"]) == (None, None, None, 0.0)
    assert (genuine["n_genuine"], genuine["n_forged"], genuine["seen"]) == (2, 0, None)
    assert (swap["value"], swap["tpr"], swap["fpr"], swap["seen"]) == (7.5 / 8, 1.0, None, True)
    assert (swap["n_genuine"], swap["n_forged"]) == (0, 2)
    # 0.6 beats three of all four genuine clips, 0.2 one and a half.
    assert (both["value"], both["tpr"], both["fpr"]) == (pytest.approx(4.5 / 8), 0.5, 1.0)
    alone = group_aucs(targets, probabilities["m"], kinds, resamples=50, seed=0)["both"]
    assert {key: both[key] for key in ("value", "low", "high")} == {
        key: alone[key] for key in ("value", "low", "high")
    }


def test_groups_are_joined_by_name_and_names_are_only_text(three_models: Path) -> None:
    """Rows in another order, names that pandas could read as missing, and clips of another data set."""
    rows = [f"{row}.mp4,{'NA' if row % 4 == 1 else 'nan'}\n" for row in reversed(range(N))]
    (three_models / "meta.csv").write_text("video_name,kind\nother.mp4,x\n" + "".join(rows))
    result = evaluated(three_models, 1, groups=(f"{three_models / 'meta.csv'}:kind",))
    values = scores_of(1.0, 1)
    for kind, rest in (("NA", 1), ("nan", 3)):
        keep = (TARGETS == 0) | (np.arange(N) % 4 == rest)
        own = result.tree["groups"][kind]
        assert own["value"] == pytest.approx(roc_auc_score(TARGETS[keep], values[keep]))
