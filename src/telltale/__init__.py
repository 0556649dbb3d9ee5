"""Telltale: audio-visual deepfake detection, from label files to a submission that explains itself."""

__version__ = "0.1.0"
