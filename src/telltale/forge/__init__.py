"""Forgeries that training makes of genuine clips.

`pseudo` makes those of which the falsified cue, the seconds and the pixels are known: of pictures, of their
motion, of sound, and of the relation between them. `selfblend` blends a frame into itself, as published.
`face` says where the face is.
"""
