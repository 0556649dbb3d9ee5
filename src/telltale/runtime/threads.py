"""How many threads this process and its workers use: the one place that says so. It imports nothing heavy,
for it comes first.

One core, one thread: the workers are the parallelism of decoding, and threads of OpenMP, BLAS and OpenCV
would fight over their cores with them.
"""

import os


def set_environment() -> None:
    """What OpenMP and BLAS read once, when torch and numpy are loaded: a program of ours calls it first.
    Nobody else does, for the environment of a process that only imports telltale is its owner's."""
    # torch's OpenMP threads spin while they wait for each other, which on shared or overcommitted cores costs
    # many times the work itself.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # numpy's BLAS multiplies nothing larger than the mel filter bank here: its threads cost more than they
    # give.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def of_process(threads: int) -> None:
    """The main process: `threads` > 0 sets torch's CPU threads, 0 leaves them to torch."""
    if threads:
        import torch

        torch.set_num_threads(threads)


def of_worker() -> None:
    """A worker process: one core's worth."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(0)


def cores(quota: str = "/sys/fs/cgroup/cpu.max") -> int:
    """Cores that this process may use: its affinity, and no more than a container's CPU quota (cgroup v2)."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        with open(quota) as file:  # noqa: PTH123 - pathlib is not loaded yet, and this module comes first
            allowed, period = file.read().split()
        return max(1, min(count, -(-int(allowed) // int(period))))
    except (OSError, ValueError):  # no such system, or "max": no quota
        return count
