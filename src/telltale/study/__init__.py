"""Studies: many runs that together answer a question, each in one folder. Start at `runs.py`."""
