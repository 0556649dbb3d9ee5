"""Telltale: audio-visual deepfake detection, from label files to a submission that explains itself."""

import os

__version__ = "0.1.0"

# torch's OpenMP threads spin while they wait for each other, which on shared or overcommitted cores costs many times the work
# itself. It is read once, when torch is loaded: before every module of ours.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# numpy's BLAS multiplies nothing larger than the mel filter bank here. Its threads cost more than they give: each loader worker
# would start one for each core.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
