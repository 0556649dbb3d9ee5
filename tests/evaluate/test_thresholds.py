"""Thresholds: by default, stated, or chosen on other clips."""

import dataclasses
from pathlib import Path

import pytest
from score_files import QUICK, TARGETS, evaluated, scores_of

from telltale.errors import InputError
from telltale.metrics import decisions


@pytest.mark.parametrize("rule", ["fpr=0.1", "eer", "youden", "f1"])
def test_a_threshold_is_chosen_on_other_clips(three_models: Path, rule: str) -> None:
    options = dataclasses.replace(QUICK, choose=rule)
    more = {"choose_on": [three_models / "seed1/validation.csv"], "choose_labels": three_models / "other.csv"}
    result = evaluated(three_models, 1, options=options, **more)
    decision = result.tree["decision"]
    threshold = decisions.choose(TARGETS, scores_of(1.0, 11), rule)
    assert decision["threshold"] == threshold
    assert decision["chosen"] == {
        "how": rule,
        "scores": "validation.csv",
        "labels": "other.csv",
        "n_genuine": 60,
        "n_forged": 60,
    }
    assert decision["tp"] == int(((scores_of(1.0, 1) >= threshold) & (TARGETS == 1)).sum())
    assert f"chosen by {rule} on 60 genuine and 60 forged clips of validation.csv" in result.text()


def test_a_threshold_is_never_chosen_on_the_clips_that_are_evaluated(three_models: Path) -> None:
    with pytest.raises(InputError, match=r"120 of its videos are among those evaluated, such as '0.mp4'"):
        evaluated(
            three_models,
            1,
            choose_on=[three_models / "seed2/scores.csv"],
            choose_labels=three_models / "labels.csv",
        )
    (three_models / "mixed.csv").write_text((three_models / "other.csv").read_text() + "8.mp4,0\n")
    with (three_models / "seed1/validation.csv").open("a") as file:
        file.write("8.mp4,0.5,ok,1.0\n")
    with pytest.raises(InputError, match=r"1 of its videos are among those evaluated, such as '8.mp4'"):
        evaluated(
            three_models,
            1,
            choose_on=[three_models / "seed1/validation.csv"],
            choose_labels=three_models / "mixed.csv",
        )


def test_half_of_what_choosing_needs_is_refused(three_models: Path) -> None:
    validation = [three_models / "seed1/validation.csv"]
    for more, said in (
        ({"choose_on": validation}, "without their labels"),
        ({"choose_labels": three_models / "other.csv"}, "0 score files to choose"),
        (
            {
                "choose_on": [*validation, three_models / "seed2/validation.csv"],
                "choose_labels": three_models / "other.csv",
            },
            "2 score files",
        ),
    ):
        with pytest.raises(InputError, match=said):
            evaluated(three_models, 1, **more)
    with pytest.raises(InputError, match=r"threshold 0.3 and scores to choose one on"):
        evaluated(
            three_models,
            1,
            options=dataclasses.replace(QUICK, threshold=0.3),
            choose_on=validation,
            choose_labels=three_models / "other.csv",
        )
