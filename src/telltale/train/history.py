"""What a run leaves to look at: history.csv, curves.png and TensorBoard events. Only the main process has
one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from telltale.files import cannot_write
from telltale.report import figures
from telltale.train import run_folder


class Record:
    def __init__(self, folder: Path, first_step: int) -> None:
        """`first_step`: the run's next step; what an interrupted run logged beyond it is hidden by
        TensorBoard."""
        self.folder = folder
        self._hook, self._lost = threading.excepthook, False
        # The writer's thread hands its error on to the next call of ours; its own report would say it a
        # second time.
        threading.excepthook = lambda given: (
            None if isinstance(given.exc_value, OSError) else self._hook(given)
        )
        with self._written():
            self.events = SummaryWriter(str(folder), purge_step=first_step)

    def step(self, number: int, terms: dict[str, float], rate: float) -> None:
        """Log a step's loss, each of its terms where there are several, and the learning rate."""
        with self._written():
            self.events.add_scalar("train/loss", sum(terms.values()), number)
            for name, value in terms.items() if len(terms) > 1 else ():
                self.events.add_scalar(f"train/{name}", value, number)
            self.events.add_scalar("train/rate", rate, number)

    def epoch(self, history: list[dict[str, Any]], steps_done: int) -> None:
        """Write the whole history anew and plot it; `history` holds one dictionary an epoch."""
        run_folder.write_history(self.folder / "history.csv", history)
        figures.curves(history, self.folder / "curves.png")
        with self._written():
            for name, value in history[-1].items():
                if name not in ("epoch", "rate"):
                    self.events.add_scalar(f"epoch/{name}", value, steps_done)
            self.events.flush()

    def close(self) -> None:
        try:
            with self._written():
                self.events.close()
        finally:
            threading.excepthook = self._hook

    @contextmanager
    def _written(self) -> Iterator[None]:
        """Raises InputError if the events cannot be written, which may be found out some steps later."""
        try:
            yield
        except OSError as error:
            if self._lost:  # it was said already, and is what ends the run
                return
            self._lost = True
            raise cannot_write(self.folder / "events.out.tfevents", error) from None
