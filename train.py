"""Train one model and keep everything about it in one folder.

    python train.py --config configs/baseline.yaml --data DIR --out RUN
        [--set optim.epochs=3 ...] [--resume | --force]
    torchrun --nproc-per-node=2 train.py --config configs/audiovisual.yaml --data DIR --out RUN

It is `telltale train`; its steps are in src/telltale/cli/train.py.
"""

import sys

from telltale.cli.train import arguments, main, train

__all__ = ["arguments", "main", "train"]

if __name__ == "__main__":
    sys.exit(main())
