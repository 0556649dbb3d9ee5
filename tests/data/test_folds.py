"""Folds hold whole kinds of forgery and whole persons out of training, and every clip has one fate."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from telltale import config
from telltale.data import folds
from telltale.data.folds import Facts, assign, read_splits, split
from telltale.data.manifest import Manifest, Row
from telltale.errors import InputError
from telltale.train.splits import data_fingerprint

KINDS = st.sampled_from(["swap", "mouth", "voice", "shift", "film", ""])


def manifest(name: str, targets: list[int], first: int = 0) -> Manifest:
    names = [f"{at}.mp4" for at in range(first, first + len(targets))]
    return Manifest(
        name, tuple(Row(each, Path(each), t) for each, t in zip(names, targets, strict=True)), (), ()
    )


def names(one: Manifest) -> set[str]:
    return {row.video_name for row in one.rows}


@given(
    clips_of=st.lists(st.integers(1, 50), min_size=1, max_size=30),
    count=st.integers(2, 6),
    seed=st.integers(0, 9),
)
@effort(max_examples=40, deadline=None)
def test_units_are_divided_evenly_whatever_their_order(clips_of: list[int], count: int, seed: int) -> None:
    sizes = {str(unit): clips for unit, clips in enumerate(clips_of)}
    found = assign(sizes, count, seed, 0)
    assert found == assign(dict(reversed(sizes.items())), count, seed, 0)
    assert found.keys() == sizes.keys() and set(found.values()) <= set(range(count))
    clips = [sum(size for name, size in sizes.items() if found[name] == fold) for fold in range(count)]
    assert max(clips) - min(clips) <= max(sizes.values())


def test_another_seed_divides_units_of_one_size_otherwise() -> None:
    sizes = {str(unit): 1 for unit in range(40)}
    assert len({tuple(assign(sizes, 4, seed, 0).items()) for seed in range(5)}) == 5


@given(
    clips=st.lists(
        st.tuples(st.integers(0, 1), KINDS, st.integers(0, 6), st.integers(0, 12)), min_size=30, max_size=60
    ),
    fold=st.integers(0, 2),
)
@effort(max_examples=30, deadline=None)
def test_nothing_crosses_and_every_clip_has_one_fate(
    clips: list[tuple[int, str, int, int]], fold: int
) -> None:
    train = manifest("train", [target for target, *_ in clips])
    validation = manifest("validation", [0, 1, 1, 1], 1000)
    of = {row.video_name: clip for row, clip in zip(train.rows, clips, strict=True)}
    kinds = {name: clip[1] for name, clip in of.items()} | {"1001.mp4": "swap", "1002.mp4": "mouth"}
    facts = Facts(
        kinds,
        {name: str(clip[2]) if clip[2] else "" for name, clip in of.items()},
        {name: str(clip[3]) for name, clip in of.items() if clip[3] < 6},
    )
    try:
        found = split(train, validation, facts, config.FoldSettings(by="methods", fold=fold, count=3))
    except InputError:  # too few clips of a class are left
        return
    assert found.unseen is not None
    stay, unseen = names(found.train), names(found.unseen)
    assert not stay & unseen and stay | unseen | set(found.train.held_out) == names(train)
    assert [row for row in train.rows if row.video_name in stay] == list(found.train.rows)
    groups = [{facts.groups[name] for name in part if name in facts.groups} for part in (stay, unseen)]
    assert not groups[0] & groups[1]
    forged = [{kinds[n] for n in part if of[n][0] == 1} for part in (stay, unseen)]
    assert not forged[0] & forged[1] and "" not in forged[0] | forged[1]
    persons = [{of[n][2] for n in part if of[n][0] == 0 and of[n][2]} for part in (stay, unseen)]
    assert not persons[0] & persons[1]
    assert {kinds.get(name, "") for name in found.validation.held_out} <= forged[1]
    assert not {kinds.get(name) for name in names(found.validation)} & forged[1]
    assert f"of {len(clips)} training clips {len(stay)} stay and {len(unseen)} are unseen" in found.said


def test_over_all_folds_every_clip_of_a_known_kind_is_unseen_once() -> None:
    train = manifest("train", [0, 1, 1] * 20)
    facts = Facts({row.video_name: f"m{at % 4}" for at, row in enumerate(train.rows)})
    seen: Counter[str] = Counter()
    for fold in range(4):
        found = split(
            train,
            manifest("validation", [0, 1], 100),
            facts,
            config.FoldSettings(by="methods", fold=fold, count=4),
        )
        assert found.unseen is not None and found.unseen.n_genuine == 5 and found.unseen.n_forged == 10
        seen.update(names(found.unseen))
    assert seen == Counter(names(train))


def write(root: Path, columns: str = "method,identity", meta: bool = False) -> config.Config:
    """24 training clips of three methods and four persons; 6 of validation."""
    for name, count in (("train", 24), ("validation", 6)):
        (root / name).mkdir(exist_ok=True)
        lines, more = [], [f"video_name,{columns}"]
        for at in range(count):
            file = f"{name[0]}{at}.mp4"
            (root / name / file).touch()
            target = int(at % 3 > 0)
            facts = f"{['swap', 'mouth', 'voice'][at // 2 % 3] if target else ''},p{at // 6}"
            lines.append(f"{file},{target}" + ("" if meta or name != "train" else f",{facts}"))
            more.append(f"{file},{facts}")
        header = "video_name,target" + ("" if meta or name != "train" else f",{columns}")
        (root / f"{name}_labels.csv").write_text("\n".join([header, *lines]) + "\n")
        if meta:
            before = (root / "meta.csv").read_text().splitlines() if name != "train" else []
            (root / "meta.csv").write_text("\n".join([*before, *more[bool(before) :]]) + "\n")
    return config.parse({"model": {"name": "mel_cnn"}, "folds": {"by": "methods", "count": 3}}, "test")


def test_methods_and_persons_come_from_the_labels_or_from_another_file(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    settings = write(tmp_path / "a")
    one = read_splits(tmp_path / "a", settings)
    assert one.unseen is not None
    assert {row.method for row in one.unseen.rows if row.target} == {
        kind for kind in ["swap", "mouth", "voice"] if f"holds out {kind}:" in one.said
    }
    assert len(one.unseen.rows) + len(one.train.rows) == 24 and len(one.validation.rows) == 6
    write(tmp_path / "b", "kind,who", meta=True)
    wanted = ["data.meta=meta.csv", "data.method_column=kind", "folds.identity_column=who"]
    two = read_splits(tmp_path / "b", config.override(settings, wanted))
    assert two.unseen is not None and names(two.unseen) == names(one.unseen)
    # Here the methods of validation clips are known too.
    assert len(two.validation.held_out) > 0
    off = read_splits(tmp_path / "b", config.override(settings, [*wanted, "folds.by=none"]))
    assert off.unseen is None and len(off.train.rows) == 24 and len(off.manifests) == 2
    assert {row.method for row in off.train.rows if row.target} == {"swap", "mouth", "voice"}
    prints = {
        data_fingerprint(*read_splits(tmp_path / "a", config.override(settings, [text])).manifests)
        for text in ("folds.fold=0", "folds.fold=1", "folds.fold=2", "folds.by=none")
    }
    assert len(prints) == 4


def test_clusters_and_near_duplicates_come_from_files(tmp_path: Path) -> None:
    settings = write(tmp_path, "method,other")
    forged = [f"t{at}.mp4" for at in range(24) if at % 3]
    clusters = "".join(f"{name},{at % 4}\n" for at, name in enumerate(forged[1:]))
    (tmp_path / "clusters.csv").write_text("video_name,cluster,x\n" + clusters.replace("\n", ",1\n"))
    (tmp_path / "groups.csv").write_text("video_name,group\nt0.mp4,g\nt1.mp4,g\nt2.mp4,g\nt3.mp4,h\n")
    files = ["folds.groups=groups.csv", f"folds.clusters={tmp_path}/clusters.csv", "folds.by=clusters"]
    counted = Counter()
    for fold in range(3):
        found = read_splits(tmp_path, config.override(settings, [*files, f"folds.fold={fold}"]))
        assert found.unseen is not None
        counted["unknown"] += "1 forged are left out because their kind is not known" in found.said
        counted["twins"] += "near-duplicates of unseen clips" in found.said
        for part in (names(found.train), names(found.unseen)):
            assert not {"t0.mp4", "t2.mp4"} & part or "t1.mp4" not in part
    assert counted["unknown"] >= 1 and counted["twins"] >= 1
    chosen = config.override(settings, files)
    assert folds.given_files(chosen, tmp_path) == [
        ("groups", tmp_path / "groups.csv"),
        ("clusters", tmp_path / "clusters.csv"),
    ]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (
            ["folds.count=9", "folds.fold=8"],
            r"folds\.fold=8: unseen is left with .* wanted both classes, give fewer folds",
        ),
        (["data.method_column=kind"], "wanted a column 'kind' besides"),
        (
            ["folds.identity_column=who"],
            r"folds\.identity_column=who: .*train_labels\.csv have no such column",
        ),
        (["folds.groups=absent.csv"], r"absent\.csv: cannot be read"),
        (["folds.groups=train_labels.csv"], r"train_labels\.csv:1: header .*; wanted a column 'group'"),
        (["folds.clusters=x.csv", "folds.by=clusters"], r"x\.csv: names none of the forged clips"),
        (["data.meta=x.csv", "data.method_column=cluster"], r"x\.csv: names none of the training videos"),
        (["folds.groups=twice.csv"], r"twice\.csv:3: video 'a\.mp4' is on line 2 already"),
        (["folds.groups=short.csv"], r"short\.csv:2: 1 fields; wanted 2"),
        (["folds.groups=double.csv"], r"double\.csv:1: header 'video_name,group,group'; wanted one column"),
    ],
)
def test_what_cannot_be_divided_is_said_in_one_sentence(tmp_path: Path, more: list[str], says: str) -> None:
    settings = write(tmp_path, "method,other" if "who" in more[0] else "method,identity")
    (tmp_path / "x.csv").write_text("video_name,cluster\nanother.mp4,1\n")
    (tmp_path / "twice.csv").write_text("video_name,group\na.mp4,1\na.mp4,2\n")
    (tmp_path / "short.csv").write_text("video_name,group\na.mp4\n")
    (tmp_path / "double.csv").write_text("video_name,group,group\na.mp4,1,1\n")
    with pytest.raises(InputError, match=says):
        read_splits(tmp_path, config.override(settings, more))


def test_methods_that_no_label_names_are_asked_for(tmp_path: Path) -> None:
    settings = write(tmp_path, "way,identity")
    with pytest.raises(InputError, match=r"no forged clip has a method in a column 'method'; .*data\.meta"):
        read_splits(tmp_path, settings)


@pytest.mark.parametrize(
    ("tree", "says"),
    [
        ({"folds": {"by": "methods", "fold": 5}}, "folds: wanted fold < count, got fold 5 of 5"),
        ({"folds": {"by": "clusters"}}, "folds: by 'clusters' needs the file of clusters"),
        ({"optim": {"select": "both"}}, "optim: select: 'both' needs held-out clips; wanted folds.by="),
    ],
)
def test_settings_that_do_not_go_together_are_refused(tree: dict, says: str) -> None:
    with pytest.raises(InputError, match=says):
        config.parse({"model": {"name": "mel_cnn"}, **tree}, "test")
