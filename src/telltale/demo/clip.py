"""Makes one clip of a plan: a person speaks, is filmed and recorded, perhaps forged, and encoded."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from telltale.demo import forge_picture, forge_sound
from telltale.demo.encode import FRAME_RATE, to_stereo, write_clip
from telltale.demo.identity import Identity, Scene, draw_identity, draw_scene
from telltale.demo.motion import move
from telltale.demo.plan import SPLITS, ClipPlan
from telltale.demo.render import film, render
from telltale.demo.speech import Utterance, record, speak

MARGIN_SECONDS = (
    0.85  # everyone speaks this much longer at both ends, so a shifted sound has no gap to give it away
)


def person(seed: int, number: int) -> Identity:
    """Identity `number` of the data set of `seed`."""
    return draw_identity(np.random.default_rng([seed, 1, number]))


def make_clip(plan: ClipPlan, seed: int, size: int, folder: Path) -> None:
    """Writes `folder`/split/name. A function of its arguments alone: any process makes the same bytes."""
    pixels, samples = forge(plan, seed, size)
    rng = _stream(plan, seed, 9)
    # The last step, alike for all: a little noise, stereo, one encoder at a rate of its own.
    pixels = film(rng, pixels, replace(draw_scene(rng), noise_levels=1.0, blur_pixels=0.2))
    bit_rate = round(rng.uniform(450_000, 650_000) * (size / 160) ** 2)
    write_clip(folder / plan.split / plan.video_name, pixels, to_stereo(rng, samples), bit_rate)


def forge(plan: ClipPlan, seed: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (T, S, S, 3) uint8 and mono samples (N,) float32 of the finished clip before encoding."""
    identity = person(seed, plan.identity)
    scene = draw_scene(_stream(plan, seed, 1))
    seconds = plan.frames / FRAME_RATE
    times = np.arange(plan.frames) / FRAME_RATE
    rng = _stream(plan, seed, 8)
    running = speak(_stream(plan, seed, 2), identity.voice, seconds + 2 * MARGIN_SECONDS)
    said = running.cut(MARGIN_SECONDS, seconds)
    shot = render(identity, scene, move(_stream(plan, seed, 3), said, times), size)
    shot = replace(shot, pixels=film(_stream(plan, seed, 4), shot.pixels, scene))
    heard, pixels = said, shot.pixels
    if plan.kind == "face_swap":
        pixels = forge_picture.swap_face(rng, shot, _donor(plan, seed), draw_scene(rng))
    elif plan.kind == "mouth_regenerated":
        heard = speak(rng, identity.voice, seconds + 2 * MARGIN_SECONDS).cut(MARGIN_SECONDS, seconds)
        pixels = forge_picture.regenerate_mouth(rng, shot, scene, heard, times)
    elif plan.kind == "face_resampled":
        pixels = forge_picture.resample_face(rng, shot)
    elif plan.kind == "whole_face_reenacted":
        pixels = forge_picture.reenact_face(rng, shot)
    elif plan.kind == "sound_shifted":
        heard = running.cut(
            MARGIN_SECONDS + rng.uniform(0.3, 0.8) * (1 if rng.random() < 0.5 else -1), seconds
        )
    elif plan.kind == "sound_replaced":
        heard = speak(rng, _donor(plan, seed).voice, seconds + 2 * MARGIN_SECONDS).cut(
            MARGIN_SECONDS, seconds
        )
    samples = _recorded(plan, seed, heard, scene)
    if plan.kind == "voice_resynthesised":
        samples = forge_sound.resynthesise(rng, samples)
    elif plan.kind == "voice_converted":
        samples = forge_sound.convert_voice(rng, samples)
    return pixels, samples


def _recorded(plan: ClipPlan, seed: int, heard: Utterance, scene: Scene) -> np.ndarray:
    return record(_stream(plan, seed, 5), heard.samples, scene)


def _donor(plan: ClipPlan, seed: int) -> Identity:
    assert plan.donor is not None, plan
    return person(seed, plan.donor)


def _stream(plan: ClipPlan, seed: int, purpose: int) -> np.random.Generator:
    """The random numbers of one clip for one purpose, whoever asks and whenever."""
    return np.random.default_rng([seed, 2, SPLITS.index(plan.split), plan.index, purpose])
