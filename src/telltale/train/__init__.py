"""Training: the loop, objectives, losses, the optimiser, the state that is saved, and the folder of a run."""
