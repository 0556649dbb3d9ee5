"""Crops at native resolution and the lower face: where they are, and that they reach a model in step with the
pictures."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from telltale import config
from telltale.config.detectors import DETECTORS
from telltale.data import regions
from telltale.data.batch import EVALUATION, Batch, SampleInfo, SampleKey, blank, read_batch
from telltale.data.clip import read_clip
from telltale.data.dataset import ClipDataset, open_store, spec_of
from telltale.data.loader import ClipLoader
from telltale.data.manifest import Row
from telltale.data.sample_views import SampleViews
from telltale.data.transforms import fit
from telltale.data.views import Views
from telltale.decode.frames import Frames
from telltale.errors import InputError
from telltale.predict.inference import mirrored

ALL = ("picture", "sound", "native", "mouth")
CPU = torch.device("cpu")


def ramp(height: int, width: int, count: int = 4) -> np.ndarray:
    """Frames whose red is the column, whose green is the row, and whose blue is the frame's number."""
    frames = np.zeros((count, height, width, 3), np.uint8)
    frames[..., 0], frames[..., 1] = np.arange(width), np.arange(height)[:, None]
    frames[..., 2] = np.arange(count)[:, None, None]
    return frames


def settings(**changes: object) -> config.Config:
    clip = {"seconds": 0.8, "frames": 3, "image_size": 32, "native_size": 16, "mouth_frames": 9}
    clip |= {"mouth_size": 18, "sampling": "exact", **changes}
    return config.Config.model_construct(
        **{
            **dict(config.Config(model=config.ModelSettings(name="audiovisual"))),
            "clip": config.ClipSettings.model_validate(clip),
        }
    )


@pytest.fixture(scope="module")
def rows(tiny: Path) -> list[Row]:
    names = sorted(path.name for path in (tiny / "train").iterdir())[:4]
    return [Row(name, tiny / "train" / name, place % 2) for place, name in enumerate(names)]


def test_a_crop_is_the_pixels_around_its_place_in_the_centre_square() -> None:
    frames = ramp(100, 140)  # the square begins at column 20
    places = np.array([(0.5, 0.5), (0.25, 0.75), (0.0, 0.0), (1.0, 1.0)])
    found = regions.crops(frames, places, 20)
    assert (found.shape, found.dtype) == ((4, 20, 20, 3), np.uint8)
    assert found[:, 0, 0].tolist() == [[60, 40, 0], [35, 65, 1], [20, 0, 2], [100, 80, 3]]
    assert found[3, -1, -1].tolist() == [119, 99, 3]


def test_a_square_smaller_than_a_crop_is_mirrored_at_its_border() -> None:
    found = regions.crops(ramp(10, 12, 1), np.array([(0.5, 0.5)]), 24)[0]
    assert found[7:17, 7:17].tolist() == ramp(10, 12, 1)[0, :, 1:11].tolist()
    assert found[6, 7].tolist() == found[7, 7].tolist() and found[7, 17].tolist() == found[7, 16].tolist()


def test_the_lower_face_is_a_box_of_the_centre_square() -> None:
    """100 pixels: 56 from column 22 and row 37 on."""
    found = regions.mouths(ramp(100, 140, 1), 56)[0]
    assert found[0, 0].tolist() == [42, 37, 0] and found[-1, -1].tolist() == [97, 92, 0]
    small = regions.grey(regions.mouths(ramp(100, 140), 28))
    assert (small.shape, small.dtype) == ((4, 28, 28), np.uint8)
    assert small[0, 0, 0] == round(0.299 * 42.5 + 0.587 * 37.5)


def test_places_of_evaluation_take_turns_and_every_cycle_has_others() -> None:
    cycles = [regions.evaluation_places(6, cycle) for cycle in range(regions.MOST_CYCLES)]
    assert cycles[0].tolist() == [
        [0.5, 0.65],
        [0.42, 0.45],
        [0.58, 0.45],
        [0.5, 0.53],
        [0.5, 0.65],
        [0.42, 0.45],
    ]
    for frame in range(6):
        assert len({tuple(places[frame]) for places in cycles}) == regions.MOST_CYCLES
    field = config.PredictSettings.model_fields["crops"]
    assert [bound.le for bound in field.metadata if hasattr(bound, "le")] == [regions.MOST_CYCLES]


