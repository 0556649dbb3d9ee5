"""The GPU check without a GPU: one sentence, and a dry run whose programs are stand-ins; `--device cpu` runs
the real ones."""

from pathlib import Path

import numpy as np
import pytest
import torch

from telltale.cli import main
from telltale.data import batch
from telltale.errors import InputError
from telltale.models import checkpoint
from telltale.predict.inference import Inference
from telltale.reproduce import gpu_card, gpu_check
from telltale.scores.score import Score
from telltale.scores.table import write_scores


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["selftest", "--gpu"]) == 2
    assert "torch finds no CUDA device on this machine" in capsys.readouterr().err
    assert main(["selftest"]) == 2
    assert "wanted a bundle's folder, or --gpu" in capsys.readouterr().err


class Programs(gpu_check.Check):
    """Programs that leave behind what train.py and predict.py would; `predict.compile` fails."""

    def program(self, *words: str, cpu: bool = False, processes: int = 1) -> str:
        if "predict.compile=true" in words:
            raise InputError("no C++ compiler")
        out = Path(words[words.index("--out") + 1])
        if words[0] == "train":
            out.mkdir(exist_ok=True)
            checkpoint.save(out / "best.pt", {"model": {"w": torch.arange(3)}})
            (out / "history.csv").write_text("epoch,clips_per_second\n1,2.0\n2,31.5\n")
            # SBI's schedule refuses fp16 with sharpness-aware steps.
            assert ("optim.sam_rho=0" in words) == ("sbi" in words and "optim.autocast=fp16" in words)
        else:
            out.parent.mkdir(exist_ok=True)
            write_scores(out.with_name("scores.csv"), [Score("a.mp4", 0.25 if cpu else 0.5, "ok")])
        return ""


def test_the_dry_run_walks_every_row_and_writes_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {row.name: row for row in gpu_check.run(Programs(tmp_path, tmp_path / "data", "cpu"))}
    assert len(rows) == 4 * 3 + 6
    assert rows["lav, bf16"].status == "ok" and "within 2.5e-01 of the CPU's" in rows["lav, bf16"].figures
    assert (
        rows["warm store"].figures == "31.5 clips/s"
        and rows["deterministic, twice"].figures == "1 tensors equal to the bit"
    )
    assert rows["compile"].status == "FAILED: no C++ compiler"
    assert {name for name, row in rows.items() if row.status == gpu_check.SKIPPED} == {
        "NCCL, all cards",
        "pinned copies",
        "halving on out-of-memory",
    }
    page = gpu_check.page(list(rows.values()), "cpu")
    assert "a dry run that measures nothing" in page and page.count("\n| ") == 1 + len(rows)
    assert capsys.readouterr().out.count("\n") == len(rows)


def test_clips_of_noise_are_what_the_tensor_rows_need() -> None:
    given = batch.read_batch(gpu_card.NoiseClips(), [batch.SampleKey(row, 0) for row in range(2)])
    found = Inference(gpu_card.HungryModel(), torch.device("cpu"), "off")(given)
    assert np.array_equal(found, np.ones((2, 1)))
