"""What reading features costs, said before it takes long."""

from collections.abc import Sequence
from pathlib import Path

from telltale.data.manifest import Row
from telltale.predict import prediction
from telltale.runtime import distributed
from telltale.study.folder import StudyFolder
from telltale.study.runs import CHEAP_PASSES, SAMPLE, duration


def announce(study: StudyFolder, checkpoint: Path, rows: Sequence[Row]) -> None:
    """Print how long the features of `rows` take, if that may be more than five minutes. The cost of a clip
    is measured once and kept in the study."""
    if len(rows) <= CHEAP_PASSES or (study.path / "features.npz").exists():
        return
    settings, _ = prediction.read(checkpoint, [])

    def measured() -> float:
        from telltale.train import planning

        paths = [row.path for row in rows[:: max(1, len(rows) // SAMPLE)][:SAMPLE]]
        with distributed.join(settings.threads) as process:
            return planning.measure(settings, paths, process, settings.predict.spans).predict_clip_seconds

    seconds = study.step("cost", measured) * len(rows)
    print(f"features of {len(rows)} clips: about {duration(seconds)} by a short measurement", flush=True)
