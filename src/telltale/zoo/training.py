"""Trains the generators of a data set, from its seed, before its clips are made."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch

from telltale.demo.identity import draw_identity, draw_scene
from telltale.demo.motion import move
from telltale.demo.render import film, render
from telltale.demo.speech import speak
from telltale.zoo.crop import crops
from telltale.zoo.generator import INPUTS, NAMES, SIDE, Generator, one_thread

RENDERED = 80  # side of the pictures whose faces the generators learn
LOWER = round(0.56 * SIDE)  # first row of the crop that a mouth generator does not see
BATCH = 8


@dataclass(frozen=True)
class Faces:
    """Faces to learn from: people in groups that make the same movements in the same light.

    pixels: uint8 (groups, people, T, SIDE, SIDE, 3).
    lips: float32 (groups, T, 3) open, rounded and spread.
    """

    pixels: np.ndarray
    lips: np.ndarray


def train(seed: int, path: Path, *, steps: int = 260, workers: int = 1) -> None:
    """Write the trained generators to `path`, for `generator.load`. The bits do not depend on the workers.

    steps: of the optimiser, for each generator.
    """
    faces = draw_faces(seed, groups=min(10, 2 + steps // 10))
    jobs = [(seed, name, faces, steps) for name in NAMES]
    if workers == 1:
        weights = [_train_one(*job) for job in jobs]
    else:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=spawn) as pool:
            weights = list(pool.map(_train_one, *zip(*jobs, strict=True)))
    named = {
        name: {key: torch.from_numpy(value) for key, value in each.items()}
        for name, each in zip(NAMES, weights, strict=True)
    }
    torch.save(named, path)


def draw_faces(seed: int, groups: int, people: int = 4, frames: int = 16) -> Faces:
    """Faces of invented people who are not in the data set's clips."""
    pixels = np.empty((groups, people, frames, SIDE, SIDE, 3), np.uint8)
    lips = np.empty((groups, frames, 3), np.float32)
    times = np.linspace(0, 8, frames)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    for group in range(groups):
        rng = np.random.default_rng([seed, 31, group])
        identities = [draw_identity(rng) for _ in range(people)]
        scene = draw_scene(rng)
        motion = move(rng, speak(rng, identities[0].voice, 8.2), times)
        # Evenly many open mouths, which speech has not.
        motion = replace(motion, lips=np.clip(motion.lips * rng.uniform(0.8, 1.6), 0, 1))
        lips[group] = motion.lips
        for number, identity in enumerate(identities):
            shot = render(identity, scene, motion, RENDERED)
            shot = replace(shot, pixels=film(rng, shot.pixels, replace(scene, noise_levels=1.5)))
            pixels[group, number] = crops(shot, SIDE)
    cv2.setNumThreads(threads)
    return Faces(pixels, lips)


def _train_one(seed: int, name: str, faces: Faces, steps: int) -> dict[str, np.ndarray]:
    part, _, upsampling = name.partition("_")
    rng = np.random.default_rng([seed, 32, NAMES.index(name)])
    batch = _face_batch if part == "face" else _mouth_batch
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        net = Generator(INPUTS[part], upsampling)
        _fit(net, lambda: batch(rng, faces), steps)
    return {key: value.numpy() for key, value in net.state_dict().items()}


def _fit(net: Generator, batch: Callable[[], tuple[np.ndarray, np.ndarray]], steps: int) -> None:
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=max(steps, 4), pct_start=0.2)
    for _ in range(steps):
        planes, wanted = (torch.from_numpy(each) for each in batch())
        optimiser.zero_grad()
        torch.nn.functional.l1_loss(net(planes), wanted).backward()
        optimiser.step()
        schedule.step()


def as_planes(faces: np.ndarray) -> np.ndarray:
    """Faces, uint8 (..., H, W, 3), as float32 (..., 3, H, W) in 0..1."""
    return np.moveaxis(faces, -1, -3).astype(np.float32) / 255


def mouth_planes(faces: np.ndarray, reference: np.ndarray, lips: np.ndarray) -> np.ndarray:
    """What a mouth generator is given: float32 (T, 9, SIDE, SIDE).

    faces, reference: uint8 (T, SIDE, SIDE, 3); the lower half of `faces` is not used.
    lips: (T, 3) in 0..1.
    """
    upper = as_planes(faces)
    upper[:, :, LOWER:] = 0
    values = np.broadcast_to(lips[:, :, None, None], (*lips.shape, SIDE, SIDE))
    return np.concatenate([upper, as_planes(reference), values], axis=1, dtype=np.float32)


def _drawn(rng: np.random.Generator, faces: Faces) -> tuple[np.ndarray, ...]:
    """Indices (BATCH,): a group, two people of it, two frames."""
    groups, people, frames = faces.pixels.shape[:3]
    return tuple(rng.integers(0, count, BATCH) for count in (groups, people, people, frames, frames))


def _face_batch(rng: np.random.Generator, faces: Faces) -> tuple[np.ndarray, np.ndarray]:
    group, one, other, frame, still = _drawn(rng, faces)
    same = rng.random(BATCH) < 0.5  # half of the time it recodes a face
    other = np.where(same, one, other)
    given, reference = faces.pixels[group, one, frame], faces.pixels[group, other, still]
    planes = np.concatenate([as_planes(given), as_planes(reference)], axis=1)
    return planes, as_planes(faces.pixels[group, other, frame])


def _mouth_batch(rng: np.random.Generator, faces: Faces) -> tuple[np.ndarray, np.ndarray]:
    group, one, _, frame, still = _drawn(rng, faces)
    given, reference = faces.pixels[group, one, frame], faces.pixels[group, one, still]
    return mouth_planes(given, reference, faces.lips[group, frame]), as_planes(given)
