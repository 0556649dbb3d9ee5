"""Short recordings of invented people in an invented room, for tests of sound."""

from functools import cache

import numpy as np

from telltale.demo.clip import MARGIN_SECONDS
from telltale.demo.identity import draw_identity, draw_scene
from telltale.demo.speech import RATE_HZ, record, speak
from telltale.zoo.sound_scene import SoundScene


@cache
def sound_scene(seed: int, seconds: float = 1.6) -> SoundScene:
    """Somebody speaks, and somebody else in the same room."""
    rng = np.random.default_rng([seed, 77])
    room, margin = draw_scene(rng), round(MARGIN_SECONDS * RATE_HZ)
    voices = [draw_identity(rng).voice for _ in range(2)]
    longer, other = (
        record(rng, speak(rng, voice, seconds + 2 * MARGIN_SECONDS).samples, room) for voice in voices
    )
    return SoundScene(longer[margin:-margin], longer, other)
