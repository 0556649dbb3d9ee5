"""Planted shortcuts are found, and named with a remedy that exists; a data set without them has none."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from planted import plant

from telltale import config
from telltale.cli import main
from telltale.config.keys import KEYS
from telltale.errors import InputError
from telltale.study import probe_facts, probes
from telltale.study.probe_facts import Reading, clip_facts, read_facts
from telltale.study.probe_list import PROBES
from telltale.study.probe_remedies import Remedy, apply, remedy_of
from telltale.study.probe_statistics import Permuting

Made = Callable[[str, Callable[[Path], None]], Path]
PLANTED = {"leading silence", "bit rate", "tags", "borders"}


@pytest.fixture(scope="module")
def worlds(made: Made, tiny: Path) -> dict[bool, Path]:
    """With planted shortcuts, and as drawn."""
    folder = made("planted", lambda folder: plant(tiny, folder / "data"))
    return {True: folder / "data", False: tiny}


@pytest.fixture(scope="module")
def facts_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Measurements of both worlds, so that no test reads them anew."""
    return tmp_path_factory.mktemp("facts")


def facts_in(data: Path, folder: Path) -> tuple[pd.DataFrame, probe_facts.Facts]:
    clips = probes.list_clips(probes.Request(data))
    return clips, read_facts([Path(path) for path in clips["path"]], folder, Reading(2))


def table_of(data: Path, folder: Path) -> pd.DataFrame:
    clips, facts = facts_in(data, folder)
    request = probes.Request(data)
    groups, source = probes.group_codes(clips, request)
    assert source == "column identity"
    question = probes.questions(clips, request)[0]
    return probes.probe(question, facts, groups, Permuting(500, 20))[0].set_index("probe")


def test_nothing_is_found_without_shortcuts(worlds: dict[bool, Path], facts_folder: Path):
    table = table_of(worlds[False], facts_folder)
    assert table[table["kind"] == "shortcut"]["finding"].isna().all()
    assert table["remedy"].isna().all()


