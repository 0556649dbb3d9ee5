"""A run's history: history.csv, curves.png and TensorBoard events. Only the main process writes it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from telltale.files import cannot_write, write_table
from telltale.report import training_figures

# Seconds between two drawings of the curves: a drawing costs as much as an epoch over a few hundred clips.
DRAW_EVERY = 30.0


class RunLog:
    """Writes the history into `folder`. curves.png is drawn every DRAW_EVERY seconds at most, and by `close`.

    first_step: the run's next step. TensorBoard hides what an interrupted run logged from that step on.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        self.folder = folder
        self._drawn_at = -DRAW_EVERY
        self._undrawn: tuple[list[dict[str, Any]], int] | None = None  # rows and the best of them
        self._hook, self._failed = threading.excepthook, False
        # The writer's thread passes its error on to our next call. Without this hook the thread would report
        # the error a second time.
        threading.excepthook = lambda report: (
            None if isinstance(report.exc_value, OSError) else self._hook(report)
        )
        with self._reported():
            self.events = SummaryWriter(str(folder), purge_step=first_step)

    def step(self, number: int, terms: dict[str, float], rate: float) -> None:
        """Log a step's loss, its terms if there are several, and its learning rate. number: of the step since
        the run began."""
        with self._reported():
            self.events.add_scalar("train/loss", sum(terms.values()), number)
            for name, value in terms.items() if len(terms) > 1 else ():
                self.events.add_scalar(f"train/{name}", value, number)
            self.events.add_scalar("train/rate", rate, number)

    def epoch(self, history: list[dict[str, Any]], steps_done: int, best: int) -> None:
        """Write history.csv anew, and curves.png if it is due. history: one row an epoch; steps_done: since
        the run began; best: the row of the best epoch."""
        write_history(self.folder / "history.csv", history)
        self._undrawn = list(history), best
        if time.monotonic() - self._drawn_at >= DRAW_EVERY:
            self._draw()
        with self._reported():
            for name, value in history[-1].items():
                if name not in ("epoch", "rate") and value is not None:
                    self.events.add_scalar(f"epoch/{name}", value, steps_done)
            self.events.flush()

    def _draw(self) -> None:
        if self._undrawn is not None:
            rows, best = self._undrawn
            training_figures.curves(rows, self.folder / "curves.png", best)
            self._drawn_at, self._undrawn = time.monotonic(), None

    def close(self) -> None:
        """Draw the curves up to the last epoch and close the events."""
        try:
            self._draw()
            with self._reported():
                self.events.close()
        finally:
            threading.excepthook = self._hook

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """Raise InputError, once, if the events cannot be written; the writer may find that some steps
        later."""
        try:
            yield
        except OSError as error:
            if self._failed:  # the first InputError is already ending the run
                return
            self._failed = True
            raise cannot_write(self.folder / "events.out.tfevents", error) from None


def write_history(path: Path, history: list[dict[str, Any]]) -> None:
    """Write one line an epoch, columns in the order of the first row's keys; what is not known is empty."""
    columns = list(history[0])
    write_table(path, [columns, *([row[column] for column in columns] for row in history)])
