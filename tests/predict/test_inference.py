"""Running a model without learning: the same logits however many go at once, halved when memory is short,
sound read once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from model_outputs import output_of
from torch import nn

from telltale import config, models
from telltale.data.batch import Batch, SampleInfo
from telltale.errors import InputError
from telltale.predict.inference import Inference

CPU = torch.device("cpu")


def batch(count: int = 6, views: int = 2, frames: int = 2, size: int = 32) -> Batch:
    draw = torch.Generator().manual_seed(3)
    usable = torch.rand(count, views, generator=draw) < 0.7
    usable[0] = True
    usable[1] = False
    return Batch(
        [SampleInfo(row, f"{row}.mp4", 1.0, "ok") for row in range(count)],
        torch.randint(0, 256, (count, views, frames, size, size, 3), dtype=torch.uint8, generator=draw),
        torch.rand(count, views, 32, 20, generator=draw) * -80,
        usable.clone(),
        usable.clone(),
        torch.rand(count, views, frames, generator=draw),
        torch.ones(count),
        usable,
    )


class Sums(nn.Module):
    """A logit that says what it saw: the left edge of the pictures and the loudness. Memory for `room` views
    at once."""

    def __init__(self, room: int = 10**6) -> None:
        super().__init__()
        self.room, self.heard, self.calls = room, 0, 0

    def forward(self, pictures, mel, has_picture, has_sound, frame_seconds):
        self.calls += 1
        if len(pictures) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 7 GiB")
        self.heard += len(mel)
        sound = mel.mean((1, 2)).repeat(len(pictures) // len(mel))
        return output_of(pictures[..., 0].mean((1, 2, 3)) + sound)


def expected(given: Batch, flip: bool) -> np.ndarray:
    """Worked by hand, a view at a time."""
    count, views = given.usable.shape
    found = np.full((count, views * (1 + flip)), np.nan)
    for row, view in np.argwhere(given.usable.numpy()):
        picture = given.pictures[row, view].numpy() / np.float32(255)
        loud = given.mel[row, view].numpy().mean()
        found[row, view] = picture[:, :, 0].mean() + loud
        if flip:
            found[row, views + view] = picture[:, :, -1].mean() + loud
    return found


@pytest.mark.parametrize("flip", [False, True])
def test_each_view_gets_its_own_logit(flip):
    given = batch()
    np.testing.assert_allclose(
        Inference(Sums(), CPU, "off", flip=flip)(given), expected(given, flip), rtol=1e-5
    )


def test_nothing_usable_asks_nothing_of_the_model():
    given, model = batch(), Sums()
    given.usable[:] = False
    assert np.isnan(Inference(model, CPU, "off")(given)).all() and model.calls == 0


def test_halves_until_it_fits_says_so_and_keeps_to_it(capsys):
    given, model = batch(count=16), Sums(room=1)
    infer = Inference(model, CPU, "off")
    np.testing.assert_allclose(infer(given), expected(given, False), rtol=1e-5)
    said = capsys.readouterr().err
    assert (
        said.count("out of memory") == 2
        and "4 views at once; going on with 2" in said
        and "going on with 1" in said
    )
    infer(given)
    assert capsys.readouterr().err == ""


def test_too_much_for_one_view_is_one_sentence():
    with pytest.raises(InputError, match="one view of one clip is too much for the memory of cpu"):
        Inference(Sums(room=0), CPU, "off")(batch())


def test_other_errors_are_not_swallowed():
    class Broken(nn.Module):
        def forward(self, **inputs):
            raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        Inference(Broken(), CPU, "off")(batch())


def test_where_nothing_can_be_compiled_one_sentence_says_so(monkeypatch):
    from torch._dynamo.exc import TorchDynamoException

    def broken(*_, **__):
        raise TorchDynamoException("no C++ compiler")

    monkeypatch.setattr(torch, "compile", lambda model, dynamic: broken)
    with pytest.raises(
        InputError, match=r"predict\.compile: torch\.compile cannot be used here \(no C\+\+ compiler\)"
    ):
        Inference(Sums(), CPU, "off", compiled=True)(batch())


def test_a_mirror_image_does_not_hear_again():
    given, model = batch(), Sums()
    Inference(model, CPU, "off", flip=True)(given)
    assert model.heard == int(given.usable.sum())


def audiovisual() -> tuple[nn.Module, config.Config]:
    settings = config.read(
        Path(__file__).parents[1] / "worlds" / "tiny.yaml",
        ["model.name=audiovisual", "clip.frames=2", "clip.image_size=32"],
    )
    torch.manual_seed(5)
    return models.build(settings.model, settings.mel, settings.clip, initialise=False).eval(), settings


def test_shared_sound_gives_what_repeated_sound_gives():
    model, settings = audiovisual()
    pictures, mel = torch.rand(4, 2, 3, 32, 32), torch.rand(2, settings.mel.n_mels, 40) * -80
    there, heard = torch.ones(4, dtype=torch.bool), torch.tensor([True, False, True, False])
    times = torch.rand(4, 2)
    with torch.inference_mode():
        once = model(pictures, mel, there, heard, times).logit
        repeated = model(pictures, mel.repeat(2, 1, 1), there, heard, times).logit
    torch.testing.assert_close(once, repeated, rtol=1e-5, atol=1e-6)


def test_logits_do_not_depend_on_the_number_of_threads():
    model, settings = audiovisual()
    given = batch(count=5)
    given = replace(given, mel=torch.rand(5, 2, settings.mel.n_mels, 40) * -80)
    before = torch.get_num_threads()
    found = []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            found.append(Inference(model, CPU, "off")(given))
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(*found)
