"""Reproducing a run's numbers: bundles, golden clips, the three tiers, and the check of a GPU."""
