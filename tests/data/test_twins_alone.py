"""Where twins come from: kinds that can do without another span of the clip do; wrong names stop early."""

from pathlib import Path

import numpy as np
import pytest

from telltale import config
from telltale.data.clip import read_clip
from telltale.data.dataset import ClipDataset
from telltale.data.manifest import Row
from telltale.data.twins import TwinMaker
from telltale.data.views import Views
from telltale.errors import InputError

READS = ("picture", "sound")


def test_sound_is_shifted_in_a_clip_that_has_no_other_span(tiny: Path) -> None:
    """A span of the whole clip has no other one: its sound is shifted, but not replaced by another span's."""
    path = sorted((tiny / "train").glob("*.mp4"))[0]
    for name, made in (("sound_shifted", True), ("sound_of_another_span", False)):
        settings = config.Config(
            model=config.ModelSettings(name="audiovisual"),
            clip=config.ClipSettings(seconds=30.0, frames=4, image_size=32),
            pseudo=config.PseudoSettings(kinds=(name,)),
        )
        view = read_clip(path, [0.5], settings.clip, settings.mel.rate_hz, READS).views[0]
        maker = TwinMaker([Row(path.name, path, 0)], settings, READS, {}, None)
        twin = maker.make(0, view, np.random.default_rng(1))
        assert (twin is not None) is made
        if twin is not None:
            assert twin.view.wave is not None and view.wave is not None
            assert twin.forgery.kind == name and not np.array_equal(twin.view.wave.samples, view.wave.samples)


def test_a_kind_that_does_not_exist_stops_before_the_first_sample() -> None:
    wrong = config.Config(
        model=config.ModelSettings(name="audiovisual"), pseudo=config.PseudoSettings(kinds=("resample",))
    )
    data = ClipDataset([], wrong, READS, Views.of_training("twins"))
    with pytest.raises(InputError, match="there is no pseudo-forgery 'resample'; did you mean resampled"):
        data.prepare()
