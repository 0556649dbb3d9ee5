"""`Supervisor`: the process between the owner of a `pool.WorkerPool` and its workers. It hands out tasks, and
replaces workers that hang or die."""

import os
import signal
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any

from telltale.runtime.process import describe_exit, fork, reap, serve

# Workers that may die on a task before it is lost. The first may have died by chance: if memory runs out the
# system ends any process.
MAX_DEATHS = 2
# The supervisor looks at least this often whether a worker is late and whether the owner still runs.
POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Lost:
    """The answer to a task that has none.

    status: "timeout" or "crashed".
    reason: the rest of a sentence that begins with the task.
    """

    status: str
    reason: str


@dataclass
class _Task:
    """Task number `index` of job number `job`. deaths: workers that died on it so far."""

    job: int
    index: int
    content: Any
    deaths: int = 0


@dataclass
class _Job:
    """The pickled answers that a job has so far, in the order of its tasks, and how many are missing."""

    answers: list[bytes | Lost | None]
    missing: int


@dataclass
class _Worker:
    """A worker process.

    pipe: the supervisor's end of its pipe.
    tasks: what it was sent and has not answered. It works on the first; a second one waits in the pipe.
    seconds: how long it has worked on the first.
    """

    pid: int
    pipe: Connection
    tasks: deque[_Task] = field(default_factory=deque)
    seconds: float = 0.0


class Supervisor:
    """What the supervisor's process runs.

    owner_pipe: its end of the pipe to the owner.
    work, count, timeout_seconds: as of `WorkerPool`, `count` being `workers`.
    """

    def __init__(
        self, owner_pipe: Connection, work: Callable[[Any], Any], count: int, timeout_seconds: float
    ) -> None:
        self.owner_pipe, self.work = owner_pipe, work
        self.count, self.timeout_seconds = count, timeout_seconds
        self.workers: list[_Worker] = []
        self.waiting: deque[_Task] = deque()
        self.jobs: dict[int, _Job] = {}

    def run(self, owner: int) -> None:
        """Serve until the owner says that it is done, or is gone.

        EOF on the pipe is not enough to see that the owner is gone: a process that it forked may hold the
            other end
        open. So the parent's id is checked, too.
        """
        poll_seconds = min(POLL_SECONDS, self.timeout_seconds / 4)
        clock = time.monotonic()
        try:
            while os.getppid() == owner:
                self._assign_tasks()
                pipes = [self.owner_pipe, *(worker.pipe for worker in self.workers)]
                ready = wait(pipes, poll_seconds)
                now = time.monotonic()
                # `wait` returns after `poll_seconds`. If much more has passed, all processes were stopped, by
                # Ctrl-Z say, and the workers are not late.
                passed, clock = min(now - clock, 2 * poll_seconds), now
                for worker in list(self.workers):
                    worker.seconds += passed
                    if worker.pipe in ready:
                        self._receive(worker)
                    elif worker.tasks and worker.seconds > self.timeout_seconds:
                        self._on_timeout(worker)
                if self.owner_pipe in ready and not self._accept_job():
                    return
        except (BrokenPipeError, ConnectionResetError):
            return  # the owner is gone
        finally:
            for worker in self.workers:
                os.kill(worker.pid, signal.SIGKILL)
            for worker in self.workers:
                reap(worker.pid)

    def _accept_job(self) -> bool:
        """Queue the tasks of a new job. False if the owner will send no more."""
        try:
            message = self.owner_pipe.recv()
        except (OSError, EOFError):
            return False
        if message is None:
            return False
        number, tasks = message
        self.jobs[number] = _Job([None] * len(tasks), len(tasks))
        self.waiting.extend(_Task(number, index, content) for index, content in enumerate(tasks))
        return True

    def _assign_tasks(self) -> None:
        """Send tasks to the workers that have room for one; fork workers if there are too few."""
        while len(self.workers) < min(self.count, len(self.workers) + len(self.waiting)):
            self.workers.append(self._spawn())
        # First one task for each worker. Then a second one, which spares the worker the wait for its next
        # task; but only while there are more than workers, because behind a long task it would wait although
        # another worker is free.
        for depth, spare in ((1, 0), (2, len(self.workers))):
            for worker in self.workers:
                if len(worker.tasks) < depth and len(self.waiting) > spare:
                    self._assign(worker, self.waiting.popleft())

    def _assign(self, worker: _Worker, task: _Task) -> None:
        try:
            worker.pipe.send(task.content)
        except OSError:
            self.waiting.appendleft(task)  # the worker died while idle; EOF on its pipe comes next
            return
        worker.seconds = worker.seconds if worker.tasks else 0.0
        worker.tasks.append(task)

    def _spawn(self) -> _Worker:
        supervisor_end, worker_end = Pipe()
        supervisor = os.getpid()

        def run_worker() -> None:
            # Close all of the supervisor's pipe ends here. Otherwise neither the owner nor the other workers
            # see EOF when the supervisor exits.
            for pipe in (self.owner_pipe, supervisor_end, *(worker.pipe for worker in self.workers)):
                pipe.close()
            serve(worker_end, self.work, supervisor)

        pid = fork(run_worker)
        worker_end.close()
        return _Worker(pid, supervisor_end)

    def _receive(self, worker: _Worker) -> None:
        """Take the answer that a worker sent, or the EOF that says that it is gone."""
        try:
            reply = worker.pipe.recv_bytes()
        except (OSError, EOFError):
            self._on_exit(worker)
            return
        worker.seconds = 0.0
        self._answer(worker.tasks.popleft(), reply)

    def _on_exit(self, worker: _Worker) -> None:
        """A worker died. Its first task is tried once more, by another worker."""
        how = describe_exit(reap(worker.pid))
        lost = None
        if worker.tasks:
            worker.tasks[0].deaths += 1
            lost = worker.tasks.popleft() if worker.tasks[0].deaths == MAX_DEATHS else None
        self._remove(worker)
        if lost is not None:
            self._answer(lost, Lost("crashed", f"the process that read it {how}, for the second time"))

    def _on_timeout(self, worker: _Worker) -> None:
        """A worker is late. It is ended, and its first task is lost."""
        os.kill(worker.pid, signal.SIGKILL)
        # `reap` gives up after a second: a process that hangs in the kernel, on a dead network disk say, ends
        # only when that does.
        reap(worker.pid)
        late = worker.tasks.popleft()
        self._remove(worker)
        limit = f"{self.timeout_seconds:g} seconds (data.timeout_seconds)"
        self._answer(late, Lost("timeout", f"was not read within {limit}"))

    def _remove(self, worker: _Worker) -> None:
        """Forget a worker that is gone. Its other tasks go back to the front of the queue."""
        worker.pipe.close()
        self.workers.remove(worker)
        self.waiting.extendleft(reversed(worker.tasks))

    def _answer(self, task: _Task, reply: bytes | Lost) -> None:
        """Note an answer, and send the job to the owner when it is the last one."""
        job = self.jobs[task.job]
        job.answers[task.index], job.missing = reply, job.missing - 1
        if not job.missing:
            self.owner_pipe.send((task.job, self.jobs.pop(task.job).answers))
