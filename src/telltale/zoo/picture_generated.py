"""Faces and mouths drawn by the trained generators."""

from dataclasses import replace

import numpy as np

from telltale.demo.forge_picture import on_picture
from telltale.demo.identity import draw_scene
from telltale.demo.motion import Motion
from telltale.zoo.blend import COLOURS, merge
from telltale.zoo.crop import crops, placed
from telltale.zoo.picture_swap import fitted
from telltale.zoo.take import Forger, Take, inner_face, mouth, pick, tracked


def recode(upsampling: str) -> Forger:
    """The face coded and drawn again by a face generator, as itself."""

    def forge(rng: np.random.Generator, take: Take) -> np.ndarray:
        given = crops(take.shot, _side())
        still = int(rng.integers(len(given)))
        return _with_faces(
            rng, take, f"face_{upsampling}", given, np.repeat(given[still : still + 1], len(given), 0)
        )

    return forge


def exchange(upsampling: str) -> Forger:
    """The face coded, and drawn again by a face generator as the donor's."""

    def forge(rng: np.random.Generator, take: Take) -> np.ndarray:
        shot = take.shot
        given = crops(shot, _side())
        still = int(rng.integers(len(given)))
        light = take.scene if rng.random() < 0.5 else replace(draw_scene(rng), zoom=shot.zoom)
        other = crops(take.render(take.donor, light, _at(shot.motion, still)), _side())
        return _with_faces(rng, take, f"face_{upsampling}", given, np.repeat(other[:1], len(given), 0))

    return forge


def new_mouth(upsampling: str) -> Forger:
    """The lower face drawn by a mouth generator for the lips of `take.said`."""

    def forge(rng: np.random.Generator, take: Take) -> np.ndarray:
        from telltale.zoo.training import mouth_planes  # loads torch

        shot = take.shot
        given = crops(shot, _side())
        still = int(rng.integers(len(given)))
        planes = mouth_planes(
            given, np.repeat(given[still : still + 1], len(given), 0), take.said.mouth_at(take.times)
        )
        return _pasted(
            rng, take, _drawn(take, f"mouth_{upsampling}", planes), mouth(shot, rng.uniform(0.9, 1.05))
        )

    return forge


def any_mouth(rng: np.random.Generator, take: Take) -> np.ndarray:
    """The lower face drawn by a mouth generator with any of the upsamplings."""
    from telltale.zoo.generator import UPSAMPLINGS

    return new_mouth(pick(rng, UPSAMPLINGS))(rng, take)


def _side() -> int:
    from telltale.zoo.generator import SIDE

    return SIDE


def _at(motion: Motion, frame: int) -> Motion:
    """The motion of one frame alone."""
    return Motion(**{name: values[frame : frame + 1] for name, values in vars(motion).items()})


def _drawn(take: Take, name: str, planes: np.ndarray) -> np.ndarray:
    from telltale.zoo.generator import draw

    return draw(take.trained, name, planes)


def _with_faces(
    rng: np.random.Generator, take: Take, name: str, given: np.ndarray, reference: np.ndarray
) -> np.ndarray:
    from telltale.zoo.training import as_planes

    planes = np.concatenate([as_planes(given), as_planes(reference)], axis=1)
    return _pasted(rng, take, _drawn(take, name, planes), inner_face(take.shot, rng.uniform(0.9, 1.1)))


def _pasted(rng: np.random.Generator, take: Take, faces: np.ndarray, area: np.ndarray) -> np.ndarray:
    """The frames with drawn faces, uint8 (T, side, side, 3), in `area` of the canvas."""
    shot = take.shot
    back = np.stack([placed(shot, t, face) for t, face in enumerate(faces[:4])])
    inside = on_picture(shot, 0, area) > 0.5
    recolour = fitted(rng, shot.pixels, back, inside, COLOURS[1:])
    blend, error = pick(rng, ("feathered", "poisson", "pyramid")), rng.uniform(0.1, 0.5)
    out = np.empty_like(shot.pixels)
    for t, frame in enumerate(shot.pixels):
        out[t] = merge(blend, frame, recolour(placed(shot, t, faces[t])), tracked(rng, shot, t, area, error))
    return out
