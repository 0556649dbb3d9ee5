"""`telltale.load(...).predict(...)`: equal to predict.py, in any thread, on any file, and nothing of the
process is changed."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

import predict
import telltale
from telltale import config, models
from telltale.errors import InputError
from telltale.models import checkpoint
from telltale.scores.table import read_scores

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def world(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with RUN/best.pt, of random weights, and videos/: some of the demo's test clips, one cut and
    one text."""
    folder = tmp_path_factory.mktemp("api")
    settings = config.read(
        ROOT / "tests/worlds/tiny.yaml", ["rules.max_parameters=1000", "rules.competition=false"]
    )
    torch.manual_seed(5)
    model = models.build(settings.model, settings.mel, settings.clip, initialise=True)
    about = {"config": settings.model_dump(mode="json"), "data": "0" * 16, "provenance": model.provenance}
    (folder / "RUN").mkdir()
    checkpoint.save(
        folder / "RUN/best.pt",
        {**about, "model": model.state_dict(), "mean_score": 0.5, "metrics": {"auc": 0.5}},
    )
    (folder / "videos").mkdir()
    for path in sorted((tiny / "test").glob("*.mp4"))[:5]:
        (folder / "videos" / path.name).symlink_to(path)
    (folder / "videos/cut.mp4").write_bytes(path.read_bytes()[:3000])
    (folder / "videos/text.mp4").write_text("no video")
    return folder


def videos(world: Path) -> list[Path]:
    return sorted((world / "videos").iterdir())


@pytest.mark.parametrize("workers", [0, 2])
def test_the_numbers_are_those_of_predict_to_the_bit(workers: int, world: Path) -> None:
    out = world / f"out{workers}" / "submission.csv"
    given = ["--checkpoint", str(world / "RUN/best.pt"), "--videos", str(world / "videos"), "--out", str(out)]
    assert (
        predict.predict(predict.arguments([*given, "--set", "predict.spans=2", "--set", "predict.flip=true"]))
        == 0
    )
    asked = videos(world)[::-1]
    found = telltale.load(world / "RUN/best.pt", spans=2, flip=True, workers=workers, device="cpu").predict(
        map(str, asked)
    )
    assert [one.path for one in found] == asked
    before = read_scores(out.with_name("scores.csv"))
    for one in found:
        then = before[one.video_name]
        assert (one.fake_probability, one.status, one.seconds) == (
            then.fake_probability,
            then.status,
            then.seconds,
        )
    assert sum(one.fake_probability is not None for one in found) == 5


def test_every_path_has_one_answer_and_a_bad_one_says_why(world: Path, hostile: Path) -> None:
    detector = telltale.load(world / "RUN/best.pt", batch_size=2)
    good, absent, folder = videos(world)[0], world / "absent.mp4", world / "videos"
    first, none, no_file, again = detector.predict([good, absent, folder, good])
    assert first.status == "ok" and first.detail == "" and 0 <= first.fake_probability <= 1
    assert again == first
    assert none.status == "missing" and none.fake_probability is None and str(absent) in none.detail
    assert no_file.fake_probability is None and str(folder) in no_file.detail
    for one in detector.predict(sorted(hostile.iterdir())):
        assert one.detail or one.status in ("ok", "no_sound"), one
    assert detector.predict([]) == []


def test_a_single_path_is_a_single_answer(world: Path) -> None:
    detector, path = telltale.load(str(world / "RUN/best.pt")), videos(world)[1]
    one = detector.predict(str(path))
    assert isinstance(one, telltale.Prediction)
    assert one == detector.predict([path])[0]
    with pytest.raises(AttributeError):
        one.status = "ok"


def test_what_cannot_be_is_refused_in_a_sentence(world: Path, tmp_path: Path) -> None:
    path = world / "RUN/best.pt"
    with pytest.raises(telltale.InputError, match=r"absent\.pt: cannot be read"):
        telltale.load(tmp_path / "absent.pt")
    with pytest.raises(InputError, match=r"telltale\.load: predict\.spans"):
        telltale.load(path, spans=0)
    with pytest.raises(InputError, match="device 'gpu'.*wanted cpu"):
        telltale.load(path, device="gpu")


BARE = """
import os, signal, sys, threading
def state():
    return [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)], sorted(os.listdir())
environment, before = dict(os.environ), state()
import telltale
assert dict(os.environ) == environment
assert not {"torch", "numpy", "yaml", "pydantic"} & set(sys.modules)
found, forks = [], []
os.register_at_fork(before=lambda: forks.append(1))
def work():
    found.extend(telltale.load("RUN/best.pt").predict(sys.argv[1:]))
threads = [threading.Thread(target=work) for _ in range(2)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
import torch
assert torch.get_num_threads() == len(os.sched_getaffinity(0)), torch.get_num_threads()
others = {"LD_LIBRARY_PATH", "TORCHINDUCTOR_CACHE_DIR"}  # cv2 sets the one, torch the other
assert {k for k, v in os.environ.items() if environment.get(k) != v} <= others
assert state() == before and not forks
print(*(one.fake_probability for one in found))
"""


def test_threads_of_a_bare_process_score_alike_and_leave_it_as_it_was(world: Path) -> None:
    paths = [str(path) for path in videos(world)[:2]]
    bare = {
        name: value
        for name, value in os.environ.items()
        if "NUM_THREADS" not in name and name != "OMP_WAIT_POLICY"
    }
    bare["PYTHONPATH"] = str(ROOT / "src")
    done = subprocess.run(
        [sys.executable, "-c", BARE, *paths], cwd=world, env=bare, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    here = [one.fake_probability for one in telltale.load(world / "RUN/best.pt", device="cpu").predict(paths)]
    assert [float(word) for word in done.stdout.split()] == here * 2


def test_workers_can_be_asked_for_from_a_thread(world: Path) -> None:
    found: list = []
    detector = telltale.load(world / "RUN/best.pt", workers=2)
    thread = threading.Thread(target=lambda: found.extend(detector.predict(videos(world))))
    thread.start()
    thread.join()
    assert [one.path for one in found] == videos(world)


def test_the_notebook_runs_as_it_is(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    path = ROOT / "docs/notebook.ipynb"
    assert path.stat().st_size < 50_000
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4
    monkeypatch.chdir(world)
    names: dict = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
            exec("".join(cell["source"]), names)
    shown = capsys.readouterr().out
    assert "text.mp4" in shown and "refused" in shown
