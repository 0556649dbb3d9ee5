"""train.py and predict.py in two processes: what they leave is bundled, reproduced and gone on with by one,
and the reverse."""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from programs import do_predict, do_train, finish
from two_processes import launch

import predict
from telltale.errors import InputError
from telltale.reproduce import bundle, bundling, tiers
from telltale.runtime.entry import guarded
from telltale.scores import sidecar
from telltale.scores.journal import Journals
from telltale.scores.table import read_scores
from telltale.train import run_folder, validation_scores

PLAIN = [word for text in tiers.PLAIN for word in ("--set", text)]


@pytest.fixture(scope="module")
def run(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two processes."""
    folder = tmp_path_factory.mktemp("two")
    more = ("--set", "optim.epochs=1", "--set", "optim.ema_decay=0.5", "--set", "data.workers=0")
    assert launch(lambda: guarded(lambda: do_train(tiny, folder / "run", *more)), logs=folder) == [0, 0], [
        log.read_text() for log in folder.glob("*.log")
    ]
    return folder / "run"


def test_validation_scores_are_those_that_one_process_gives_to_the_bit(
    run: Path, tiny: Path, tmp_path: Path
) -> None:
    out = tmp_path / "submission.csv"
    listed = ("--list", str(tiny / "validation_labels.csv"), "--set", "data.workers=0")
    do_predict(run, tiny / "validation", out, *listed, *PLAIN)
    assert read_scores(run / validation_scores.NAME) == read_scores(tmp_path / "scores.csv")
    assert sidecar.check(run / validation_scores.NAME).world == 1
    assert run_folder.worlds(run) == (2,)


def test_its_bundle_passes_and_is_trained_again_by_as_many(
    run: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(into: Path) -> None:
        into.mkdir()
        for path in sorted((tiny / "test").glob("*.mp4"))[:2]:
            shutil.copyfile(path, into / path.name)

    made = bundling.make(run, tiny, tmp_path / "bundle", [], [], draw)
    assert made.processes == (2,) and bundle.read(made.folder) == made
    assert "in 2 processes by torchrun" in (made.folder / "README.md").read_text()
    called: list[tuple[list[str], int]] = []

    def program(words: list[Any], processes: int = 1) -> int:
        called.append(([str(word) for word in words], processes))
        return predict.predict(predict.arguments(called[-1][0][1:])) if words[0] == "predict" else 1

    monkeypatch.setattr(tiers, "run", program)
    found = [*tiers.scores(made, tmp_path / "scores"), *tiers.weights(made, tiny, tmp_path / "weights")]
    assert [finding.detail for finding in found if not finding.passed] == []
    assert "8 clips, the same to the bit" in {finding.detail for finding in found}
    again = {
        finding.rule: finding.detail for finding in tiers.train(made, tiny, tmp_path / "train", resume=False)
    }
    assert again["processes"] == "trained by 2"
    assert (called[-1][0][0], called[-1][1]) == ("train", 2)


def test_a_run_that_ended_before_it_was_scored_by_one_is_when_it_is_resumed(
    run: Path, tiny: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    side = sidecar.path_of(folder / validation_scores.NAME)
    side.write_text(side.read_text().replace('"world": 1', '"world": 2'))
    with pytest.raises(
        InputError, match="2 processes.*the training's command with --resume scores them again"
    ):
        bundling.make(folder, tiny, tmp_path / "bundle", [], [], lambda _: None)
    before = (folder / validation_scores.NAME).read_bytes()
    more = ("--set", "optim.epochs=1", "--set", "optim.ema_decay=0.5", "--set", "data.workers=0", "--resume")
    assert do_train(tiny, folder, *more) == 0
    assert sidecar.check(folder / validation_scores.NAME).world == 1
    assert (folder / validation_scores.NAME).read_bytes() == before
    assert run_folder.worlds(folder) == (2, 1)


def dying(program: Callable[[], int], batches: int) -> Callable[[], int]:
    """The program, killed when it has written so many batches."""
    append = Journals.append

    def last(self: Journals, scores: Any) -> None:
        append(self, scores)
        if len(self._open[-1].done) == batches:
            os.kill(os.getpid(), signal.SIGKILL)

    def body() -> int:
        Journals.append = last  # type: ignore[method-assign]
        return program()

    return body


@pytest.fixture
def prediction(run: Path, tiny: Path, tmp_path: Path) -> Iterator[Callable[[], int]]:
    words = ("--set", "predict.batch_size=1", "--set", "data.workers=0")
    yield lambda: do_predict(run, tiny / "test", tmp_path / "out" / "submission.csv", *words)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "scores.csv",
        "scores.json",
        "submission.csv",
    ]
    assert len(read_scores(tmp_path / "out" / "scores.csv")) == 10
    # The last bits of some rows are those of two processes' batches.
    assert sidecar.check(tmp_path / "out" / "scores.csv").world == 2


def journalled(folder: Path) -> dict[str, float]:
    lines = [line for path in sorted(folder.glob("*.journal*")) for line in path.read_text().splitlines()[1:]]
    return {name: probability for name, probability, *_ in map(json.loads, lines)}


def test_a_prediction_killed_in_two_processes_is_finished_by_one(
    prediction: Callable[[], int], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert launch(dying(prediction, 2)) == [-signal.SIGKILL] * 2
    done = journalled(tmp_path / "out")
    assert len(done) == 4
    assert prediction() == 0
    assert "going on, 4 of 10 rows are done" in capsys.readouterr().out
    scores = read_scores(tmp_path / "out" / "scores.csv")
    assert {name: scores[name].fake_probability for name in done} == done


def test_a_prediction_killed_in_one_process_is_finished_by_two(
    prediction: Callable[[], int], tmp_path: Path
) -> None:
    assert finish(dying(prediction, 3)) == -signal.SIGKILL
    done = journalled(tmp_path / "out")
    assert len(done) == 3
    assert launch(lambda: guarded(prediction), logs=tmp_path) == [0, 0], (tmp_path / "0.log").read_text()
    scores = read_scores(tmp_path / "out" / "scores.csv")
    assert {name: scores[name].fake_probability for name in done} == done


def test_journals_that_another_run_writes_or_that_are_of_another_prediction_are_refused(
    tmp_path: Path,
) -> None:
    from telltale.runtime.distributed import Process
    from telltale.scores.journal import Journal

    out, process = tmp_path / "submission.csv", Process(0, 1, None)  # type: ignore[arg-type]
    Journal(tmp_path / "submission.csv.journal.1-of-3", "other").close()
    with pytest.raises(InputError, match="1-of-3: holds the progress of another prediction"):
        Journals(out, process, "mine")
    (tmp_path / "submission.csv.journal.1-of-3").unlink()
    (tmp_path / "other.csv.journal.1-of-3").write_text("of another submission")
    Journals(out, process, "mine").remove()
    assert [path.name for path in tmp_path.iterdir()] == ["other.csv.journal.1-of-3"]
