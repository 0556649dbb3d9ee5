"""Single processes below `pool.WorkerPool`: how one is forked, what a worker runs, and how one ended."""

import ctypes
import os
import pickle
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from telltale.runtime import threads

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class RemoteFailure:
    """An exception that `work` raised in a worker, and its traceback as text."""

    error: Exception
    trace: str


class WorkerTrace(Exception):
    """The traceback of an exception in a worker. It is the cause of the same exception in the owner."""

    def __str__(self) -> str:
        return f"in a worker process\n{self.args[0]}"


def serve(pipe: Connection, work: Callable[[Any], Any], supervisor: int) -> None:
    """Run as a worker: answer each task of the pipe with the pickled `work(task)`.

    Returns if the other end of the pipe is closed, or if the process `supervisor` is gone.
    """
    if sys.platform == "linux":
        # EOF on the pipe ends an idle worker. One that hangs in a clip does not read the pipe: let the kernel
        # kill it when the supervisor dies.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:  # it died before prctl
        return
    threads.of_worker()
    try:
        while True:
            task = pipe.recv()
            try:
                reply = pickle.dumps(work(task))
            except Exception as error:
                reply = _pack_failure(error)
            pipe.send_bytes(reply)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _pack_failure(error: Exception) -> bytes:
    trace = "".join(traceback.format_exception(error))
    try:
        reply = pickle.dumps(RemoteFailure(error, trace))
        pickle.loads(reply)
    except Exception:  # not every exception can be pickled and unpickled
        return pickle.dumps(RemoteFailure(RuntimeError(f"{type(error).__name__}: {error}"), trace))
    return reply


def fork(body: Callable[[], None]) -> int:
    """Run `body` in a child process. Returns its id."""
    # A signal to the whole process group must not run the parent's handlers in the child, before the child
    # has its own.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    if pid := os.fork():
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return pid
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        body()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        # No `sys.exit`: the parent's exit handlers must not run in the child, nor its buffers be written
        # twice.
        os._exit(status)


def reap(pid: int, patience_seconds: float = 1.0) -> int | None:
    """Wait for a child that is about to end, and return its exit code: -9 for SIGKILL. None if it does not
    end in time, or was reaped before."""
    until = time.monotonic() + patience_seconds
    while True:
        try:
            ended, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return None
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until:
            return None
        time.sleep(0.001)


def describe_exit(code: int | None) -> str:
    """How a process ended, as the end of a sentence. code: as of `reap`."""
    if code is None:
        return "is gone"
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
