"""One clock: frames keep their times from the decoder to the model, which has them on the sound's scale."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from decode_clips import number, write_video
from store_entries import alike, entry, opened
from torch import Tensor

from telltale import config, models
from telltale.data import store as store_file
from telltale.data.batch import EVALUATION, Batch, SampleKey, read_batch
from telltale.data.clip import View, frame_times, read_clip
from telltale.data.dataset import ClipDataset, open_store
from telltale.data.manifest import Row
from telltale.data.views import Views
from telltale.decode.frames import decode_jpegs, encode_jpegs
from telltale.forge.face import Landmarks
from telltale.models.audiovisual import Stream
from telltale.predict.inference import mirrored

BOTH = ("picture", "sound")
FPS = 25


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Clips of 2 and of 6 seconds whose frame k shows the number k."""
    folder = tmp_path_factory.mktemp("times")
    return {seconds: write_video(folder / f"{seconds}.mp4", seconds * FPS) for seconds in (2, 6)}


def settings(**clip: object) -> config.Config:
    tree = {
        "name": "audiovisual",
        "picture_backbone": "test_resnet",
        "sound_backbone": "test_efficientnet",
        "width": 32,
    }
    return config.parse({"model": tree, "clip": {"seconds": 4.0, "image_size": 64, **clip}}, "test")


def read(path: Path, spans: int = 1, **clip: object) -> Batch:
    return read_batch(
        ClipDataset([Row(path.name, path, 0)], settings(**clip), BOTH, Views(spans)),
        [SampleKey(0, EVALUATION)],
    )


def shown(batch: Batch, view: int = 0) -> np.ndarray:
    """When the frames of a view came on show, in seconds of the clip, by the numbers that they show."""
    return np.array([number(frame.numpy()) for frame in batch.pictures[0, view]]) / FPS


@pytest.mark.parametrize("sampling", ["exact", "reference", "keyframes"])
@pytest.mark.parametrize("frames", [1, 5, 8])
def test_the_times_of_a_batch_are_those_of_the_frames_it_shows(videos, sampling: str, frames: int) -> None:
    for seconds, start in ((2, 0.0), (6, 1.0)):  # the span in the middle
        batch = read(videos[seconds], sampling=sampling, frames=frames)
        assert batch.frame_seconds.dtype == torch.float32 and batch.frame_seconds.shape == (1, 1, frames)
        np.testing.assert_allclose(batch.frame_seconds[0, 0], shown(batch) - start, atol=1e-6)
    batch = read(videos[6], spans=2, sampling=sampling, frames=frames)
    for view, start in enumerate((0.0, 2.0)):
        np.testing.assert_allclose(batch.frame_seconds[0, view], shown(batch, view) - start, atol=1e-6)


def test_a_sample_keeps_the_frames_with_the_times_that_were_decoded(videos) -> None:
    """Whatever is done to the pixels on the way to the batch: fitting, augmentation, a store of JPEGs."""
    chosen = settings(frames=5, sampling="exact", image_size=48)
    for key in (SampleKey(0, EVALUATION), SampleKey(0, 3)):
        data = ClipDataset([Row("6.mp4", videos[6], 0)], chosen, BOTH, Views(training=True))
        (view,) = data.sample(key).views
        position = 0.5 if key.epoch == EVALUATION else np.random.default_rng([chosen.seed, 3, 0]).uniform()
        (decoded,) = read_clip(videos[6], [position], chosen.clip, 16_000, BOTH).views
        assert view.frames is not None and decoded.frames is not None
        assert np.array_equal(view.frames.seconds, decoded.frames.seconds)
        assert view.frames.pixels.shape == (5, 48, 48, 3)
        assert view.start_seconds == decoded.start_seconds == pytest.approx(2.0 * position)
        batch = read_batch(data, [key])
        assert batch.infos[0].view_starts == (view.start_seconds,)
        # So the times of the clip are known to who has the batch alone.
        times = batch.frame_seconds[0, 0].numpy() + batch.infos[0].view_starts[0]
        np.testing.assert_allclose(times, decoded.frames.seconds, atol=1e-6)


