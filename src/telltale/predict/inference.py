"""Logits of a batch's clips. Validation, prediction and maps all run their models through this file.

    infer = Inference(model, device, "off")
    logits = infer(batch)                       # float64 (N, V), NaN for a view that cannot be used
    features = infer.features(batch)            # float32 (N, D), NaN for a clip that cannot be used

On CUDA all views of a batch go through the model at once. If memory runs out, the number of views is halved,
with a message, and stays at that. On the CPU each of torch's threads takes a few views at a time and computes
on one core. Threads that share a convolution instead would take twice as long, and the last bits of the
logits would depend on the number of threads.
"""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from telltale.data.batch import Batch
from telltale.errors import InputError
from telltale.models.output import Output
from telltale.runtime import threads

Compute: TypeAlias = Callable[[Batch, Tensor], np.ndarray]

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
# Pictures that go through a model at once on one core. More would not fit its caches, fewer waste time on
# calls. A view counts as 4 pictures at least.
CPU_PICTURES, VIEW_PICTURES = 16, 4


class Inference:
    """A model in evaluation mode on a device.

    precision: of autocast, "off", "bf16" or "fp16"
    flip: whether to score each view's mirror image too; its sound is the same
    compiled: whether to use torch.compile, which takes minutes and pays off on long runs
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
        self._most: int | None = None  # views at once, set after memory ran out
        self._pool: ThreadPoolExecutor | None = None

    def __call__(self, batch: Batch) -> np.ndarray:
        """Logits float64 (N, V), or (N, 2 V) with `flip`: the mirror images after the views.

        Raises InputError if memory does not suffice for one view, or if torch.compile does not work.
        """
        self.model.eval()
        count, views = batch.usable.shape
        logits = np.full((count, 1 + self.flip, views), np.nan)
        views_used = batch.usable.flatten().nonzero().squeeze(1)
        if len(views_used):
            logits.transpose(1, 0, 2)[:, batch.usable.numpy()] = self._halving(
                batch, views_used, self._logits
            )
        return logits.reshape(count, -1)

    def heads(self, batch: Batch) -> dict[str, np.ndarray]:
        """What the model says of each view, by name: "" is its logit, the others are `Output.heads`. Each
        float64 (N, V), NaN for a view that cannot be used; no mirror images.

        Raises InputError as `__call__` does.
        """
        self.model.eval()
        names: list[str] = []

        def compute(batch: Batch, views: Tensor) -> np.ndarray:
            output = self._output(batch, views)
            names[:] = ["", *output.heads]
            said = torch.stack([output.logit, *output.heads.values()], 1).double().cpu().numpy()
            return said.reshape(1 + self.flip, len(views), -1)[:1]

        views_used = batch.usable.flatten().nonzero().squeeze(1)
        if not len(views_used):
            return {"": np.full(batch.usable.shape, np.nan)}
        found = self._halving(batch, views_used, compute)[0]
        said = {name: np.full(batch.usable.shape, np.nan) for name in names}
        for place, values in enumerate(said.values()):
            values[batch.usable.numpy()] = found[:, place]
        return said

    def features(self, batch: Batch) -> np.ndarray:
        """`Output.features`, float32 (N, D): of each clip the mean over its usable views, and over their
        mirror images with `flip`. NaN for a clip without one; D is 0 if the whole batch has none.

        Raises InputError as `__call__` does.
        """
        self.model.eval()
        views = batch.usable.shape[1]
        views_used = batch.usable.flatten().nonzero().squeeze(1)
        if not len(views_used):
            return np.full((len(batch.usable), 0), np.nan, np.float32)
        found = self._halving(batch, views_used, self._features).mean(0, dtype=np.float64)
        sums = np.zeros((len(batch.usable), found.shape[1]))
        np.add.at(sums, views_used.numpy() // views, found)
        counts = batch.usable.sum(1, keepdim=True).numpy()
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).astype(np.float32)

    def _halving(self, batch: Batch, views: Tensor, compute: Compute) -> np.ndarray:
        """What `compute` gives of K views, (1 or 2, K, ...), as many at a time as memory allows. views: their
        indices, long (K,), counted through all clips."""
        while True:
            step = self._step(batch, len(views))
            try:
                parts = list(self._each(partial(compute, batch), views.split(step)))
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
        """How many of `count` views go through the model at once."""
        step = count
        if self.device.type == "cpu" and not self.compiled:
            pictures = batch.pictures.shape[2] if batch.pictures.numel() else 0  # of one view
            step = CPU_PICTURES // max(pictures, VIEW_PICTURES)
        return max(1, min(step, count, self._most or count))

    def _each(self, compute: Callable[[Tensor], np.ndarray], parts: tuple[Tensor, ...]) -> Any:
        if self.device.type != "cpu" or self.compiled:
            return map(compute, parts)
        if self._pool is None:
            count = min(torch.get_num_threads(), threads.cores())
            self._pool = ThreadPoolExecutor(
                count, "inference", initializer=torch.set_num_threads, initargs=(1,)
            )
        return self._pool.map(compute, parts)

    def _logits(self, batch: Batch, views: Tensor) -> np.ndarray:
        return self._output(batch, views).logit.double().cpu().numpy().reshape(1 + self.flip, -1)

    def _features(self, batch: Batch, views: Tensor) -> np.ndarray:
        features = self._output(batch, views).features.float().cpu().numpy()
        return features.reshape(1 + self.flip, len(views), -1)

    @torch.inference_mode()
    def _output(self, batch: Batch, views: Tensor) -> Output:
        inputs = batch.inputs_at(views, self.device)
        if self.flip:
            inputs = mirrored(inputs)
        with autocast(self.device, self.precision):
            return self._run(**inputs)


def mirrored(inputs: dict[str, Any]) -> dict[str, Any]:
    """A model's arguments for B views → for 2 B: the views and their mirror images. The mel keeps B rows,
    which both share."""
    twice = {name: inputs[name].repeat(2) for name in ("has_picture", "has_sound")}
    for name in ("frame_seconds", "mouth_seconds"):
        if name in inputs:
            twice[name] = inputs[name].repeat(2, 1)
    for name in ("pictures", "crops", "mouth"):
        if name in inputs:
            twice[name] = torch.cat([inputs[name], inputs[name].flip(-1)])
    return {**inputs, **twice}


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """torch.autocast on `device`. precision: "off", "bf16" or "fp16"."""
    return nullcontext() if precision == "off" else torch.autocast(device.type, DTYPES[precision])


def is_out_of_memory(error: RuntimeError) -> bool:
    # torch has a class of its own for CUDA. On the CPU only the allocator's message tells.
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