def test_planted_shortcuts_are_found_and_written_against(
    worlds: dict[bool, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out, to = tmp_path / "out", tmp_path / "mine.yaml"
    command = ["study", "probes", "--data", str(worlds[True]), "--out", str(out), "--permutations", "500"]
    assert main([*command, "--apply", "audiovisual", "--to", str(to)]) == 0
    table = pd.read_csv(out / "classes.csv").set_index("probe")
    for name in PLANTED:
        assert table.loc[name, "auc"] > 0.95, name
        assert table.loc[name, "finding"] == "shortcut", name
        assert isinstance(table.loc[name, "remedy"], str), name
    assert "augment.fill_silence_p" in table.loc["leading silence", "remedy"]
    assert "augment.jpeg_p" in table.loc["bit rate", "remedy"]
    assert "augment.border_crop_p" in table.loc["borders", "remedy"]
    assert table.loc["tags", "remedy"].startswith("none needed")
    assert "Synthesiser" in table.loc["tags", "strongest"]
    mended = config.read(to)
    assert mended.augment.fill_silence_p == mended.augment.border_crop_p == 1.0
    assert mended.model == config.read(Path("audiovisual")).model
    text = capsys.readouterr().out
    assert "leading silence: leading." in text and "remedy: augment.fill_silence_p=1" in text
    assert (out / "index.html").is_file() and (out / "classes.png").is_file()
    features = pd.read_csv(out / "features.csv")
    assert len(features) == 34 and (features["status"] == "ok").all()


def test_a_second_run_reads_no_clip(
    worlds: dict[bool, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    few = [Path(path) for path in probes.list_clips(probes.Request(worlds[True]))["path"]][:4]
    first = read_facts(few, tmp_path, Reading(1))

    def refuse(*_: object) -> None:
        raise AssertionError("a clip was read again")

    monkeypatch.setattr(probe_facts, "WorkerPool", refuse)
    second = read_facts(few, tmp_path, Reading(1))
    assert first.statuses == second.statuses and first.tags == second.tags
    for name, values in first.numbers.items():
        assert np.array_equal(values, second.numbers[name], equal_nan=True), name
    for name, vectors in first.vectors.items():
        assert np.array_equal(vectors, second.vectors[name], equal_nan=True), name
    few[0].touch()  # its time is another: it is read anew
    with pytest.raises(AssertionError, match="read again"):
        read_facts(few, tmp_path, Reading(1))


def test_a_clip_that_was_given_up_is_read_once_more(worlds: dict[bool, Path], tmp_path: Path):
    few = [Path(path) for path in probes.list_clips(probes.Request(worlds[True]))["path"]][:2]
    probe_facts._write_part(
        probe_facts._part_file(tmp_path, few), [probe_facts.ClipFacts(word) for word in ("ok", "timeout")]
    )
    assert read_facts(few, tmp_path, Reading(1)).statuses == ["ok", "ok"]


def test_splits_are_compared_by_the_same_probes(worlds: dict[bool, Path], tmp_path: Path):
    data = tmp_path / "data"
    shutil.copytree(worlds[False], data)
    for path in (data / "test").iterdir():  # the test split is the planted one, and has no labels
        shutil.copy(worlds[True] / "test" / path.name, path)
    (data / "test_labels.csv").unlink()
    request = probes.Request(data, pairs=(("train", "test"),))
    clips = probes.list_clips(request)
    asked = {question.name: question for question in probes.questions(clips, request)}
    assert len(asked["classes"].rows) == 24 and len(asked["train-test"].rows) == 26
    assert asked["train-test"].labels.sum() == 10
    with pytest.raises(InputError, match="wanted two of train"):
        probes.known_splits(["train:train"])


def test_a_clip_that_cannot_be_read_has_a_status_and_no_number(hostile: Path, tmp_path: Path):
    names = ("empty.mp4", "absent.mp4")
    (tmp_path / "empty.mp4").touch()
    for name, status in zip(names, ("empty", "missing"), strict=True):
        found = clip_facts(tmp_path / name)
        assert found.status == status and not found.numbers and not found.tags and not found.vectors
    for path in sorted(hostile.iterdir()):
        if path.is_file() and path.stat().st_size < 300_000:
            found = clip_facts(path)
            assert all(np.isfinite(value) for value in found.numbers.values()), path.name
            assert all(np.isfinite(values).all() for values in found.vectors.values()), path.name


def test_a_clip_that_ends_its_worker_is_counted_and_probed(
    worlds: dict[bool, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    clips = probes.list_clips(probes.Request(worlds[False]))
    paths = [Path(path) for path in clips["path"]][:20]
    forged = {path for path, target in zip(paths, clips["target"], strict=False) if target}
    genuine_facts = clip_facts(paths[1])

    def measure(path: Path) -> probe_facts.ClipFacts:
        if path == paths[0]:
            os._exit(9)
        return probe_facts.ClipFacts("damaged") if path in forged else genuine_facts

    monkeypatch.setattr(probe_facts, "clip_facts", measure)
    facts = read_facts(paths, tmp_path, Reading(2))
    lost = len(forged | {paths[0]})
    assert facts.statuses[0] == "crashed" and facts.statuses.count("ok") == len(paths) - lost
    assert np.isnan(facts.numbers["size.bytes"]).sum() == lost
    question = probes.Question(
        "classes", "Classes", np.arange(20), clips["target"].to_numpy()[:20], ("genuine", "forged")
    )
    monkeypatch.setattr(probes, "FEWEST", 5)
    table = probes.probe(question, facts, np.arange(20), Permuting(300, 20))[0].set_index("probe")
    assert table.loc["unreadable", "auc"] > 0.95 and table.loc["unreadable", "finding"] == "shortcut"
    assert table.loc["file size", "status"] == "too few clips" and np.isnan(table.loc["file size", "auc"])


def test_every_probe_has_a_remedy_of_real_keys_or_says_why_not(worlds: dict[bool, Path], facts_folder: Path):
    _, facts = facts_in(worlds[False], facts_folder)
    settings = config.read(Path("audiovisual"))
    for probe in PROBES:
        remedy = remedy_of(probe.name, facts, settings)
        assert remedy.keys or remedy.text.startswith("none"), probe.name
        assert set(remedy.keys) <= set(KEYS), probe.name
        config.override(settings, [f"{key}={value}" for key, value in remedy.keys.items()])
    # Clips of a second are shorter than a span of four.
    assert remedy_of("duration", facts, settings).keys == {"clip.seconds": pytest.approx(1.0, abs=0.11)}
    assert remedy_of("presence of sound", facts, config.read(Path("baseline"))).text.startswith("none needed")


def test_the_written_configuration_has_what_differs_only(tmp_path: Path):
    given = tmp_path / "given.yaml"
    given.write_text("base: below.yaml\naugment: {jpeg_p: 0.9}\n")
    (tmp_path / "below.yaml").write_text("model: {name: meso4}\nclip: {seconds: 2.0}\n")
    (tmp_path / "new").mkdir()
    to = tmp_path / "new" / "mine.yaml"
    remedies = [Remedy("", {"augment.jpeg_p": 0.7, "clip.seconds": 1.5}), Remedy("", {"clip.seconds": 3.0})]
    assert apply(given, to, remedies) == {"clip.seconds": 1.5}
    mended = config.read(to)
    assert (mended.augment.jpeg_p, mended.clip.seconds, mended.model.name) == (0.9, 1.5, "meso4")
    with pytest.raises(InputError, match="wanted another file"):
        apply(given, given, remedies)


def test_groups_come_from_a_file(worlds: dict[bool, Path], tmp_path: Path):
    clips = probes.list_clips(probes.Request(worlds[False]))
    file = tmp_path / "groups.csv"
    names = clips["video_name"].tolist()
    file.write_text(f"video_name,group\n{names[0]},twins\n{names[5]},twins\n")
    groups, source = probes.group_codes(clips, probes.Request(worlds[False], groups=file))
    assert source == str(file) and groups[0] == groups[5] and len(set(groups.tolist())) == len(names) - 1
    file.write_text(f"video_name,group\n{names[0]},a\n{names[0]},b\n")
    with pytest.raises(InputError, match="listed twice"):
        probes.group_codes(clips, probes.Request(worlds[False], groups=file))