def test_training_crops_of_a_clip_are_at_one_place_in_the_face() -> None:
    found = regions.random_places(5, np.random.default_rng(1))
    assert found.shape == (5, 2) and (found == found[0]).all()
    many = np.array([regions.random_places(1, np.random.default_rng(seed))[0] for seed in range(300)])
    assert (many >= (0.3, 0.28)).all() and (many <= (0.7, 0.78)).all() and (many.std(0) > 0.1).all()


def test_the_pictures_are_evenly_spaced_among_those_of_the_lower_face() -> None:
    clip = config.ClipSettings(frames=3, mouth_frames=9)
    assert regions.chosen(9, clip).tolist() == [0, 4, 8]
    assert regions.chosen(5, clip).tolist() == [0, 4] and regions.chosen(1, clip).tolist() == [0]
    one = config.ClipSettings(frames=1, mouth_frames=9)
    assert regions.chosen(9, one).tolist() == [4] and regions.chosen(2, one).tolist() == [1]
    assert regions.chosen(2, config.ClipSettings(frames=3)).tolist() == [0, 1]


def test_a_batch_has_crops_and_lower_faces_of_the_frames_at_their_own_size(rows: list[Row]) -> None:
    chosen = settings()
    data = ClipDataset(rows, chosen, ALL, Views(2))
    batch = read_batch(data, [SampleKey(row, EVALUATION) for row in (0, 1)])
    assert (batch.crops.shape, batch.crops.dtype) == ((2, 2, 3, 16, 16, 3), torch.uint8)
    assert (batch.mouth.shape, batch.mouth.dtype) == ((2, 2, 9, 18, 18), torch.uint8)
    assert (batch.mouth_seconds.shape, batch.mouth_seconds.dtype) == ((2, 2, 9), torch.float32)
    assert batch.truth.numel() == batch.cues.numel() == batch.segments.numel() == batch.mask.numel() == 0
    view = read_clip(rows[0].path, [0.0, 1.0], chosen.clip, 16_000, ALL).views[1]
    assert view.frames is not None and view.frames.pixels.shape == (9, 64, 64, 3)  # not scaled to 32
    kept = view.frames.pixels[[0, 4, 8]]
    assert np.array_equal(batch.pictures[0, 1].numpy(), fit(kept, 32))
    assert np.array_equal(batch.crops[0, 1].numpy(), regions.crops(kept, regions.evaluation_places(3, 0), 16))
    assert np.array_equal(batch.mouth[0, 1].numpy(), regions.grey(regions.mouths(view.frames.pixels, 18)))
    seconds = view.frames.seconds - view.start_seconds
    np.testing.assert_allclose(batch.mouth_seconds[0, 1], seconds, atol=1e-6)
    np.testing.assert_allclose(batch.frame_seconds[0, 1], seconds[[0, 4, 8]], atol=1e-6)


def test_a_detector_that_reads_neither_gets_neither(rows: list[Row]) -> None:
    batch = read_batch(
        ClipDataset(rows, settings(native_size=None, mouth_frames=0), ("picture", "sound")),
        [SampleKey(0, EVALUATION)],
    )
    assert not batch.crops.numel() and not batch.mouth.numel() and not batch.mouth_seconds.numel()
    assert set(batch.inputs(CPU)) == {"pictures", "mel", "has_picture", "has_sound", "frame_seconds"}


