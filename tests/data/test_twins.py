"""Twins: a genuine clip beside its pseudo-forgery. What is known of both is worked by hand, and nothing else
tells them apart."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from telltale import config
from telltale.data import twins
from telltale.data.batch import EVALUATION, Batch, SampleKey, read_batch
from telltale.data.dataset import ClipDataset, open_store
from telltale.data.loader import ClipLoader
from telltale.data.manifest import Row
from telltale.data.regions import bands, pooled
from telltale.data.views import Views
from telltale.forge.pseudo import CUES, Kind, Material, PseudoForgery

ALL = ("picture", "sound", "native", "mouth")
OFF = {name: 0.0 for name in config.AugmentSettings.model_fields if name.endswith("_p")}
EVERYTHING = dict.fromkeys(OFF, 0.7)


def settings(augment: dict[str, float] | None = None, **sections: Any) -> config.Config:
    """Of a detector that reads all. Three frames of 32 pixels in 0.6 s, of nine of the lower face."""
    clip = {"seconds": 0.6, "frames": 3, "image_size": 32, "native_size": 32, "mouth_frames": 9}
    whole = config.Config(model=config.ModelSettings(name="audiovisual"))
    update: dict[str, Any] = {
        "clip": config.ClipSettings(**clip, mouth_size=16, sampling="exact"),
        "mel": config.MelSettings(n_mels=32, linear_bands=16),
        "augment": config.AugmentSettings(**(OFF if augment is None else augment)),
    }
    return whole.model_copy(update=update | sections)


def training(rows: Sequence[Row], chosen: config.Config, **more: Any) -> ClipDataset:
    return ClipDataset(rows, chosen, more.pop("reads", ALL), Views.of_training("twins"), **more)


@pytest.fixture(scope="module")
def rows(tiny: Path) -> list[Row]:
    """Clips of 64 pixels and 1.2 s: three genuine ones, a forged one, one without a label and none at all."""
    names = sorted(path.name for path in (tiny / "train").iterdir())[:5]
    targets = [0, 0, 0, 1, None]
    absent = Row("gone.mp4", tiny / "train" / "gone.mp4", 0)
    return [Row(n, tiny / "train" / n, t) for n, t in zip(names, targets, strict=True)] + [absent]


def pretend(
    monkeypatch: pytest.MonkeyPatch, *made: PseudoForgery | None, **kind: Any
) -> list[Material | None]:
    """Let forging give `made`, in turns; an array of them that is None is the material's. Returns the other
    spans that were given to it."""
    left, others = list(made), []
    what = {"name": "mine", "cue": "picture", "needs": ("picture",), "other": None, **kind}

    def make(material: Material, other: Material | None, rng: np.random.Generator) -> PseudoForgery | None:
        others.append(other)
        forgery = left.pop(0) if len(left) > 1 else left[0]
        if forgery is None:
            return None
        frames, wave = forgery.frames, forgery.wave
        return replace(
            forgery,
            frames=material.frames if frames is None else frames,
            wave=material.wave if wave is None else wave,
        )

    monkeypatch.setattr(twins, "choose", lambda *_: (Kind(**what, make=make),))
    return others


def forgery(**fields: Any) -> PseudoForgery:
    given = {"frames": None, "wave": None, "kind": "mine", "cues": ("picture",), "mask": None, "seconds": ()}
    return PseudoForgery(**(given | fields))


def test_truth_cues_segments_and_mask_are_those_worked_by_hand(
    rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    mask = np.zeros((9, 64, 64), np.float32)
    mask[4, :16, :8] = 0.5  # a blending border: the upper left two patches of the middle picture
    mask[8, 56:, 56:] = 1.0  # all forged: the lower right patch of the last one
    mask[3] = 1.0  # of a picture that is not read whole
    frames = np.full((9, 64, 64, 3), 7, np.uint8)
    made = forgery(frames=frames, mask=mask, cues=("picture", "in_step"), seconds=((0.0, 0.1), (0.45, 0.5)))
    pretend(monkeypatch, made)
    batch = read_batch(training(rows, settings()), [SampleKey(row, 0) for row in (0, 3, 4, 5)])
    nan = float("nan")
    assert str(batch.truth.tolist()) == str([[0.0, 1.0], [1.0, nan], [nan, nan], [nan, nan]])
    assert batch.usable.tolist() == [[True, True], [True, False], [True, False], [False, False]]
    assert batch.cues.shape == (4, 2, 4) and batch.cues[0].tolist() == [[0, 0, 0, 0], [1, 0, 0, 1]]
    assert batch.segments[0].tolist() == [[0, 0, 0], [1, 0, 1]]  # parts of 0.2 s
    wanted = torch.zeros(3, 8, 8)
    wanted[1, :2, 0] = wanted[2, 7, 7] = 1.0
    assert torch.equal(batch.mask[0, 0], torch.zeros(3, 8, 8)) and torch.equal(batch.mask[0, 1], wanted)
    for name in ("cues", "segments", "mask"):
        assert getattr(batch, name)[1:].isnan().all(), name
    assert (batch.pictures[0, 1] == 7).all() and not (batch.pictures[0, 0] == 7).all()
    assert (batch.crops[0, 1] == 7).all() and (batch.mouth[0, 1] == 7).all()
    assert [info.made for info in batch.infos] == ["mine", "", "", ""]
    known = batch.known(torch.device("cpu"))
    assert str(known["truth"].tolist()) == str([0.0, 1.0, 1.0, nan])


def test_the_band_of_a_share_is_its_border() -> None:
    shares = np.array([0.0, 0.1, 0.5, 0.8, 1.0], np.float32)
    found = bands(np.repeat(shares, 64 * 64).reshape(5, 64, 64), 32)
    np.testing.assert_allclose(found[:, 5, 5], [0.0, 0.36, 1.0, 0.8, 1.0], atol=1e-6)
    assert pooled(found).shape == (5, 8, 8) and bands(np.ones((1, 20, 40), np.float32), 16).shape == (
        1,
        16,
        16,
    )


def test_nothing_is_known_of_parts_behind_the_end_and_of_cues_that_a_clip_cannot_show(
    rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, forgery(cues=("sound",), seconds=((0.9, 1.0),), wave=np.zeros(19_200, np.float32)))
    long = config.ClipSettings(seconds=3.0, frames=5, image_size=32)
    data = training(rows, settings(clip=long), reads=("sound",))
    batch = read_batch(data, [SampleKey(0, 0)])
    nan = float("nan")
    assert str(batch.cues[0].tolist()) == str([[nan, nan, 0.0, nan], [nan, nan, 1.0, nan]])
    # 1.2 s: two parts of 0.6 s
    assert str(batch.segments[0].tolist()) == str([[0.0, 0.0, nan, nan, nan], [0.0, 1.0, nan, nan, nan]])
    assert batch.mask.numel() == 0 and batch.crops.numel() == 0


def test_what_is_done_to_the_one_is_done_to_the_other(
    rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forgery that changes nothing, by copies: every array is the same to the bit, whatever was drawn."""

    def make(material: Material, other: Material | None, rng: np.random.Generator) -> PseudoForgery:
        rng.random(int(rng.integers(50)))
        assert material.frames is not None and material.wave is not None
        return forgery(frames=material.frames.copy(), wave=material.wave.copy())

    kind = Kind("nothing", "picture", ("picture",), None, make)
    monkeypatch.setattr(twins, "choose", lambda *_: (kind,))
    data = training(rows, settings(EVERYTHING))
    changed = 0
    plain = read_batch(training(rows, settings()), [SampleKey(0, 0)])
    for epoch in range(12):
        batch = read_batch(data, [SampleKey(0, epoch)])
        for name in ("pictures", "mel", "crops", "mouth", "frame_seconds", "mouth_seconds"):
            pair = getattr(batch, name)[0]
            assert torch.equal(pair[0], pair[1]), name
        changed += not torch.equal(batch.pictures[0, 0], plain.pictures[0, 0])
    assert changed > 8


