"""From a trained model to scores: inference, the run over many clips, forgery maps and the output files."""
