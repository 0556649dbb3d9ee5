"""No room left: a store goes on without keeping; a file that cannot be written is one sentence and leaves
what was there."""

import errno
import re
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from telltale import config
from telltale.data.dataset import ClipDataset, open_store, warn_of_store
from telltale.data.loader import ClipLoader
from telltale.data.manifest import Row
from telltale.data.order import evaluation_batches
from telltale.errors import InputError
from telltale.files import cannot_write, write_text
from telltale.models import checkpoint
from telltale.scores.journal import Journal
from telltale.scores.score import Score
from telltale.scores.table import write_scores
from telltale.train.history import RunLog

TINY = Path(__file__).parents[1] / "worlds" / "tiny.yaml"
BOTH = ("picture", "sound")


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The kernel lets no file of this process grow beyond `size` bytes: a write fails as on a full disk."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_checkpoint_that_finds_no_room_leaves_the_one_before(tmp_path: Path) -> None:
    path, weights = tmp_path / "last.pt", torch.arange(100_000)
    checkpoint.save(path, {"model": {"w": weights}})
    with (
        files_of_at_most(50_000),
        pytest.raises(InputError, match=r"last\.pt: cannot be written \(File too large\)"),
    ):
        checkpoint.save(path, {"model": {"w": weights + 1}})
    assert [file.name for file in tmp_path.iterdir()] == ["last.pt"]
    assert torch.equal(checkpoint.load(path)["model"]["w"], weights)


def test_a_full_disk_is_said_with_how_much_is_free() -> None:
    said = str(cannot_write(Path("/tmp/nowhere/last.pt"), OSError(errno.ENOSPC, "No space left on device")))
    assert re.search(
        r"^/tmp/nowhere/last\.pt: cannot be written \(No space left on device; [0-9.,]+ MB are free there",
        said,
    )


def test_scores_texts_and_the_journal_say_so_and_leave_no_fragment(tmp_path: Path) -> None:
    rows = [Score(f"{row}.mp4", 0.5, "ok", 1.0) for row in range(2000)]
    with files_of_at_most(20_000):
        with pytest.raises(InputError, match=r"scores\.csv: cannot be written \(File too large"):
            write_scores(tmp_path / "scores.csv", rows)
        with pytest.raises(InputError, match=r"config\.yaml: cannot be written \(File too large"):
            write_text(tmp_path / "config.yaml", "x" * 30_000)
        journal = Journal(tmp_path / "journal", "f")
        journal.append(rows[:100])
        with pytest.raises(InputError, match=r"journal: cannot be written \(File too large"):
            journal.append(rows[100:])
        journal.close()
    assert [file.name for file in tmp_path.iterdir()] == ["journal"]
    again = Journal(tmp_path / "journal", "f")
    again.append(rows[100:])
    assert list(again.done.values()) == rows
    again.close()


def test_events_that_find_no_room_stop_the_run_in_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = RunLog(tmp_path, 0)

    def train() -> None:
        for step in range(10_000):  # a thread writes them: it is a later step that hears of it
            log.step(step, {"loss": 1.0}, 1e-3)

    with (
        files_of_at_most(4_000),
        pytest.raises(InputError, match=r"events\.out\.tfevents: cannot be written \(File too large"),
    ):
        train()
    log.close()
    assert "Traceback" not in capfd.readouterr().err


def test_a_store_that_need_not_keep_says_once_that_it_is_full_and_reading_goes_on(
    tiny: Path, tmp_path: Path, capfd
):
    wanted = config.read(TINY, ["store.max_gb=0.0001", "data.workers=2"])
    videos = sorted((tiny / "train").glob("*.mp4"))
    dataset = ClipDataset(
        [Row(p.name, p, 0) for p in videos], wanted, BOTH, store=open_store(tmp_path / "s", wanted, BOTH)
    )
    plain = ClipDataset(dataset.rows, wanted, BOTH)
    keys = evaluation_batches([1] * len(videos), 4)
    read = [
        torch.cat([b.pictures.clone() for b in ClipLoader(d, 2, timeout_seconds=60).read(keys)])
        for d in (dataset, plain)
    ]
    assert torch.equal(*read)
    assert capfd.readouterr().err.count("is full") == 1
    assert 0 < dataset.store.packed.total_bytes() < 2.5e5  # each worker's first may have met room
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("limit", "spans", "sentence"), [(0.01, 1000, True), (0.01, 100, False), (100.0, 10**9, True)]
)
def test_what_a_store_will_lack_is_said_before_the_start(tmp_path: Path, capsys, limit, spans, sentence):
    wanted = config.read(
        TINY, [f"store.max_gb={limit}"]
    )  # an entry: 2 * 48 * 48 * 3 + 4 * 16000 = 77,824 bytes
    warn_of_store(open_store(tmp_path / "s", wanted, BOTH), wanted, BOTH, spans)
    said = capsys.readouterr().err
    assert ("will be decoded each time" in said) == sentence
    assert "about 0.08 GB more will be wanted and there is room for 0.01 GB" in said or spans != 1000