def test_a_mask_moves_with_the_pictures(rows: list[Row], monkeypatch: pytest.MonkeyPatch) -> None:
    """A white square that is forged, on black: wherever mirroring and cutting out move it."""
    mask = np.zeros((9, 64, 64), np.float32)
    mask[:, 8:24, 8:24] = 1.0
    frames = np.repeat((255 * mask).astype(np.uint8)[..., None], 3, 3)
    pretend(monkeypatch, forgery(frames=frames, mask=mask))
    moving = {**OFF, "flip_p": 0.5, "crop_p": 1.0, "affine_p": 0.5, "rotate90_p": 0.5, "border_crop_p": 0.5}
    data = training(rows, settings(moving))
    places = set()
    for epoch in range(12):
        batch = read_batch(data, [SampleKey(0, epoch)])
        seen = pooled((batch.pictures[0, 1, :, :, :, 0].float() / 255).numpy())
        np.testing.assert_allclose(batch.mask[0, 1], seen, atol=0.15)
        assert np.abs(batch.mask[0, 1].numpy() - seen).mean() < 0.03
        places.add(int(batch.mask[0, 1, 0].argmax()))
    assert len(places) > 3


def test_what_was_not_touched_is_the_same(rows: list[Row], monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, forgery(cues=("sound",), wave=np.zeros(9_600, np.float32)))
    batch = read_batch(training(rows, settings(EVERYTHING)), [SampleKey(1, 3)])
    for name in ("pictures", "crops", "mouth"):
        assert torch.equal(getattr(batch, name)[0, 0], getattr(batch, name)[0, 1]), name
    assert not torch.equal(batch.mel[0, 0], batch.mel[0, 1]) and not batch.mask[0, 1].any()


