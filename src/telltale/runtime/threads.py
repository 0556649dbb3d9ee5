"""How many threads this process and its workers use. No other module decides that.

One core, one thread: decoding is parallel by worker processes, and threads of OpenMP, BLAS and OpenCV would
    compete with
them for the cores. This module imports nothing slow, because it must run before torch and numpy are imported.
"""

import os


def set_environment() -> None:
    """Set what OpenMP and BLAS read when torch and numpy are imported.

    Our programs call it first. The library does not, because the environment of a process that only imports
    telltale belongs to its owner.
    """
    # By default torch's OpenMP threads spin while they wait for each other. On shared cores that costs many
    # times the work itself.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # The largest matrix product of numpy here is the mel filter bank: BLAS threads cost more than they give.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def of_process(threads: int) -> None:
    """Set torch's CPU threads in the main process; 0 leaves them to torch."""
    if threads:
        import torch

        torch.set_num_threads(threads)


def of_worker() -> None:
    """Set the threads of a worker process: one."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(0)


def cores(quota: str = "/sys/fs/cgroup/cpu.max") -> int:
    """Cores that this process may use: its affinity, limited by a container's CPU quota (cgroup v2)."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        with open(quota) as file:  # noqa: PTH123 - pathlib is not imported yet
            allowed, period = file.read().split()
        return max(1, min(count, -(-int(allowed) // int(period))))
    except (OSError, ValueError):  # no such system, or "max": no quota
        return count
