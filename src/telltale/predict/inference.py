"""Logits of a batch's clips, as fast as the device gives them: the one place that runs a model when nothing
is learnt.

    infer = Inference(model, device, "off")
    logits = infer(batch)                       # float64 (N, V), NaN where a view cannot be used

On CUDA all views of a batch go through the model at once; where memory does not suffice the number is halved,
said once, and kept. On the CPU a few views at a time go through, in each of as many threads as torch has:
threads that share one convolution wait for each other, twice as long in all, and the logits would depend on
how many there are.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from telltale.data.batch import Batch
from telltale.errors import InputError
from telltale.runtime import threads

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
# How many pictures go through a model at once on one core: more leave its caches, fewer waste calls. A view
# counts as 4.
CPU_PICTURES, VIEW_PICTURES = 16, 4


class Inference:
    """A model in evaluation mode on a device. precision: "off", "bf16" or "fp16" autocast. flip: also each
    view's mirror image, whose sound is read once. compiled: torch.compile, which costs minutes and is worth
    them on long runs.
    """

    def __init__(
        self,
        model: nn.Module,
        device: torch.device,
        precision: str,
        *,
        flip: bool = False,
        compiled: bool = False,
    ) -> None:
        self.device, self.precision, self.flip, self.compiled = device, precision, flip, compiled
        self.model = model.to(device).to(memory_format=torch.channels_last)
        self._run: Any = torch.compile(self.model, dynamic=True) if compiled else self.model
        self._most: int | None = None  # views at once, after memory did not suffice
        self._pool: ThreadPoolExecutor | None = None

    def __call__(self, batch: Batch) -> np.ndarray:
        """Logits float64 (N, V), twice as many columns with `flip`. Raises InputError where memory is short
        for one view."""
        self.model.eval()
        count, views = batch.usable.shape
        logits = np.full((count, 1 + self.flip, views), np.nan)
        places = batch.usable.flatten().nonzero().squeeze(1)
        if len(places):
            logits.transpose(1, 0, 2)[:, batch.usable.numpy()] = self._halving(batch, places)
        return logits.reshape(count, -1)

    def _halving(self, batch: Batch, places: Tensor) -> np.ndarray:
        """Logits (1 or 2, K) of the views at `places`, by as many at a time as memory allows."""
        while True:
            step = self._step(batch, len(places))
            try:
                parts = list(self._each(batch, places.split(step)))
                return np.concatenate(parts, axis=1)
            except RuntimeError as error:
                if self.compiled and type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                    why = next(iter(str(error).splitlines()), type(error).__name__)
                    raise InputError(
                        f"predict.compile: torch.compile cannot be used here ({why}); set it to false"
                    ) from None
                if not is_out_of_memory(error):
                    raise
                if step == 1:
                    raise InputError(
                        f"one view of one clip is too much for the memory of {self.device} ({error});"
                        " wanted fewer data.workers, a smaller clip.image_size or model, or another machine"
                    ) from None
            self._most = step // 2
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            print(
                f"{self.device}: out of memory with {step} views at once; going on with {self._most}",
                file=sys.stderr,
                flush=True,
            )

    def _step(self, batch: Batch, count: int) -> int:
        step = count
        if self.device.type == "cpu" and not self.compiled:
            step = CPU_PICTURES // max(
                batch.pictures.shape[2] if batch.pictures.numel() else 0, VIEW_PICTURES
            )
        return max(1, min(step, count, self._most or count))

    def _each(self, batch: Batch, parts: tuple[Tensor, ...]) -> Any:
        if self.device.type != "cpu" or self.compiled:
            return map(self._logits, [batch] * len(parts), parts)
        if self._pool is None:
            count = min(torch.get_num_threads(), threads.cores())
            self._pool = ThreadPoolExecutor(
                count, "inference", initializer=torch.set_num_threads, initargs=(1,)
            )
        return self._pool.map(self._logits, [batch] * len(parts), parts)

    @torch.inference_mode()
    def _logits(self, batch: Batch, places: Tensor) -> np.ndarray:
        inputs = batch.at(places, self.device)
        if self.flip:
            inputs = mirrored(inputs)
        with autocast(self.device, self.precision):
            logit = self._run(**inputs).logit
        return logit.double().cpu().numpy().reshape(1 + self.flip, -1)


def mirrored(inputs: dict[str, Any]) -> dict[str, Any]:
    """A model's arguments for B views → for these and their mirror images, 2 B. The mel stays B rows, which
    both share."""
    pictures, mel = inputs["pictures"], inputs["mel"]
    twice = {name: inputs[name].repeat(2) for name in ("has_picture", "has_sound")}
    twice["frame_seconds"] = inputs["frame_seconds"].repeat(2, 1)
    return {"pictures": torch.cat([pictures, pictures.flip(-1)]), "mel": mel, **twice}


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    return nullcontext() if precision == "off" else torch.autocast(device.type, DTYPES[precision])


def is_out_of_memory(error: RuntimeError) -> bool:
    # torch has a class for CUDA's; on the CPU its allocator says so in words.
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
