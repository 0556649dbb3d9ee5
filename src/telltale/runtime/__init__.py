"""What programs run on: worker processes, threads, signals, ranks, progress, and a description of the
machine."""
