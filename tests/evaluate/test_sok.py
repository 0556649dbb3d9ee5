"""Score files of the SoK's form: read from the right, joined with a protocol, and never with a guessed
polarity."""

from pathlib import Path

import pytest

from telltale.errors import InputError
from telltale.evaluate import sok
from telltale.evaluate.evaluation import of_sok
from telltale.evaluate.options import Options

# p1 is the probability of forged; target 1 means genuine, but for one line; "c" has pred against its
# probabilities.
PROTOCOL = "0 (10) bonafide\na b|_|x spoof\nc spoof\nLA 1 0 bonafide\n"
SCORES = """c - 0 [0.3, 0.7]
0 (10) 1 0 [0.9, 0.1]
LA 1 0 1 1 [0.4, 0.6]
a b|_|x 1 1 [0.2, 0.8]
"""


@pytest.fixture
def world(tmp_path: Path) -> Path:
    (tmp_path / "protocol.txt").write_text(PROTOCOL)
    (tmp_path / "scores.txt").write_text(SCORES)
    return tmp_path


def measured(world: Path, column: int = 1) -> dict:
    options = Options(resamples=20)
    return of_sok([world / "scores.txt"], world / "protocol.txt", [column], options).tree


def test_ids_hold_spaces_and_lines_are_joined_by_id(world: Path) -> None:
    found = sok.trial(world / "scores.txt", world / "protocol.txt")
    assert found.ids == ["0 (10)", "a b|_|x", "c", "LA 1 0"]
    assert found.targets.tolist() == [0, 1, 1, 0]
    assert found.given.tolist() == [1, 1, -1, 1]
    assert found.pred.tolist() == [0, 1, 0, 1]
    assert found.probabilities.tolist() == [[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.4, 0.6]]


def test_what_a_file_tells_by_hand(world: Path) -> None:
    found = measured(world)
    assert found["auc"]["value"] == 1.0
    facts = found["sok"]
    assert facts["auc_if_forged_column"] == {"0": 0.0, "1": 1.0}
    decision = facts["decision"]
    assert [decision[key] for key in ("tp", "fp", "tn", "fn")] == [1, 1, 1, 1]
    assert [found["decision"][key] for key in ("tp", "fp", "tn", "fn")] == [2, 1, 1, 0]  # at 0.5, not by pred
    assert facts["targets"] == {
        "n": 3,
        "n_withheld": 1,
        "agree_if_1_is_forged": pytest.approx(1 / 3),
        "agree_if_1_is_genuine": pytest.approx(2 / 3),
    }
    assert facts["pred_not_larger"] == 1
    assert facts["largest_sum_error"] == pytest.approx(0, abs=1e-12)


def test_the_other_polarity_turns_everything_round(world: Path) -> None:
    found = measured(world, 0)
    assert (found["auc"]["value"], found["sok"]["forged_column"]) == (0.0, 0)
    assert [found["sok"]["decision"][key] for key in ("tp", "fp", "tn", "fn")] == [1, 1, 1, 1]
    (world / "scores.txt").write_text(SCORES.replace("c - 0", "c - 1"))
    assert [measured(world, 0)["sok"]["decision"][key] for key in ("tp", "fp", "tn", "fn")] == [0, 1, 1, 2]


def test_all_targets_withheld(world: Path) -> None:
    (world / "scores.txt").write_text(
        SCORES.replace("x 1 1", "x - 1").replace("(10) 1", "(10) -").replace("0 1 1 [", "0 - 1 [")
    )
    found = measured(world)
    assert found["sok"]["targets"] == {
        "n": 0,
        "n_withheld": 4,
        "agree_if_1_is_forged": None,
        "agree_if_1_is_genuine": None,
    }


def test_polarity_is_refused_with_what_each_choice_gives(world: Path) -> None:
    with pytest.raises(InputError, match=r"AUC 0.0000 if it is p0, 1.0000 if it is p1.*--forged-column"):
        of_sok([world / "scores.txt"], world / "protocol.txt", None, Options())


