"""Scores of clips and their files: scores.csv, the journal of a prediction, the side file, the submission."""
