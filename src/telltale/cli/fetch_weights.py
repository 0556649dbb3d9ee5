"""Download the public weights of a configuration's backbones, for training without a network.

Each becomes OUT/<tag>.safetensors, with its address, revision and SHA-256 in OUT/weights.json. Training with
pretrained weights looks there first if OUT is ./weights or the folder that TELLTALE_WEIGHTS names. They are
downloaded even if the file does not set `model.pretrained`, which is often set by --set. A backbone whose
weights come from a file of its own is left out.
"""

import argparse
from pathlib import Path

from telltale.cli.options import add_config, add_overrides


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument(
        "--out", type=Path, help="folder for the weights (default: $TELLTALE_WEIGHTS, else ./weights)"
    )
    add_overrides(parser)


def run(args: argparse.Namespace) -> int:
    from telltale import config

    settings = config.read(args.config, [*args.set, "model.pretrained=true"])
    # Now torch, which takes seconds to load.
    from telltale.competition import rules
    from telltale.config.detectors import DETECTORS
    from telltale.models import hub, weights

    rules.enforce_settings(settings)
    out = args.out or hub.folder()
    for tower in DETECTORS[settings.model.name].towers:
        if (own := getattr(settings.model, f"{tower}_weights")) is not None:
            print(f"{tower}: {own} is named by the configuration; nothing to fetch")
            continue
        if getattr(settings.model, f"{tower}_backbone") is None:
            name = settings.model.picture_detector or settings.model.name
            print(f"{tower}: {name} begins with random weights; nothing to fetch")
            continue
        tag = weights.full_tag(getattr(settings.model, f"{tower}_backbone"), f"model.{tower}_backbone")
        entry = hub.fetch(tag, out)
        print(
            f"{tower}: {out / tag}.safetensors, {entry['bytes']:,} bytes, SHA-256 {entry['sha256']}, from "
            f"{entry['address']}"
        )
    return 0
