"""Telltale: audio-visual deepfake detection, from label files to a submission that explains itself."""

import time

from telltale import threads

__version__ = "0.1.0"

# When the program began, as good as: this is the first of its imports.
STARTED = time.perf_counter()

threads.set_environment()
