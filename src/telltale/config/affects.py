"""What a key of the configuration affects. Every key says it, with one of the types below:

    workers: Speed[FromZero | None] = None

Which keys a resumed run may change, which a prediction's journal depends on and which runs over seeds may
differ in follows from it (`keys.affecting`).
"""

from enum import StrEnum
from typing import Annotated, TypeAlias, TypeVar

T = TypeVar("T")


class Affects(StrEnum):
    """What changes if a key does. `telltale keys` explains each."""

    RESULT = "result"
    SEED = "seed"
    ROUNDING = "rounding"
    TIMEOUT = "timeout"
    LENGTH = "length"
    FALLBACK = "fallback"
    RULES = "rules"
    SPEED = "speed"


Result: TypeAlias = Annotated[T, Affects.RESULT]
Seed: TypeAlias = Annotated[T, Affects.SEED]
Rounding: TypeAlias = Annotated[T, Affects.ROUNDING]
Timeout: TypeAlias = Annotated[T, Affects.TIMEOUT]
Length: TypeAlias = Annotated[T, Affects.LENGTH]
Fallback: TypeAlias = Annotated[T, Affects.FALLBACK]
Rules: TypeAlias = Annotated[T, Affects.RULES]
Speed: TypeAlias = Annotated[T, Affects.SPEED]