def test_frame_times_are_the_span_from_end_to_end_and_its_middle_for_one_frame() -> None:
    assert frame_times(1.0, 4.0, 5).tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert frame_times(1.0, 4.0, 2).tolist() == [1.0, 5.0]
    assert frame_times(1.0, 4.0, 1).tolist() == [3.0]
    assert frame_times(0.0, 0.0, 3).tolist() == [0.0, 0.0, 0.0]


def test_both_backends_read_the_same_sound(clips: Path) -> None:
    heard = 0
    for path in sorted(clips.glob("train/*.mp4"))[:5]:
        one, other = (
            read_clip(path, [0.5], config.ClipSettings(seconds=1.0, **chosen), 16_000, ("sound",))
            for chosen in ({"backend": "pyav"}, {"backend": "decord", "sampling": "exact"})
        )
        assert (one.status, len(one.views)) == (other.status, len(other.views))
        for view, same in zip(one.views, other.views, strict=True):
            assert view.wave is not None and same.wave is not None
            np.testing.assert_array_equal(view.wave.samples, same.wave.samples)
            heard += 1
    assert heard


def positions(
    model: torch.nn.Module, inputs: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> list[Tensor]:
    """Where the model puts its frames and its sound columns."""
    found: list[Tensor] = []
    tokens = Stream.tokens
    monkeypatch.setattr(
        Stream, "tokens", lambda self, features, times: found.append(times) or tokens(self, features, times)
    )
    with torch.inference_mode():
        model.eval()(**inputs)
    return found


def inputs_of(batch: Batch, chosen: config.Config) -> dict[str, Tensor]:
    columns = ClipDataset([], chosen, BOTH).shapes().mel[1:]
    silent = replace(batch, mel=torch.full((1, 1, *columns), -100.0), has_sound=batch.has_picture)
    return silent.inputs(torch.device("cpu"))


def test_picture_and_sound_tokens_of_a_short_clip_stand_on_one_scale(videos, monkeypatch) -> None:
    """The mel is 4 s long whatever the clip; a frame at t seconds stands beside the columns at t seconds."""
    chosen = settings(frames=5, sampling="exact")
    model = models.build(chosen.model, chosen.mel, chosen.clip, initialise=False)
    inputs = inputs_of(read(videos[2], frames=5, sampling="exact"), chosen)
    seen, heard = positions(model, inputs, monkeypatch)
    columns = heard * 4.0
    assert (
        torch.allclose(columns.diff(), columns.diff()[0])
        and 3.7 < columns[-1] < 4 < columns[-1] + columns[0] + 0.01
    )
    np.testing.assert_allclose(seen[0] * 4.0, [0.0, 0.48, 1.0, 1.48, 1.96], atol=0.03)
    # Before, whatever the clip's length: and so for checkpoints from then.
    then = models.build(
        chosen.model.model_copy(update={"audiovisual_clock": "span"}),
        chosen.mel,
        chosen.clip,
        initialise=False,
    )
    assert torch.equal(positions(then, inputs, monkeypatch)[0], torch.linspace(0, 1, 5))


def test_the_frame_of_a_one_frame_clip_stands_in_the_middle(videos, monkeypatch) -> None:
    chosen = settings(frames=1, sampling="exact")
    model = models.build(chosen.model, chosen.mel, chosen.clip, initialise=False)
    for seconds, middle in ((2, 0.25), (6, 0.5)):
        inputs = inputs_of(read(videos[seconds], frames=1, sampling="exact"), chosen)
        assert positions(model, inputs, monkeypatch)[0].item() == pytest.approx(middle, abs=0.01)
        assert torch.equal(mirrored(inputs)["frame_seconds"], inputs["frame_seconds"].repeat(2, 1))


def test_a_frame_that_stands_for_those_behind_damage_keeps_its_time(hostile: Path) -> None:
    batch = read(hostile / "truncfs.mp4", frames=8)
    times, pictures = batch.frame_seconds[0, 0], batch.pictures[0, 0]
    assert batch.infos[0].status == "partial"
    repeated = [k for k in range(1, 8) if torch.equal(pictures[k], pictures[k - 1])]
    assert repeated and all(times[k] == times[k - 1] for k in repeated)
    assert all(times[k] > times[k - 1] for k in range(1, 8) if k not in repeated)


def test_a_clip_without_pictures_has_zeros_and_a_model_that_sees_none_has_no_times(hostile: Path) -> None:
    assert not read(hostile / "audioonly.mp4").frame_seconds.any()
    heard = ClipDataset([Row("a.mp4", hostile / "audioonly.mp4", 0)], settings(), ("sound",))
    assert read_batch(heard, [SampleKey(0, EVALUATION)]).frame_seconds.shape == (1, 1, 0)


def test_a_store_keeps_the_times(videos, tmp_path) -> None:
    chosen = settings(frames=5)
    rows = [Row(path.name, path, 0) for path in videos.values()]
    plain = read_batch(
        ClipDataset(rows, chosen, BOTH, Views(2)), [SampleKey(0, EVALUATION), SampleKey(1, EVALUATION)]
    )
    for _ in range(2):
        store = open_store(tmp_path / "s", chosen, BOTH)
        again = read_batch(
            ClipDataset(rows, chosen, BOTH, Views(2), store),
            [SampleKey(0, EVALUATION), SampleKey(1, EVALUATION)],
        )
        assert torch.equal(again.frame_seconds, plain.frame_seconds) and plain.frame_seconds.any()
        assert torch.equal(again.pictures, plain.pictures)
    assert store.hits == 4


def test_jpegs_come_out_as_the_frames_they_hold_with_their_times(videos, tmp_path):
    coded = encode_jpegs(entry().frames.pixels, 90)
    shown = replace(entry(), frames=replace(entry().frames, pixels=decode_jpegs(coded)))
    store = opened(tmp_path / "s")
    store.put(videos[2], 0.5, shown, coded)
    assert alike(store.get(videos[2], 0.5), shown)


def test_an_entry_from_before_times_were_kept_is_a_miss(videos, tmp_path, monkeypatch):
    with monkeypatch.context() as earlier:
        earlier.setattr(store_file, "FORMAT", 1)
        opened(tmp_path / "s").put(videos[2], 0.5, entry())
    store = opened(tmp_path / "s")
    assert store.get(videos[2], 0.5) is None
    store.put(videos[2], 0.5, entry())
    assert alike(store.get(videos[2], 0.5), entry())


def test_landmarks_are_those_of_the_frames_that_are_shown(videos) -> None:
    """SBI's one frame shows its span's middle, anywhere in the clip: its face is looked for then."""
    chosen = settings(frames=1, sampling="exact")
    asked: list[np.ndarray] = []

    class Asked(Landmarks):
        def at(self, seconds: np.ndarray) -> np.ndarray:
            asked.append(seconds)
            return super().at(seconds)

    known = {
        "6.mp4": Asked(
            np.arange(6.0), np.random.default_rng(0).uniform(0.3, 0.7, (6, 81, 2)).astype(np.float32)
        )
    }
    data = ClipDataset(
        [Row("6.mp4", videos[6], 0)], chosen, ("picture",), Views(training=True, blends=True, landmarks=known)
    )
    for epoch in range(4):
        batch = read_batch(data, [SampleKey(0, epoch)])
        position = np.random.default_rng([chosen.seed, epoch, 0]).uniform(0.0, 1.0)
        (times,) = asked.pop()
        assert times == pytest.approx(position * 2.0 + 2.0, abs=1 / FPS)
        np.testing.assert_allclose(
            batch.frame_seconds[0, :, 0], times - position * 2.0, atol=1e-6
        )  # of both views


def test_a_view_refuses_nonsense(videos) -> None:
    (view,) = read_clip(videos[2], [0.5], settings().clip, 16_000, BOTH).views
    assert view.frames is not None and len(view.frames.seconds) == 8
    for start in (-0.1, float("nan")):
        with pytest.raises(ValueError, match="start_seconds: wanted a number from 0 on"):
            View(start, view.frames, view.wave)
