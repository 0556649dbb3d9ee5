"""Score videos with a trained model and write submission.csv, with scores.csv and its origin, scores.json,
beside it.

    python predict.py --checkpoint RUN/best.pt --videos DIR --out submission.csv [--list template.csv]
    torchrun --nproc-per-node=2 predict.py --checkpoint RUN/best.pt --videos DIR --out submission.csv

It is `telltale predict`; its steps are in src/telltale/cli/predict.py.
"""

import sys

from telltale.cli.predict import arguments, main, predict

__all__ = ["arguments", "main", "predict"]

if __name__ == "__main__":
    sys.exit(main())
