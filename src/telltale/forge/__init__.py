"""Forgeries made of genuine pictures in training: `selfblend` blends a frame into itself, `face` says where
the face is."""
