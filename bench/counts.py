"""Counts every detector again for `telltale models`, which lists the counts without torch.

Run it after a change of a model or of its config; it writes src/telltale/models/counts.json:

    python -m bench.counts
"""

import json
from pathlib import Path

from telltale import config
from telltale.config.detectors import DETECTORS
from telltale.train import detector_costs


def main() -> None:
    counts = {}
    for name, entry in DETECTORS.items():
        settings = config.read(Path("configs", entry.config))
        counts[name] = {
            "settings": detector_costs.counted_fingerprint(settings),
            "counts": detector_costs.measure(settings, timed=False),
        }
        print(name, counts[name]["counts"], flush=True)
    detector_costs.COUNTS.write_text(json.dumps(counts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
