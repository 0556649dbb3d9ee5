"""`telltale VERB ...`: everything that users type, one module per verb, imported only when the verb is
called.

A verb's module has `add_arguments(parser)` and `run(args)`, which returns the exit status.
"""

import argparse
import difflib
import importlib
import sys

from telltale import __version__
from telltale.runtime.entry import guarded

VERBS = {
    "train": "train one model and keep everything about it in one folder",
    "predict": "score videos with a trained model and write submission.csv",
    "demo": "make demo data, train on it, predict, evaluate: the whole walk in minutes",
    "demo-data": "write a data set of our own making in the competition's layout",
    "runs": "training runs side by side: what differs, and what came of each",
    "keys": "every key of the configuration: default, range, meaning",
    "models": "every detector: source, inputs, parameters, multiply-adds, time per clip",
    "audit": "show whether a run keeps the competition's rules",
    "fetch-weights": "put ImageNet-1K weights where an offline run finds them",
    "cache": "build, look at or prune a decode-once store",
    "plan": "what a run over N clips will cost here in time, disk and memory",
    "evaluate": "metrics, intervals and plots from a label file and a score file",
    "validate-submission": "check a submission as an organiser's script would",
    "submit-log": "what was submitted when, and which score came back",
    "bundle": "a run with all that shows where its numbers come from, in one folder",
    "reproduce": "get a bundle's numbers again: from scores, from weights, or by training",
    "selftest": "whether this machine decodes and scores as a bundle's did; --gpu: what only a GPU can show",
}


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and run the verb; returns the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="telltale", description="Audio-visual deepfake detection.")
    parser.add_argument("--version", action="version", version=f"telltale {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    chosen = next((word for word in given if not word.startswith("-")), None)
    if chosen is not None and chosen not in VERBS:
        meant = difflib.get_close_matches(chosen, VERBS, 1)
        parser.error(
            f"unknown verb {chosen}; "
            + (f"did you mean {meant[0]}?" if meant else f"wanted one of {', '.join(VERBS)}")
        )
    module = None
    for verb, summary in VERBS.items():
        subparser = verbs.add_parser(verb, help=summary, formatter_class=argparse.RawDescriptionHelpFormatter)
        if verb == chosen:
            module = importlib.import_module(f"telltale.cli.{verb.replace('-', '_')}")
            subparser.description = module.__doc__
            module.add_arguments(subparser)
    parsed = parser.parse_args(given)
    assert module is not None  # argparse has refused every other word
    return guarded(lambda: module.run(parsed), f"telltale {chosen}")
