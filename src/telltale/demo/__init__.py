"""The demo data set: invented people who speak, and forgeries done to them. Start at `dataset.py`."""
