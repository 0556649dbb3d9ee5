"""README.md of a bundle, which an organiser reads first."""

import textwrap
from pathlib import Path

from telltale.reproduce.bundle import Bundle, scores_in


def readme(bundle: Bundle, audit: str) -> str:
    """The text of README.md. audit: the verdict of the run's audit in one line."""
    sets = "\n".join(f"- `{one.videos}/`: `{scores_in(Path(), one.name).as_posix()}`" for one in bundle.sets)
    seeds = "only weights that are the same to the bit pass,\nsince no spread over seeds was measured"
    if bundle.spread is not None:
        low, high, known = bundle.spread.low, bundle.spread.high, ", ".join(map(str, bundle.spread.seeds))
        seeds = (
            f"validation AUC must lie in [{low:.4f}, {high:.4f}], where the seeds {known} put one more "
            "run of\n"
        )
        seeds += "this configuration, unless the weights are equal"
    return textwrap.dedent("""\
        # Bundle of {model}, {digest}

        Validation AUC {auc:.6f}. Made {date} with telltale {code}.

        {audit}

        Scores of the videos in these folders of the data:

        {sets}

        ## To get these numbers again

        `source/` holds the program and its image's recipe; its `docs/organiser.md` has each step.

        ```
        export HOST_UID=$(id -u) HOST_GID=$(id -g)
        export BUNDLE_DIR=$PWD DATA_DIR=/path/to/data OUTPUT_DIR=/path/to/output
        cd source
        docker compose build
        docker compose run --rm reproduce --tier scores      # seconds: metrics and figures, from score files
        docker compose run --rm reproduce --tier weights     # minutes: every video scored again
        docker compose run --rm reproduce --tier train       # as long as training took{processes}
        ```

        Each prints PASS or FAIL with its reasons, and ends with status 0 or 1. A fake probability may move by
        {probability:g} and an AUC by {auc_tolerance:g}; after training, {seeds}.
        """).format(
        model=bundle.model,
        digest=bundle.model_sha256[:16],
        auc=bundle.validation_auc,
        date=bundle.date,
        code=bundle.code,
        audit=audit,
        sets=sets,
        processes="" if bundle.processes == (1,) else f", in {max(bundle.processes)} processes by torchrun",
        probability=bundle.tolerances["fake_probability"],
        auc_tolerance=bundle.tolerances["auc"],
        seeds=seeds,
    )
