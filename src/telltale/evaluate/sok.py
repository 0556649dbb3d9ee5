"""Score files of the form that Layton et al. (SoK, USENIX Security 2024) ask researchers to publish, and
their protocol files.

A score line is `<id> <target or -> <pred> [p0, p1]`, a protocol line `<id> bonafide|spoof`. An id may hold
spaces, so lines are read from the right. `-` is a target that is withheld: the protocol has it. Published
files do not agree on which of p0 and p1 is the probability of *forged*, nor on whether target 1 is genuine or
forged. The caller must say the first; the second is reported. Neither is guessed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from telltale.errors import InputError
from telltale.metrics import decisions, values
from telltale.metrics.labelled_scores import LabelledScores
from telltale.metrics.rates import Floats, Integers
from telltale.scores.score import first_few, without

SCORE_LINE = re.compile(
    r"(?P<id>\S(?:.*\S)?) +(?P<target>-|[01]) +(?P<pred>[01]) +\[ *(?P<p0>[^\s,]+) *, *(?P<p1>[^\s,]+) *\] *"
)
PROTOCOL_LINE = re.compile(r"(?P<id>\S(?:.*\S)?) +(?P<truth>bonafide|spoof) *")


@dataclass(frozen=True)
class Trial:
    """One score file joined with its protocol, N clips in the protocol's order.

    file: its path, for messages.
    ids: N names.
    targets: (N,) int64 from the protocol, 1 spoof, 0 bonafide.
    given: (N,) int64, the score file's own targets, -1 withheld.
    pred: (N,) int64, the column that the file chose.
    probabilities: (N, 2) float64, p0 and p1.
    """

    file: Path
    ids: list[str]
    targets: Integers
    given: Integers
    pred: Integers
    probabilities: Floats


def trial(scores_path: Path, protocol_path: Path) -> Trial:
    """Read a score file and join it with a protocol, one to one. Raises InputError naming file and line."""
    truths = {
        name: int(fields["truth"] == "spoof")
        for name, (_, fields) in _lines(protocol_path, PROTOCOL_LINE).items()
    }
    lines = _lines(scores_path, SCORE_LINE)
    if missing := without(truths, lines):
        raise InputError(
            f"{scores_path}: {len(missing)} of the {len(truths)} ids of {protocol_path} have no line: "
            f"{first_few(missing)}; wanted one line for each"
        )
    if extra := without(lines, truths):
        at = lines[extra[0]][0]
        raise InputError(
            f"{scores_path}:{at}: {len(extra)} of {len(lines)} ids are not in {protocol_path}: "
            f"{first_few(extra)}; wanted one line for each id of the protocol"
        )
    rows = [lines[name] for name in truths]
    return Trial(
        file=scores_path,
        ids=list(truths),
        targets=np.array(list(truths.values()), dtype=np.int64),
        given=np.array(
            [-1 if row["target"] == "-" else int(row["target"]) for _, row in rows], dtype=np.int64
        ),
        pred=np.array([int(row["pred"]) for _, row in rows], dtype=np.int64),
        probabilities=np.array(
            [[_probability(scores_path, at, row[key]) for key in ("p0", "p1")] for at, row in rows]
        ),
    )


def columns(trials: Sequence[Trial], forged_columns: Sequence[int] | None) -> list[int]:
    """The column of *forged* for each trial, from one for all or one for each.

    Raises InputError for another number of them or another column than 0 and 1, and for none at all: with the
    AUC that either choice would give.
    """
    if forged_columns is None:
        first = trials[0]
        raise InputError(
            f"{first.file}: either of p0 and p1 may be the probability of forged (AUC {_auc(first, 0):.4f} "
            f"if it is p0, {_auc(first, 1):.4f} if it is p1), and published files differ; say which with "
            "--forged-column 0 or 1, from what its authors write"
        )
    if any(column not in (0, 1) for column in forged_columns):
        raise InputError(f"forged columns {list(forged_columns)}; wanted 0 or 1")
    if len(forged_columns) not in (1, len(trials)):
        raise InputError(
            f"{len(forged_columns)} forged columns for {len(trials)} score files; wanted one for all or one "
            "for each"
        )
    return [forged_columns[0]] * len(trials) if len(forged_columns) == 1 else list(forged_columns)


def of_trial(trial: Trial, column: int) -> dict[str, Any]:
    """What only such a file tells: its decisions from `pred`, and how its own targets and probabilities
    agree.

    column: that of *forged*, 0 or 1. In the result:
    targets: of the n that are not withheld, the share that agrees with the protocol if 1 means forged, and if
        1 means genuine; None if all are withheld.
    pred_not_larger: how many lines have a `pred` that names the smaller probability.
    largest_sum_error: the largest |p0 + p1 - 1|.
    """
    flagged = trial.pred == column
    n_forged = int(trial.targets.sum())
    tp = int(np.count_nonzero(flagged & (trial.targets == 1)))
    given = trial.given >= 0
    n_given = int(np.count_nonzero(given))
    agree = int(np.count_nonzero(trial.given[given] == trial.targets[given]))
    rows = np.arange(len(trial.pred))
    chosen, other = trial.probabilities[rows, trial.pred], trial.probabilities[rows, 1 - trial.pred]
    return {
        "forged_column": column,
        "auc_if_forged_column": {str(forged): _auc(trial, forged) for forged in (0, 1)},
        "decision": decisions.counted(
            tp, int(np.count_nonzero(flagged)) - tp, n_forged, len(flagged) - n_forged
        ),
        "targets": {
            "n": n_given,
            "n_withheld": len(given) - n_given,
            "agree_if_1_is_forged": agree / n_given if n_given else None,
            "agree_if_1_is_genuine": (n_given - agree) / n_given if n_given else None,
        },
        "pred_not_larger": int(np.count_nonzero(chosen < other)),
        "largest_sum_error": float(np.abs(trial.probabilities.sum(axis=1) - 1).max()),
    }


def _auc(trial: Trial, column: int) -> float:
    return values.auc(LabelledScores(trial.targets, trial.probabilities[:, column]))


def _lines(path: Path, pattern: re.Pattern[str]) -> dict[str, tuple[int, dict[str, str]]]:
    """id → line number and the line's fields. Raises InputError for a line of another form and for an id
    that comes twice."""
    form = "<id> <target or -> <pred> [p0, p1]" if pattern is SCORE_LINE else "<id> bonafide|spoof"
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); wanted lines '{form}'") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text ({error}); wanted lines '{form}'") from None
    numbered: dict[str, tuple[int, dict[str, str]]] = {}
    lines = text.replace("\r\n", "\n").split("\n")
    for number, line in enumerate(lines[:-1] if not lines[-1] else lines, 1):
        match = pattern.fullmatch(line)
        if match is None:
            raise InputError(f"{path}:{number}: line '{line[:80]}'; wanted '{form}', separated by spaces")
        fields = match.groupdict()
        name = fields["id"]
        if name in numbered:
            raise InputError(f"{path}:{number}: '{name}' comes a second time, after line {numbered[name][0]}")
        numbered[name] = (number, fields)
    if not numbered:
        raise InputError(f"{path}: holds no lines; wanted lines '{form}'")
    return numbered


def _probability(path: Path, line: int, text: str) -> float:
    try:
        value = float(text) if text.isascii() and "_" not in text else float("nan")
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        raise InputError(
            f"{path}:{line}: '{text}' is no probability; wanted numbers in [0, 1], turn logits into "
            "probabilities first, such as by a softmax"
        )
    return value
