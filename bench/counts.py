"""Counts every detector anew for `telltale models`, which lists them without torch.

python -m bench.counts          # writes src/telltale/models/counts.json: after a change of a model or of its
config
"""

import json
from pathlib import Path

from telltale import config
from telltale.cli import models
from telltale.config.detectors import DETECTORS


def main() -> None:
    counts = {}
    for name, entry in DETECTORS.items():
        settings = config.read(Path("configs", entry.config))
        counts[name] = {
            "settings": models.fingerprint(settings),
            "counts": models.measure(settings, timed=False),
        }
        print(name, counts[name]["counts"], flush=True)
    models.COUNTS.write_text(json.dumps(counts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
