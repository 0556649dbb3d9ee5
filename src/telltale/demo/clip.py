"""Makes one clip: renders and records a speaking person, forges the result if planned, and encodes it."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from telltale.demo import forge_picture, forge_sound
from telltale.demo.encode import FRAME_RATE, Coding, to_stereo, write_clip
from telltale.demo.identity import Identity, Scene, draw_identity, draw_scene
from telltale.demo.motion import move
from telltale.demo.plan import SPLITS, ClipPlan
from telltale.demo.render import film, render
from telltale.demo.speech import Utterance, record, speak

# The speech is this much longer at both ends, so that shifted sound has no gap which would reveal it.
MARGIN_SECONDS = 0.85


def person(seed: int, number: int) -> Identity:
    """The person with this number in the data set of `seed`."""
    return draw_identity(np.random.default_rng([seed, 1, number]))


def make_clip(plan: ClipPlan, seed: int, size: int, folder: Path) -> None:
    """Write the clip to folder/SPLIT/NAME. The bytes depend on the arguments alone, not on the process.

    seed: seed of the data set.
    size: width and height of the picture in pixels.
    folder: folder of the data set.
    """
    pixels, samples = forge(plan, seed, size)
    rng = _stream(plan, seed, 9)
    # The last step is the same for all clips: some noise, stereo, and one encoder at a random bit rate.
    pixels = film(rng, pixels, replace(draw_scene(rng), noise_levels=1.0, blur_pixels=0.2))
    bit_rate = round(rng.uniform(450_000, 650_000) * (size / 160) ** 2)
    write_clip(folder / plan.split / plan.video_name, pixels, to_stereo(rng, samples), Coding(bit_rate))


def forge(plan: ClipPlan, seed: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(pixels, samples) of the finished clip before encoding: uint8 (T, S, S, 3), mono float32 (N,)."""
    identity = person(seed, plan.identity)
    scene = draw_scene(_stream(plan, seed, 1))
    seconds = plan.frames / FRAME_RATE
    times = np.arange(plan.frames) / FRAME_RATE
    rng = _stream(plan, seed, 8)
    longer_speech = speak(_stream(plan, seed, 2), identity.voice, seconds + 2 * MARGIN_SECONDS)
    speech = longer_speech.cut(MARGIN_SECONDS, seconds)
    shot = render(identity, scene, move(_stream(plan, seed, 3), speech, times), size)
    shot = replace(shot, pixels=film(_stream(plan, seed, 4), shot.pixels, scene))
    sound, pixels = speech, shot.pixels
    if plan.kind == "face_swap":
        pixels = forge_picture.swap_face(rng, shot, _donor(plan, seed), draw_scene(rng))
    elif plan.kind == "mouth_regenerated":
        sound = speak(rng, identity.voice, seconds + 2 * MARGIN_SECONDS).cut(MARGIN_SECONDS, seconds)
        pixels = forge_picture.regenerate_mouth(rng, shot, scene, sound, times)
    elif plan.kind == "face_resampled":
        pixels = forge_picture.resample_face(rng, shot)
    elif plan.kind == "whole_face_reenacted":
        pixels = forge_picture.reenact_face(rng, shot)
    elif plan.kind == "sound_shifted":
        sound = longer_speech.cut(
            MARGIN_SECONDS + rng.uniform(0.3, 0.8) * (1 if rng.random() < 0.5 else -1), seconds
        )
    elif plan.kind == "sound_replaced":
        sound = speak(rng, _donor(plan, seed).voice, seconds + 2 * MARGIN_SECONDS).cut(
            MARGIN_SECONDS, seconds
        )
    samples = _recorded(plan, seed, sound, scene)
    if plan.kind == "voice_resynthesised":
        samples = forge_sound.resynthesise(rng, samples)
    elif plan.kind == "voice_converted":
        samples = forge_sound.convert_voice(rng, samples)
    return pixels, samples


def _recorded(plan: ClipPlan, seed: int, sound: Utterance, scene: Scene) -> np.ndarray:
    return record(_stream(plan, seed, 5), sound.samples, scene)


def _donor(plan: ClipPlan, seed: int) -> Identity:
    assert plan.donor is not None, plan
    return person(seed, plan.donor)


def _stream(plan: ClipPlan, seed: int, purpose: int) -> np.random.Generator:
    """A generator whose numbers depend on the seed, the clip and the purpose alone, not on the call order."""
    return np.random.default_rng([seed, 2, SPLITS.index(plan.split), plan.index, purpose])
