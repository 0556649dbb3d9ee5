"""Decoding: a path and times in, `Frames` or `Wave` with their times out, or a `DecodeError` that says why
not."""
