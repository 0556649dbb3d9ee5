"""Worker processes that may hang or die: tasks go in, answers come out, and what is lost is one task, as a
fact.

    crew = Crew(work, workers=4, timeout_seconds=60.0)
    crew.submit(7, tasks)  # a job: tasks, handed out in their order; several jobs may be under way
    number, answers = crew.finished()     # 7, and for each task what `work(task)` gave, or `Lost`
    crew.close()

A foreman, forked from this process, forks the workers and hands out a task whenever one is free: so no worker
ever waits while this process is busy with a step, and a worker that died is replaced from a process of one
thread, of which a fork is safe. Each worker has a pipe of its own: one that dies leaves nothing locked or
half written for the others.
"""

import contextlib
import gc
import os
import pickle
import signal
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any

from telltale.runtime.process import RemoteError, WorkerTrace, ending, fork, reap, serve

TRIES = 2
POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Lost:
    """A task without an answer. status: "timeout" or "crashed"; reason: the rest of a sentence that begins
    with the task."""

    status: str
    reason: str


@dataclass
class _Task:
    job: int
    index: int
    content: Any
    tries: int = 0


@dataclass
class _Job:
    answers: list[bytes | Lost | None]
    missing: int


@dataclass
class _Worker:
    """held: the first task is in work, for `seconds` so far; a second one waits in the pipe."""

    pid: int
    pipe: Connection
    tasks: deque[_Task] = field(default_factory=deque)
    seconds: float = 0.0


