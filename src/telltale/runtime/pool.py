"""`WorkerPool`: worker processes that may hang or die. What is lost then is one task, and the pool says so.

    pool = WorkerPool(work, workers=4, timeout_seconds=60.0)
    pool.submit(7, tasks)            # job 7: tasks, handed out in their order; several jobs may be under way
    number, answers = pool.finished()     # 7, and for each task what `work(task)` returned, or `Lost`
    pool.close()

Three kinds of processes take part:

- the owner, which submits jobs and waits for answers;
- the supervisor, forked from the owner, which hands a task to a worker whenever one is free;
- the workers, forked from the supervisor, which do the work.

The supervisor is there for two reasons. No worker waits while the owner is busy, with a step of training say.
And a worker that died is replaced by a fork of a process with one thread: to fork the owner is not safe once
torch has
started threads in it.

Each worker has a pipe of its own. With a shared queue, a worker that died in the middle of a write would
leave a lock held or half a message for the others.
"""

import contextlib
import gc
import os
import pickle
import signal
import weakref
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, Pipe
from typing import Any

from telltale.runtime.process import RemoteFailure, WorkerTrace, describe_exit, fork, reap
from telltale.runtime.supervisor import Lost, Supervisor


class WorkerPool:
    """Up to `workers` processes that compute `work(task)`.

    work: called in the workers. They are forked, so `work` and all that it refers to need not be picklable,
        and its memory is shared as long as nobody writes to it. Its answers are pickled.
    workers: a worker is forked when there is a task for it.
    timeout_seconds: a task that takes longer is `Lost`, and so is one on which two workers died. That worker
        alone is ended and replaced.
    prepare: called once, in the supervisor. What it loads, all workers share.
    """

    def __init__(
        self,
        work: Callable[[Any], Any],
        workers: int,
        timeout_seconds: float,
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        self._pipe, child_end = Pipe()
        owner, pipe = os.getpid(), self._pipe

        def run_supervisor() -> None:
            # Ctrl-C, and the SIGTERM that batch systems send to every process of a job, are for the owner to
            # answer: it still waits for the batch in work, and ends the supervisor when it has saved.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            # Close the owner's end here. Otherwise the supervisor never sees EOF when the owner exits.
            pipe.close()
            prepare()
            # The garbage collector writes to every object that it looks at, and so would copy memory that is
            # shared. What exists now stays until the end: exempt it.
            gc.freeze()
            Supervisor(child_end, work, workers, timeout_seconds).run(owner)

        self._supervisor = fork(run_supervisor)
        child_end.close()
        # Also called when the pool is garbage-collected or the interpreter exits. It must not refer to
        # `self`.
        self.close = weakref.finalize(self, _shut_down, pipe, self._supervisor, owner)

    def submit(self, number: int, tasks: Sequence[Any]) -> None:
        """Begin job `number`, which must not be under way. RuntimeError if the supervisor is gone."""
        try:
            self._pipe.send((number, tasks))
        except OSError:
            raise self._supervisor_died() from None

    def finished(self) -> tuple[int, list[Any]]:
        """Wait until a job is done. Its number, and its answers in the order of its tasks.

        An exception of `work` is raised here, with a `WorkerTrace` as its cause. RuntimeError if the
        supervisor is gone.
        """
        try:
            number, replies = self._pipe.recv()
        except (OSError, EOFError):
            raise self._supervisor_died() from None
        answers = [reply if isinstance(reply, Lost) else pickle.loads(reply) for reply in replies]
        for answer in answers:
            if isinstance(answer, RemoteFailure):
                raise answer.error from WorkerTrace(answer.trace)
        return number, answers

    def _supervisor_died(self) -> RuntimeError:
        how = describe_exit(reap(self._supervisor))
        return RuntimeError(f"the process that directs the workers {how}")


def _shut_down(pipe: Connection, supervisor: int, owner: int) -> None:
    """End the supervisor, which ends its workers. Does nothing in a process that was forked from the
    owner."""
    if os.getpid() != owner:
        return
    with contextlib.suppress(OSError):
        pipe.send(None)
    pipe.close()
    if reap(supervisor, 5.0) is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(supervisor, signal.SIGKILL)
        reap(supervisor)
