"""The demo data set: drawn people who speak, genuine and forged. Start at `dataset.py`."""
