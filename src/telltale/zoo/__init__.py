"""The zoo: a drawn data set with many kinds of forgery, on top of `telltale.demo`. Start at `dataset.py`."""
