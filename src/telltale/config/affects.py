"""What a key of the configuration affects. Every key says it, with one of the types below:

    workers: Speed[FromZero | None] = None

Which keys a resumed run may change, which a prediction's journal depends on and which runs over seeds may
differ in follows from it (`keys.affecting`).
"""

from enum import StrEnum
from typing import Annotated, TypeAlias, TypeVar

T = TypeVar("T")


class Affects(StrEnum):
    """What changes if a key does."""

    RESULT = "result"
    SEED = "seed"
    ROUNDING = "rounding"
    TIMEOUT = "timeout"
    LENGTH = "length"
    FALLBACK = "fallback"
    RULES = "rules"
    SPEED = "speed"


MEANINGS = {
    Affects.RESULT: "the weights or the scores",
    Affects.SEED: "the random draws",
    Affects.ROUNDING: "the last bits of weights and scores",
    Affects.TIMEOUT: "which clips are given up because a machine is slow",
    Affects.LENGTH: "when training ends or is saved, not what a step does",
    Affects.FALLBACK: "what the submission says of a clip without a score",
    Affects.RULES: "whether the run is permitted",
    Affects.SPEED: "how long the run takes, and how much disk",
}

Result: TypeAlias = Annotated[T, Affects.RESULT]
Seed: TypeAlias = Annotated[T, Affects.SEED]
Rounding: TypeAlias = Annotated[T, Affects.ROUNDING]
Timeout: TypeAlias = Annotated[T, Affects.TIMEOUT]
Length: TypeAlias = Annotated[T, Affects.LENGTH]
Fallback: TypeAlias = Annotated[T, Affects.FALLBACK]
Rules: TypeAlias = Annotated[T, Affects.RULES]
Speed: TypeAlias = Annotated[T, Affects.SPEED]
