"""Forgeries that training makes of genuine clips: `selfblend` blends a frame into itself, `face` says where
the face is."""
