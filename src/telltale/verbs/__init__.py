"""The verbs of `telltale VERB`, one module each with `add_arguments(parser)` and `run(args)`, which returns the exit status."""
