"""Figures and tables of results. Nothing here imports torch."""