def test_several_files_of_either_polarity(world: Path) -> None:
    flipped = "".join(
        f"{line[: line.index('[')]}[{line[line.index(', ') + 2 : -1]}, "
        f"{line[line.index('[') + 1 : line.index(', ')]}]\n"
        for line in SCORES.splitlines()
    )
    (world / "flipped.txt").write_text(flipped)
    paths = [world / "scores.txt", world / "flipped.txt"]
    options = Options(resamples=5)
    found = of_sok(paths, world / "protocol.txt", [1, 0], options).tree
    assert [tree["name"] for tree in found["models"]] == ["scores.txt", "flipped.txt"]
    assert [tree["auc"]["value"] for tree in found["models"]] == [1.0, 1.0]
    same = of_sok(paths, world / "protocol.txt", [1], options).tree
    assert [tree["auc"]["value"] for tree in same["models"]] == [1.0, 0.0]
    with pytest.raises(InputError, match="3 forged columns for 2 score files"):
        of_sok(paths, world / "protocol.txt", [1, 0, 1], options)
    with pytest.raises(InputError, match="wanted 0 or 1"):
        of_sok(paths, world / "protocol.txt", [2], options)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("scores.txt", SCORES + "c - 0 [0.3, 0.7]\n", r"scores.txt:5: 'c' comes a second time, after line 1"),
        ("scores.txt", SCORES + "z - 0 [0.3, 0.7]\n", r"scores.txt:5: 1 of 5 ids are not in .*: 'z'"),
        ("scores.txt", SCORES.partition("\n")[2], r"1 of the 4 ids of .* have no line: 'c'"),
        (
            "scores.txt",
            SCORES.replace("0.3, 0.7", "-2.1, 3.4"),
            r"scores.txt:1: '-2.1' is no probability.*logits",
        ),
        (
            "scores.txt",
            SCORES.replace("0.3, 0.7", "0.3, 1.0001"),
            r"scores.txt:1: '1.0001' is no probability",
        ),
        ("scores.txt", SCORES.replace("0.3, 0.7", "nan, 0.7"), r"scores.txt:1: 'nan' is no probability"),
        ("scores.txt", SCORES.replace("0.3, 0.7", "a, 0.7"), r"scores.txt:1: 'a' is no probability"),
        (
            "scores.txt",
            SCORES.replace("0.3, 0.7", "0.3"),
            r"scores.txt:1: line 'c - 0 \[0.3\]'; wanted '<id>",
        ),
        ("scores.txt", SCORES.replace("c - 0", "c - 2"), r"scores.txt:1: line"),
        ("scores.txt", SCORES.replace("c - 0", "- 0"), r"scores.txt:1: line"),
        ("scores.txt", SCORES.replace("c - 0", "c spoof 0"), r"scores.txt:1: line"),
        ("scores.txt", SCORES + "\n" + SCORES, r"scores.txt:5: line ''"),
        ("scores.txt", "", "holds no lines"),
        ("protocol.txt", PROTOCOL + "c bonafide\n", r"protocol.txt:5: 'c' comes a second time, after line 3"),
        (
            "protocol.txt",
            PROTOCOL.replace("c spoof", "c fake"),
            r"protocol.txt:3: line 'c fake'; wanted '<id> bonafide\|spoof'",
        ),
        ("protocol.txt", PROTOCOL.replace("spoof", "bonafide"), "4 genuine and 0 forged"),
    ],
)
def test_files_that_are_wrong_are_refused_with_their_line(
    world: Path, file: str, content: str, said: str
) -> None:
    (world / file).write_text(content)
    with pytest.raises(InputError, match=said):
        measured(world)


def test_a_missing_file_and_one_that_is_no_text_are_refused(world: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        sok.trial(world / "none.txt", world / "protocol.txt")
    (world / "scores.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        sok.trial(world / "scores.txt", world / "protocol.txt")


def test_the_report_says_all_of_it(world: Path) -> None:
    options = Options(resamples=5)
    printed = of_sok([world / "scores.txt"], world / "protocol.txt", [1], options).text()
    for said in (
        "p1 taken as the probability of forged; as p0 the AUC would be 0.0000",
        "by its own decisions (pred): TP 1, FP 1, TN 1, FN 1",
        "its targets (3 given, 1 withheld) agree with the protocol in 33.33 % if 1 means forged, 66.67 % if "
        "1 means genuine",
        "lines whose pred is not the larger probability: 1",
    ):
        assert said in printed