class WorkerPool:
    """Up to `workers` processes that do `work(task)`, forked from this one: they know all that was in memory
    at that moment.

    A task that takes longer than `timeout_seconds` is `Lost`, and so is one on which two workers died, for
    the first may have been the victim of a chance (the system ends any process when memory runs out). Its
    worker alone is ended and replaced. `prepare` is called once, in the foreman: what it loads, all workers
    share.
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
            # answer.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            pipe.close()
            prepare()
            # The objects that are there stay; looking through them for garbage again and again would copy
            # shared memory.
            gc.freeze()
            _Supervisor(child_end, work, workers, timeout_seconds).run(owner)

        self._supervisor = fork(run_supervisor)
        child_end.close()
        self.close = weakref.finalize(self, _shut_down, pipe, self._supervisor, owner)

    def submit(self, number: int, tasks: Sequence[Any]) -> None:
        """Begin job `number`, which must not be under way."""
        try:
            self._pipe.send((number, tasks))
        except OSError:
            raise self._died() from None

    def finished(self) -> tuple[int, list[Any]]:
        """Wait for a job to be done: its number and its answers, in its tasks' order.

        An exception that `work` raised is raised here, caused by a `WorkerTrace`. RuntimeError if the foreman
        is gone.
        """
        try:
            number, replies = self._pipe.recv()
        except (OSError, EOFError):
            raise self._died() from None
        answers = [reply if isinstance(reply, Lost) else pickle.loads(reply) for reply in replies]
        for answer in answers:
            if isinstance(answer, RemoteError):
                raise answer.error from WorkerTrace(answer.trace)
        return number, answers

    def _died(self) -> RuntimeError:
        return RuntimeError(f"the process that directs the workers {ending(reap(self._supervisor))}")


class _Supervisor:
    """What runs in the foreman's process."""

    def __init__(
        self, main: Connection, work: Callable[[Any], Any], count: int, timeout_seconds: float
    ) -> None:
        self.main, self.work, self.count, self.timeout_seconds = main, work, count, timeout_seconds
        self.workers: list[_Worker] = []
        self.waiting: deque[_Task] = deque()
        self.jobs: dict[int, _Job] = {}

    def run(self, owner: int) -> None:
        """Until the owner says so or is gone. Its pipe may outlive it in other processes' hands: hence the
        look at its id."""
        poll_seconds = min(POLL_SECONDS, self.timeout_seconds / 4)
        clock = time.monotonic()
        try:
            while os.getppid() == owner:
                self._assign_tasks()
                ready = wait([self.main, *(worker.pipe for worker in self.workers)], poll_seconds)
                now = time.monotonic()
                # More has passed only if we were stopped, Ctrl-Z say, and the workers with us: that is not
                # their fault.
                passed, clock = min(now - clock, 2 * poll_seconds), now
                for worker in list(self.workers):
                    worker.seconds += passed
                    if worker.pipe in ready:
                        self._receive(worker)
                    elif worker.tasks and worker.seconds > self.timeout_seconds:
                        self._on_timeout(worker)
                if self.main in ready and not self._accept_job():
                    return
        except (BrokenPipeError, ConnectionResetError):
            return  # the owner is gone
        finally:
            for worker in self.workers:
                os.kill(worker.pid, signal.SIGKILL)
            for worker in self.workers:
                reap(worker.pid)

    def _accept_job(self) -> bool:
        """A new job of the owner's; False if there will be none."""
        try:
            message = self.main.recv()
        except (OSError, EOFError):
            return False
        if message is None:
            return False
        number, tasks = message
        self.jobs[number] = _Job([None] * len(tasks), len(tasks))
        self.waiting.extend(_Task(number, index, content) for index, content in enumerate(tasks))
        return True

    def _assign_tasks(self) -> None:
        while len(self.workers) < min(self.count, len(self.workers) + len(self.waiting)):
            self.workers.append(self._spawn())
        # A second task spares a worker the wait for its next one; where few are left it would only wait
        # behind the first.
        for depth, spare in ((1, 0), (2, len(self.workers))):
            for worker in self.workers:
                if len(worker.tasks) < depth and len(self.waiting) > spare:
                    self._assign(worker, self.waiting.popleft())

    def _assign(self, worker: _Worker, task: _Task) -> None:
        try:
            worker.pipe.send(task.content)
        except OSError:
            self.waiting.appendleft(task)  # it died while idle: its pipe will say so
            return
        worker.seconds = worker.seconds if worker.tasks else 0.0
        worker.tasks.append(task)

    def _spawn(self) -> _Worker:
        parent_end, child_end = Pipe()
        supervisor = os.getpid()

        def run_worker() -> None:
            # With our ends open in a worker, its brothers would not see that we are gone.
            for pipe in (self.main, parent_end, *(worker.pipe for worker in self.workers)):
                pipe.close()
            serve(child_end, self.work, supervisor)

        pid = fork(run_worker)
        child_end.close()
        return _Worker(pid, parent_end)

    def _receive(self, worker: _Worker) -> None:
        try:
            reply = worker.pipe.recv_bytes()
        except (OSError, EOFError):
            self._on_exit(worker)
            return
        worker.seconds = 0.0
        self._answer(worker.tasks.popleft(), reply)

    def _on_exit(self, worker: _Worker) -> None:
        """A worker died: its task is tried once more."""
        how = ending(reap(worker.pid))
        failed = None
        if worker.tasks:
            worker.tasks[0].tries += 1
            failed = worker.tasks.popleft() if worker.tasks[0].tries == TRIES else None
        self._remove(worker)
        if failed is not None:
            self._answer(failed, Lost("crashed", f"the process that read it {how}, for the second time"))

    def _on_timeout(self, worker: _Worker) -> None:
        """A worker took too long: it is ended."""
        os.kill(worker.pid, signal.SIGKILL)
        # Not for ever: one that hangs in the system itself, on a dead network disk say, ends when that does.
        reap(worker.pid)
        late = worker.tasks.popleft()
        self._remove(worker)
        self._answer(
            late,
            Lost("timeout", f"was not read within {self.timeout_seconds:g} seconds (data.timeout_seconds)"),
        )

    def _remove(self, worker: _Worker) -> None:
        worker.pipe.close()
        self.workers.remove(worker)
        self.waiting.extendleft(reversed(worker.tasks))

    def _answer(self, task: _Task, reply: bytes | Lost) -> None:
        job = self.jobs[task.job]
        job.answers[task.index], job.missing = reply, job.missing - 1
        if not job.missing:
            self.main.send((task.job, self.jobs.pop(task.job).answers))


def _shut_down(pipe: Connection, supervisor: int, owner: int) -> None:
    if os.getpid() != owner:
        return
    with contextlib.suppress(OSError):
        pipe.send(None)
    pipe.close()
    if reap(supervisor, 5.0) is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(supervisor, signal.SIGKILL)
        reap(supervisor)
