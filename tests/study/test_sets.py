"""Named sets of clips: how they are typed, and that nobody's genuine clips are in two of them."""

import shutil
from pathlib import Path

import pytest

from telltale.errors import InputError
from telltale.study.generalisation import Design, examples, plan
from telltale.study.generalise import design_of
from telltale.study.sets import ClipSet, SetOptions, SetSpec, parse_spec, read_sets

SWAP, MOUTH = "kind=face_swap+face_resampled", "kind=mouth_regenerated+voice_resynthesised"


def sets_of(data: Path, *texts: str, **options) -> dict[str, ClipSet]:
    return read_sets([parse_spec(text.format(data)) for text in texts], SetOptions(**options))


def test_a_set_is_a_folder_or_some_values_of_a_column() -> None:
    assert parse_spec("A=data") == SetSpec("A", Path("data"))
    assert parse_spec("s-1=a:b/d=e:kind=x+y z") == SetSpec("s-1", Path("a:b/d=e"), "kind", ("x", "y z"))


@pytest.mark.parametrize(
    "text", ["data", "=data", "A=", "a b=data", "A=d:kind=", "A=d:kind=x+x", "A=d:kind=x+"]
)
def test_what_is_no_set_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"--set-of .*wanted NAME=DIR or NAME=DIR:COLUMN=VALUE\+VALUE"):
        parse_spec(text)


def test_wrong_names_columns_values_and_overlaps_are_named(tiny: Path) -> None:
    for texts, said in (
        (("a={}", "a={}"), "'a', 'a' is given twice"),
        (("a={}:method=x",), "have a column 'method'; they have kind, identity"),
        (
            ("a={}:kind=face",),
            "set a: no forged clip of .* has kind=face; there are face_resampled, face_swap",
        ),
        (("a={}", "b={}:kind=face_swap"), "forged clips are in two sets"),
    ):
        with pytest.raises(InputError, match=said):
            sets_of(tiny, *texts)
    with pytest.raises(InputError, match="no column 'person', and genuine clips are divided by it"):
        sets_of(tiny, f"a={{}}:{SWAP}", f"b={{}}:{MOUTH}", identity="person")
    with pytest.raises(InputError, match="--same-identity c: no such set; wanted one of a"):
        sets_of(tiny, "a={}", same_identity=("c",))


def test_genuine_clips_are_divided_by_identity_and_seed(tiny: Path) -> None:
    def genuine(**options) -> dict[str, set[str]]:
        found = sets_of(tiny, f"a={{}}:{SWAP}", f"b={{}}:{MOUTH}", **options)
        return {
            name: set(each.clips.loc[each.clips["target"] == 0, "video_name"]) for name, each in found.items()
        }

    found = sets_of(tiny, f"a={{}}:{SWAP}", f"b={{}}:{MOUTH}")
    people = [set(each.clips.loc[each.clips["target"] == 0, "identity"]) for each in found.values()]
    assert all(people) and not people[0] & people[1]
    kinds = [set(each.clips.loc[each.clips["target"] == 1, "kind"]) for each in found.values()]
    assert kinds == [{"face_swap", "face_resampled"}, {"mouth_regenerated", "voice_resynthesised"}]
    whole = sets_of(tiny, "all={}")["all"].clips
    assert genuine()["a"] | genuine()["b"] == set(whole.loc[whole["target"] == 0, "video_name"])
    assert genuine() == genuine()
    assert any(genuine(seed=seed) != genuine() for seed in (2, 3, 4))
    shared = genuine(share_genuine=True)
    assert shared["a"] == shared["b"] == genuine()["a"] | genuine()["b"]


def test_a_part_without_labels_is_held_out_by_identity(tiny: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny, tmp_path / "data"))
    (copy / "test_labels.csv").unlink()
    clips = sets_of(copy, "all={}")["all"].clips
    people = {split: set(part["identity"]) for split, part in clips.groupby("split")}
    assert people["test"] and not people["test"] & people["train"]
    with pytest.raises(InputError, match="no column 'person', and a part test without labels is held out"):
        sets_of(copy, "all={}", identity="person")
    # Two folders of the same clips: their names stay apart.
    two = sets_of(tiny, "a={}", f"b={copy}")
    assert two["a"].clips["video_name"].str.startswith("a-").all()
    assert two["b"].clips["video_name"].str.startswith("b-").all()


def test_a_same_identity_control_has_training_people_and_no_training_clip(tiny: Path) -> None:
    found = sets_of(tiny, f"a={{}}:{SWAP}", f"b={{}}:{MOUTH}", same_identity=("b",))
    train, control = found["a"].part("train"), found["b"].part("test")
    assert not set(train["video_name"]) & set(control["video_name"])
    assert set(control.loc[control["target"] == 0, "identity"]) <= set(
        train.loc[train["target"] == 0, "identity"]
    )


GIVEN = {
    "train": None,
    "combinations": "singles",
    "seeds": [1, 2],
    "same_method": [],
    "same_identity": [],
    "transfer": None,
    "merge": 6,
    "shots": [0, 4],
    "tune": [],
}


def test_the_design_and_its_mistakes(tiny: Path) -> None:
    found = sets_of(
        tiny,
        f"a={{}}:{SWAP}",
        f"b={{}}:{MOUTH}",
        "c={}:kind=sound_shifted+sound_replaced",
        share_genuine=True,
    )
    design = design_of(GIVEN, {}, found)
    assert design == Design({}, ("a", "b"), "singles", (1, 2), transfer=(4,), merge=(4, 6))
    for change, said in (
        ({"train": ["d"]}, "--train d: no such set; wanted one of a, b, c"),
        ({"same_method": ["d"]}, "--same-method d: no such set"),
        ({"train": ["a"], "same_method": ["a"]}, "--train a: is a control"),
        ({"train": ["c"]}, "set c: its part train has 5 genuine and 0 forged clips"),
    ):
        with pytest.raises(InputError, match=said):
            design_of({**GIVEN, **change}, {}, found)
    with pytest.raises(InputError, match="one set; wanted two or more"):
        design_of(GIVEN, {}, {"a": found["a"]})
    assert plan(design, found) == {}


def test_fewer_examples_are_a_part_of_more_and_half_are_forged(tiny: Path) -> None:
    found = list(sets_of(tiny, f"a={{}}:{SWAP}", f"b={{}}:{MOUTH}").values())
    drawn = [examples(found, count, 1) for count in (2, 4, 8)]
    names = [list(clips["video_name"]) for clips in drawn]
    assert names[2][:2] == names[0] and names[2][:4] == names[1] and len(set(names[2])) == 8
    assert drawn[1]["target"].sum() == 2
    assert set(drawn[1]["split"]) == {"train"}
    assert list(examples(found, 8, 1)["video_name"]) == names[2]
    assert any(list(examples(found, 8, seed)["video_name"]) != names[2] for seed in (2, 3))
    with pytest.raises(InputError, match="100 examples of a, b: there are 16 training clips"):
        examples(found, 100, 1)