def test_the_model_gets_them_as_floats_and_mirrored_with_the_pictures(rows: list[Row]) -> None:
    batch = read_batch(ClipDataset(rows, settings(), ALL), [SampleKey(0, EVALUATION)])
    inputs = batch.inputs(CPU)
    assert inputs["crops"].shape == (1, 3, 3, 16, 16) and inputs["mouth"].shape == (1, 9, 18, 18)
    assert torch.equal(inputs["crops"][0], batch.crops[0, 0].permute(0, 3, 1, 2) / 255)
    assert torch.equal(inputs["mouth"][0], batch.mouth[0, 0] / 255)
    both = mirrored(inputs)
    for name in ("pictures", "crops", "mouth"):
        assert torch.equal(both[name], torch.cat([inputs[name], inputs[name].flip(-1)])), name
    assert torch.equal(both["mouth_seconds"], inputs["mouth_seconds"].repeat(2, 1))
    assert torch.equal(both["mel"], inputs["mel"])


def test_more_crops_are_more_views_of_each_span_that_differ_in_the_places_alone(rows: list[Row]) -> None:
    data = ClipDataset(rows, settings(), ALL, Views(2, crops=3))
    batch = read_batch(data, [SampleKey(0, EVALUATION)])
    assert batch.usable.shape == (1, 6) and batch.usable.all()
    assert batch.infos[0].view_starts[:4] == (0.0, 0.0, 0.0, batch.infos[0].view_starts[5])
    kept = read_clip(rows[0].path, [0.0, 1.0], data.settings.clip, 16_000, ALL).views[1].frames
    assert kept is not None
    for cycle in range(3):
        assert torch.equal(batch.pictures[0, 3 + cycle], batch.pictures[0, 3])
        assert torch.equal(batch.mel[0, 3 + cycle], batch.mel[0, 3])
        wanted = regions.crops(kept.pixels[[0, 4, 8]], regions.evaluation_places(3, cycle), 16)
        assert np.array_equal(batch.crops[0, 3 + cycle].numpy(), wanted)


def test_training_mirrors_all_three_together_and_draws_the_same_for_any_number_of_workers(
    rows: list[Row],
) -> None:
    off = {name: 0.0 for name in config.AugmentSettings.model_fields if name.endswith("_p")}
    plain, mirror = (
        settings().model_copy(
            update={
                "augment": config.AugmentSettings(**{**off, "flip_p": flip}),
                "data": config.DataSettings(spans=1),
            }
        )
        for flip in (0.0, 1.0)
    )
    key = SampleKey(0, 3)
    one, other = (read_batch(ClipDataset(rows, each, ALL), [key]) for each in (plain, mirror))
    assert torch.equal(other.pictures, one.pictures.flip(4)) and not torch.equal(other.pictures, one.pictures)
    assert torch.equal(other.mouth, one.mouth.flip(4))
    assert torch.equal(other.crops, one.crops.flip(4))
    data = ClipDataset(rows, settings(), ALL, Views(training=True))
    keys = [[SampleKey(row, 5) for row in range(4)]]
    found: list[Batch] = []
    for workers in (0, 1, 3):
        loader = ClipLoader(data, workers, timeout_seconds=60)
        (batch,) = (replace(b, **{n: t.clone() for n, t in b.arrays().items()}) for b in loader.read(keys))
        found.append(batch)
        loader.close()
    for batch in found[1:]:
        for name, tensor in batch.arrays().items():
            assert torch.equal(tensor, found[0].arrays()[name]), name


def test_larger_frames_than_a_bound_are_scaled_to_it_and_smaller_ones_are_left(rows: list[Row]) -> None:
    for side, wanted in ((512, 64), (40, 40)):
        clip = settings(image_size=32).clip.model_copy(update={"native_side": side})
        view = read_clip(rows[0].path, [0.5], clip, 16_000, ALL).views[0]
        assert view.frames is not None and min(view.frames.pixels.shape[1:3]) == wanted