def test_samples_are_the_same_for_any_number_of_workers_and_differ_by_epoch(rows: list[Row]) -> None:
    data = training(rows, settings(EVERYTHING))
    keys = [[SampleKey(row, 2) for row in range(6)]]
    found: list[Batch] = []
    for workers in (0, 1, 2):
        loader = ClipLoader(data, workers, timeout_seconds=60)
        (batch,) = (replace(b, **{n: t.clone() for n, t in b.arrays().items()}) for b in loader.read(keys))
        found.append(batch)
        loader.close()
    for batch in found[1:]:
        for name, tensor in batch.arrays().items():
            assert np.array_equal(
                tensor.numpy(), found[0].arrays()[name].numpy(), equal_nan=tensor.is_floating_point()
            ), name
    assert all(info.made for info in found[0].infos[:3])
    other = read_batch(data, [SampleKey(row, 3) for row in range(6)])
    assert not torch.equal(other.pictures, found[0].pictures)


@pytest.mark.parametrize(
    ("kinds", "named"),
    [
        (("sound_of_another_clip",), {""}),
        (("sound_of_another_clip", "picture_of_another_span"), {""}),
        (("sound_of_another_clip", "resampled"), {"resampled"}),
    ],
)
def test_where_the_other_clip_cannot_be_read_another_kind_is_made_or_none(
    rows: list[Row], kinds: tuple[str, ...], named: set[str]
) -> None:
    """The only other genuine clip is missing; spans of a clip of 1.2 s lie too near one another."""
    alone = [rows[0], rows[3], rows[5]]
    clip = settings().clip.model_copy(update={"seconds": 0.8})
    data = training(alone, settings(clip=clip, pseudo=config.PseudoSettings(kinds=kinds)))
    batch = read_batch(data, [SampleKey(0, epoch) for epoch in range(8)])
    assert {info.made for info in batch.infos} <= named
    for number, info in enumerate(batch.infos):
        assert batch.usable[number].tolist() == [True, bool(info.made)]
        assert batch.truth[number, 0] == 0 and batch.truth[number, 1].isnan().item() == (not info.made)
    assert {info.status for info in batch.infos} == {"ok"}


