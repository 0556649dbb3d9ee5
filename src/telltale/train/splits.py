"""What a run needs to know of its manifests as a whole."""

from telltale.data.manifest import Manifest
from telltale.errors import InputError
from telltale.files import fingerprint
from telltale.runtime.distributed import Process
from telltale.train.context import RunInputs


def data_fingerprint(*splits: Manifest) -> str:
    """16 hex digits of the names, targets and methods of the splits, in order."""
    rows = [[s.split, [[row.video_name, row.target, row.method] for row in s.rows]] for s in splits]
    return fingerprint(rows)


def describe(split: Manifest) -> str:
    """One line on a split: its clips by class, and the files that are left out."""
    line = f"{split.split}: {len(split.rows)} clips, {split.n_genuine} genuine, {split.n_forged} forged"
    left_out = (
        (split.missing, "listed but missing"),
        (split.unlisted, "not listed"),
        (split.held_out, "held out"),
    )
    return line + "".join(f", {len(names)} {what}" for names, what in left_out if names)


def shared_fingerprint(inputs: RunInputs, process: Process) -> str:
    """The fingerprint of a run's data. All processes call it.

    Raises InputError if the processes see different data, or if the run to be resumed had other data.
    """
    data = data_fingerprint(*inputs.splits)
    by_rank = process.gather(data)
    if by_rank != [data] * process.world:
        other = next(rank for rank, digest in enumerate(by_rank) if digest != by_rank[0])
        raise InputError(
            f"--data {inputs.data}: process {other} sees other labels or videos there than process 0; wanted "
            "the same"
        )
    if inputs.resumed is not None and inputs.resumed["data"] != data:
        raise InputError(
            f"{inputs.folder}: was trained on other labels, videos or folds than these; resume with the same "
            "data, or give another --out"
        )
    return data
