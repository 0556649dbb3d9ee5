"""Single processes below `crew`: how one is forked, what a worker does all its life, and how one ended."""

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
class RemoteError:
    error: Exception
    trace: str


class WorkerTrace(Exception):
    """The traceback of an exception in a worker, as the cause of the same exception here."""

    def __str__(self) -> str:
        return f"in a worker process\n{self.args[0]}"


def serve(pipe: Connection, work: Callable[[Any], Any], supervisor: int) -> None:
    """A worker's life: it answers each task that its pipe brings, and ends with the pipe or with the process
    `supervisor`."""
    if sys.platform == "linux":
        # The end of the foreman's pipe ends an idle worker; one that hangs in a clip does not look.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        return
    threads.of_worker()
    try:
        while True:
            task = pipe.recv()
            try:
                reply = pickle.dumps(work(task))
            except Exception as error:
                reply = _pack_error(error)
            pipe.send_bytes(reply)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _pack_error(error: Exception) -> bytes:
    trace = "".join(traceback.format_exception(error))
    try:
        reply = pickle.dumps(RemoteError(error, trace))
        pickle.loads(reply)
    except Exception:  # not every exception can be sent
        return pickle.dumps(RemoteError(RuntimeError(f"{type(error).__name__}: {error}"), trace))
    return reply


def fork(body: Callable[[], None]) -> int:
    """Run `body` in a child process, whose id is returned."""
    # Until the child has its own handlers, a signal to the whole group must not run the parent's in it.
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
        # Nothing of the parent's may run on here: neither its handlers at exit nor what stands in its
        # buffers.
        os._exit(status)


def reap(pid: int, patience_seconds: float = 1.0) -> int | None:
    """The exit code of a child that ends now, -9 for SIGKILL; None if it does not end, or was reaped
    before."""
    until = time.monotonic() + patience_seconds
    while True:
        try:
            done, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return None
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until:
            return None
        time.sleep(0.001)


def ending(code: int | None) -> str:
    if code is None:
        return "is gone"
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