def test_the_other_clip_is_a_genuine_one_and_the_other_span_is_another_one(
    rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    others = pretend(monkeypatch, None, other="clip", needs=("sound",))
    data = training(rows, settings())
    assert [info.made for info in read_batch(data, [SampleKey(0, e) for e in range(5)]).infos] == [""] * 5
    assert len(others) > 15 and all(other is not None and other.frames is None for other in others)
    short = settings(clip=settings().clip.model_copy(update={"seconds": 0.3}))
    for takes in ("picture", "sound"):
        spans = pretend(monkeypatch, forgery(), other="span", needs=("picture", "sound"), takes=takes)
        batch = read_batch(training(rows, short), [SampleKey(0, e) for e in range(6)])
        assert all(other is not None for other in spans) and spans
        assert all((other.frames is not None) is (takes == "picture") for other in spans if other)
        assert {info.made for info in batch.infos} <= {"mine", ""} and "mine" in {i.made for i in batch.infos}


def test_through_a_store_the_other_spans_are_those_that_it_holds(rows: list[Row], tmp_path: Path) -> None:
    chosen = settings(data=config.DataSettings(spans=2), pseudo=config.PseudoSettings(picture=0, motion=0))
    store = open_store(tmp_path / "store", chosen, ALL)
    data = training(rows[:3], chosen, store=store)
    keys = [SampleKey(row, epoch) for row in range(3) for epoch in range(6)]
    first = read_batch(data, keys)
    assert store.misses <= 3 * 2
    misses = store.misses
    again = read_batch(data, keys)
    assert store.misses == misses and torch.equal(first.mel, again.mel)
    assert torch.equal(read_batch(training(rows[:3], chosen), keys).mel, first.mel)


def test_the_gate_has_a_forgery_for_each_cue_the_same_for_every_seed(rows: list[Row]) -> None:
    gate = Views.of_training("twins").of_gate()
    batches = [
        read_batch(
            ClipDataset(rows[:3], settings(seed=seed), ALL, gate),
            [SampleKey(r, EVALUATION) for r in range(3)],
        )
        for seed in (1, 2)
    ]
    one, other = batches
    for name, tensor in one.arrays().items():
        assert torch.equal(tensor, getattr(other, name)), name
    assert one.usable.shape == (3, 5) and one.usable[[0, 2]].all() and not one.truth.numel()
    plain = read_batch(ClipDataset(rows, settings(), ALL), [SampleKey(0, EVALUATION)])
    for name in ("pictures", "mel", "crops", "mouth"):
        assert torch.equal(getattr(one, name)[0, 0], getattr(plain, name)[0, 0])
    changed = {
        cue: {
            name
            for name in ("mouth", "mel")
            if not torch.equal(getattr(one, name)[0, 0], getattr(one, name)[0, n])
        }
        for n, cue in enumerate(CUES, start=1)
    }
    assert changed["picture"] == {"mouth"} == changed["motion"] and changed["sound"] == {"mel"}
    assert len(changed["in_step"]) == 1


def test_the_gate_leaves_out_what_a_clip_cannot_show(rows: list[Row], hostile: Path) -> None:
    gate = Views.of_training("twins").of_gate()
    silent = Row("noaudio.mp4", hostile / "noaudio.mp4", 0)
    batch = read_batch(ClipDataset([*rows[:2], silent], settings(), ALL, gate), [SampleKey(2, EVALUATION)])
    assert batch.usable[0].tolist() == [True, True, True, False, False] or not batch.usable[0, 3:].any()
    off = settings(pseudo=config.PseudoSettings(motion=0.0))
    batch = read_batch(ClipDataset(rows[:2], off, ALL, gate), [SampleKey(0, EVALUATION)])
    assert batch.usable[0].tolist() == [True, True, False, True, True]


def test_the_gate_of_self_blending_is_the_clip_and_its_blend(rows: list[Row]) -> None:
    gate = Views.of_training("genuine").of_gate()
    chosen = settings(clip=config.ClipSettings(seconds=0.6, frames=2, image_size=32))
    batch = read_batch(ClipDataset(rows[:3], chosen, ("picture",), gate), [SampleKey(0, EVALUATION)] * 2)
    assert batch.usable.shape == (2, 2) and batch.usable.all()
    assert torch.equal(batch.pictures[0], batch.pictures[1])
    assert not torch.equal(batch.pictures[0, 0], batch.pictures[0, 1])