def test_a_store_keeps_what_was_decoded_whatever_is_cut_out_of_it(rows: list[Row], tmp_path: Path) -> None:
    warm = settings().model_copy(update={"data": config.DataSettings(spans=1)})
    key = [SampleKey(0, EVALUATION)]
    plain = read_batch(ClipDataset(rows, warm, ALL), key)
    for changes, misses in (({}, 1), ({}, 0), ({"native_size": 20, "mouth_size": 20, "image_size": 48}, 0)):
        each = settings(**changes)
        store = open_store(tmp_path / "store", each, ALL)
        batch = read_batch(ClipDataset(rows, each, ALL, store=store), key)
        assert store.misses == misses
        if not changes:
            assert torch.equal(batch.crops, plain.crops) and torch.equal(batch.mouth, plain.mouth)
    other = open_store(tmp_path / "store", settings(mouth_frames=10), ALL)
    read_batch(ClipDataset(rows, settings(mouth_frames=10), ALL, store=other), key)
    assert other.misses == 1


def test_stores_of_detectors_without_crops_are_found_as_before() -> None:
    clip = {
        **{"seconds": 4.0, "frames": 8, "image_size": 224, "sampling": "reference", "jpeg_quality": None},
        **{"backend": "pyav", "max_frame_pixels": 33_177_600, "max_decoded_frames": 20_000},
    }
    before = {"clip": clip, "rate_hz": 16_000, "reads": ["picture", "sound"]}
    assert (
        spec_of(config.Config(model=config.ModelSettings(name="audiovisual")), ("picture", "sound")) == before
    )


def test_crops_are_for_detectors_that_read_them() -> None:
    for key, wanted in (
        ("native_size", r"clip\.native_size=null, got 96"),
        ("mouth_frames", r"clip\.mouth_frames=0, got 96"),
    ):
        tree = {"model": {"name": "audiovisual"}, "clip": {key: 96}}
        with pytest.raises(InputError, match=wanted):
            config.parse(tree, "here")
    with pytest.raises(InputError, match=r"predict: crops: audiovisual reads no crops .* wanted 1, got 2"):
        config.parse({"model": {"name": "audiovisual"}, "predict": {"crops": 2}}, "here")


def test_a_detector_that_reads_crops_wants_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = replace(DETECTORS["audiovisual"], reads=ALL, switches={"mouth": ("pretrained",)})
    monkeypatch.setitem(DETECTORS, "audiovisual", entry)
    with pytest.raises(InputError, match=r"wanted clip\.native_size=PIXELS, such as 96, got null"):
        config.parse({"model": {"name": "audiovisual"}}, "here")
    native = {"native_size": 96}
    whole = config.parse({"model": {"name": "audiovisual"}, "clip": native, "predict": {"crops": 8}}, "here")
    assert whole.predict.crops == 8
    with pytest.raises(InputError, match=r"wanted clip\.mouth_frames=NUMBER, such as 24, got 0"):
        config.parse({"model": {"name": "audiovisual", "pretrained": True}, "clip": native}, "here")
    with pytest.raises(InputError, match=r"predict\.crops: .*less than or equal to 8"):
        config.parse({"model": {"name": "audiovisual"}, "clip": native, "predict": {"crops": 9}}, "here")


def test_a_blank_batch_has_every_array_of_the_shapes() -> None:
    shapes = ClipDataset([], settings(), ALL, Views(2)).shapes()
    batch = blank([SampleInfo(0, "a", 0.0, "ok"), SampleInfo(1, "b", 1.0, "ok")], shapes)
    assert {name: tuple(tensor.shape) for name, tensor in batch.arrays().items()} == {
        name: (2, *shape) for name, shape in shapes.all().items()
    }
    assert batch.usable.all() and batch.only(torch.tensor([False, True])).infos[0].video_name == "b"


def test_frames_of_a_damaged_file_stand_for_those_that_are_missing(rows: list[Row]) -> None:
    data = ClipDataset(rows, settings(), ALL)
    view = read_clip(rows[0].path, [0.5], data.settings.clip, 16_000, ALL).views[0]
    assert view.frames is not None
    cut = replace(view, frames=Frames(view.frames.pixels[:5], view.frames.seconds[:5], True))
    ((made,), _) = SampleViews(rows, data.settings, ALL, Views(), None)(0, (cut,), None)
    assert made.frames is not None and len(made.frames.pixels) == 2 and len(made.mouth.pixels) == 5
    assert made.crops is not None and cv2.countNonZero(made.crops[1].reshape(-1)) > 0
