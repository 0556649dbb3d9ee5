"""Makes one clip of a zoo: renders, records, forges, adds the nuisances, encodes."""

from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np

from telltale.demo.clip import MARGIN_SECONDS, person
from telltale.demo.encode import to_stereo, write_clip
from telltale.demo.identity import Identity, Scene, Voice, draw_scene
from telltale.demo.motion import move
from telltale.demo.plan import SPLITS
from telltale.demo.render import film, render
from telltale.demo.speech import RATE_HZ, TRACK_HZ, Utterance, record, speak
from telltale.zoo.kinds import FORGERS, OTHER_SPEECH, SOUND_KINDS
from telltale.zoo.nuisance import Nuisance, levelled, processed, toned
from telltale.zoo.plan import ZooPlan
from telltale.zoo.sound_kinds import SoundScene
from telltale.zoo.take import Take

GENERATORS, VOCODER = "generators.pt", "vocoder.npz"  # in the folder of what was trained


@dataclass(frozen=True)
class Studio:
    """What all clips of a data set share: its seed, the side of the pictures in pixels, the folder of what
    was trained."""

    seed: int
    size: int
    trained: Path


def make_clip(plan: ZooPlan, studio: Studio, folder: Path) -> None:
    """Write the clip to folder/SPLIT/NAME. The bytes depend on plan, seed, size and training alone."""
    pixels, samples = forge(plan, studio)
    rng, nuisance = _stream(plan, studio, 9), plan.nuisance
    pixels = processed(rng, nuisance, pixels)
    pixels = film(rng, pixels, replace(draw_scene(rng), noise_levels=0.7, blur_pixels=0.2))
    stereo = to_stereo(rng, levelled(nuisance, samples))
    write_clip(folder / plan.split / plan.video_name, pixels, stereo, nuisance.coding(studio.size))


def forge(plan: ZooPlan, studio: Studio) -> tuple[np.ndarray, np.ndarray]:
    """(pixels, samples) before the nuisances that follow a forgery: uint8 (T, S, S, 3), float32 (N,)."""
    speech = _said(plan, studio)
    donor = None if plan.donor is None else person(studio.seed, plan.donor)
    return _picture(plan, studio, _scene(plan, studio), speech, donor), forge_sound(plan, studio)


def forge_sound(plan: ZooPlan, studio: Studio) -> np.ndarray:
    """The samples of `forge` alone: float32 (N,)."""
    scene, (_, said) = _scene(plan, studio), _said(plan, studio)
    recorded = record(_stream(plan, studio, 5), said.samples, scene)
    if plan.sound_kind in ("", OTHER_SPEECH):
        return _middle(recorded, plan)
    voice = person(studio.seed, plan.identity if plan.donor is None else plan.donor).voice
    other = record(_stream(plan, studio, 7), _speech(_stream(plan, studio, 6), voice, plan).samples, scene)
    sound_scene = SoundScene(
        _middle(recorded, plan),
        _longer(recorded, plan),
        _middle(other, plan),
        _vocoder(studio.trained / VOCODER),
    )
    return SOUND_KINDS[plan.sound_kind].forge(_stream(plan, studio, 10), sound_scene)


def _scene(plan: ZooPlan, studio: Studio) -> Scene:
    nuisance = plan.nuisance
    return replace(
        draw_scene(_stream(plan, studio, 1)), noise_levels=nuisance.noise, blur_pixels=nuisance.blur
    )


def _said(plan: ZooPlan, studio: Studio) -> tuple[Utterance, Utterance]:
    """What was said, and what the mouth has to say."""
    longer = _speech(_stream(plan, studio, 2), person(studio.seed, plan.identity).voice, plan)
    if plan.sound_kind != OTHER_SPEECH:
        return longer, longer
    speaker = plan.identity if plan.donor is None else plan.donor
    return longer, _speech(_stream(plan, studio, 6), person(studio.seed, speaker).voice, plan)


def _picture(
    plan: ZooPlan, studio: Studio, scene: Scene, speech: tuple[Utterance, Utterance], donor: Identity | None
) -> np.ndarray:
    """The frames, forged if planned. speech: what was said, and what the mouth has to say."""
    times = np.arange(plan.frames) / float(plan.nuisance.rate)
    own, said = (each.cut(MARGIN_SECONDS, plan.seconds) for each in speech)
    identity = person(studio.seed, plan.identity)
    shot = render(identity, scene, move(_stream(plan, studio, 3), own, times), studio.size)
    tone = partial(toned, plan.nuisance)
    shot = replace(shot, pixels=film(_stream(plan, studio, 4), tone(shot.pixels), scene))
    if not plan.picture_kind:
        return shot.pixels
    take = Take(
        shot=shot,
        scene=scene,
        donor=donor or identity,
        times=times,
        toned=tone,
        said=said,
        trained=studio.trained / GENERATORS,
    )
    return FORGERS[plan.picture_kind](_stream(plan, studio, 8), take)


def _speech(rng: np.random.Generator, voice: Voice, plan: ZooPlan) -> Utterance:
    """Speech with margins at both ends, silent for the drawn time after the first and before the second."""
    seconds = plan.seconds + 2 * MARGIN_SECONDS
    return _hushed(speak(rng, voice, seconds), plan.nuisance, seconds)


def _hushed(utterance: Utterance, nuisance: Nuisance, seconds: float) -> Utterance:
    def loudness(at: np.ndarray) -> np.ndarray:
        out = np.ones_like(at)
        for start, length in (
            (MARGIN_SECONDS, nuisance.lead),
            (seconds - MARGIN_SECONDS - nuisance.trail, nuisance.trail),
        ):
            if length:
                outside = np.maximum(start - at, at - start - length)
                out *= np.clip(outside / 0.03, 0, 1)
        return out

    samples = utterance.samples * loudness(np.arange(len(utterance.samples)) / RATE_HZ)
    lips = utterance.lips * loudness(np.arange(len(utterance.lips)) / TRACK_HZ)[:, None]
    return Utterance(samples.astype(np.float32), lips)


def _longer(samples: np.ndarray, plan: ZooPlan) -> np.ndarray:
    """The recording with margins of exactly the same length."""
    return samples[: 2 * round(MARGIN_SECONDS * RATE_HZ) + round(plan.seconds * RATE_HZ)]


def _middle(samples: np.ndarray, plan: ZooPlan) -> np.ndarray:
    first = round(MARGIN_SECONDS * RATE_HZ)
    return samples[first : first + round(plan.seconds * RATE_HZ)]


@cache
def _vocoder(path: Path) -> dict[str, np.ndarray] | None:
    if not path.exists():
        return None
    with np.load(path) as arrays:
        return dict(arrays)


def _stream(plan: ZooPlan, studio: Studio, purpose: int) -> np.random.Generator:
    """A generator whose numbers depend on the seed, the clip and the purpose alone, not on the call order."""
    return np.random.default_rng([studio.seed, 43, SPLITS.index(plan.split), plan.index, purpose])
