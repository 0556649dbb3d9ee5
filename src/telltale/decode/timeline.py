"""Decoded sound laid on the clip's clock: gaps stay zeros, steps of a coarse clock are no gaps, one resampling at the end."""

import contextlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from numpy.typing import NDArray

from telltale.decode.container import DecodeError, Limits, reason, tick, zero
from telltale.decode.cut import is_cut

# Nearer than this the sound is decoded from its start, which makes every sample exact: a seek restarts the decoder, and codings
# that remember (noise substitution, bit reservoirs) differ a little behind it. A second of sound decodes in 2.5 ms.
_SEEK_BEYOND_SECONDS = 60.0
# Sound before and behind the span that the resampler's filter sees, so that a span equals the same slice of a longer one.
_LEAD_IN_SECONDS = 2
_LEAD_OUT_SECONDS = 0.25
_HIGHEST_RATE_HZ = 768_000


class Timeline:
    """The mono sound of one span and a little around it, at the rate of the source.

    Positions count samples from `base`, a whole second: there the grids of all rates meet, so that every span of a clip is cut
    from one and the same resampled sound.
    """

    def __init__(self, path: Path, start_seconds: float, seconds: float) -> None:
        self._path = path
        self._start, self._end = start_seconds, start_seconds + seconds
        self.base = int(np.floor(start_seconds)) - _LEAD_IN_SECONDS
        self._rate = 0
        self._position: int | None = None  # where the next frame goes if its time says nothing else
        self._pieces: list[tuple[int, NDArray[np.float32]]] = []

    def fill(self, container: InputContainer, stream: AudioStream, limits: Limits) -> DecodeError | None:
        """Decode what the span needs; returns what ended it before its time, if anything did."""
        origin, unit = zero(container), tick(stream)
        if self._start > _SEEK_BEYOND_SECONDS:
            with contextlib.suppress(av.FFmpegError):  # no way to seek: from the start
                container.seek(int((self.base + origin) / unit), stream=stream)
        packets = container.demux(stream)
        decoded = 0
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                return self._damage(f"reading stopped ({reason(error)})")
            if packet is None:
                break
            at = self._seconds(packet, origin, unit)
            if at >= self._end + _LEAD_OUT_SECONDS:
                return None
            try:
                frames = self._decode(packet)
            except DecodeError as error:
                if at < self._start:
                    continue  # each packet stands for itself: damage before the span is not damage of the span
                return error if at < self._end else None
            for frame in frames:
                decoded += 1
                if decoded > limits.max_decoded_frames:
                    return DecodeError(
                        "too_large", f"{self._path}: more than {limits.max_decoded_frames} sound frames to decode"
                    )
                if (trouble := self._lay(frame, origin, unit)) is not None:
                    return trouble
        if self._sound_end() < self._end and is_cut(self._path):
            return self._damage("the file is cut short")
        return None

    def resampled(self, rate_hz: int, first: int, count: int) -> NDArray[np.float32]:
        """Up to `count` samples at `rate_hz` from sample `first` of the clip's grid; none when no sound lies among them."""
        pieces = [(at, piece) for at, piece in self._pieces if self._inside(at, len(piece))]
        if not pieces:
            return np.empty(0, np.float32)
        whole = np.zeros(max(at + len(piece) for at, piece in self._pieces), np.float32)
        for at, piece in self._pieces:
            whole[max(at, 0) : at + len(piece)] = piece[max(-at, 0) :]
        sound = _resample(whole, self._rate, rate_hz)
        offset = first - self.base * rate_hz
        return np.clip(np.nan_to_num(sound[offset : offset + count]), -1, 1)

    def _decode(self, packet: "Packet[AudioStream]") -> list[AudioFrame]:
        if packet.is_corrupt:
            raise self._damage("a packet of sound is cut short")
        try:
            return packet.decode()
        except av.FFmpegError as error:
            raise self._damage(f"decoding of sound stopped ({reason(error)})") from None

    def _lay(self, frame: AudioFrame, origin: Fraction, unit: Fraction) -> DecodeError | None:
        """Put a frame at its place; returns what makes the rest unreadable."""
        rate = frame.sample_rate
        if not 0 < rate <= _HIGHEST_RATE_HZ:
            return DecodeError("too_large", f"{self._path}: sound at {rate} Hz; wanted 1 to {_HIGHEST_RATE_HZ}")
        if self._rate not in (0, rate):
            return DecodeError("failed", f"{self._path}: the sound changes from {self._rate} to {rate} Hz within the clip")
        self._rate = rate
        if frame.pts is not None:
            told = round((frame.pts * unit - origin - self.base) * rate)
            # A Matroska tick is a millisecond, many samples long: a step below it is the clock's grain, not a gap.
            if self._position is None or abs(told - self._position) > 1 + unit * rate:
                self._position = told
        at = self._position or 0
        self._position = at + frame.samples
        if at + frame.samples > 0 and at < (self._end + _LEAD_OUT_SECONDS - self.base) * rate:
            self._pieces.append((at, _mono(frame)))
        return None

    def _seconds(self, packet: Packet, origin: Fraction, unit: Fraction) -> float:
        """When a packet's sound begins on the clip's clock; one without a time follows the one before."""
        if packet.pts is not None:
            return float(packet.pts * unit - origin)
        return self.base + (self._position or 0) / max(self._rate, 1)

    def _inside(self, at: int, length: int) -> bool:
        return at < (self._end - self.base) * self._rate and at + length > (self._start - self.base) * self._rate

    def _sound_end(self) -> float:
        return self.base + (self._position or 0) / max(self._rate, 1)

    def _damage(self, what: str) -> DecodeError:
        return DecodeError("damaged", f"{self._path}: {what}")


def _mono(frame: AudioFrame) -> NDArray[np.float32]:
    """float32 (N,): the plain average of the channels, full scale at 1."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    full = 1.0 if samples.dtype.kind == "f" else 2.0 ** (8 * samples.dtype.itemsize - 1)
    middle = full if samples.dtype.kind == "u" else 0.0
    return np.asarray((samples.mean(axis=0) - middle) / full, np.float32)


def _resample(samples: NDArray[np.float32], from_hz: int, to_hz: int) -> NDArray[np.float32]:
    """float32 (N,) at another rate, by libav's resampler; sample 0 stays at its time."""
    if from_hz == to_hz:
        return samples
    frame = AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
    frame.sample_rate = from_hz
    resampler = AudioResampler(format="flt", layout="mono", rate=to_hz)
    parts = resampler.resample(frame) + resampler.resample(None)
    length = -(-len(samples) * to_hz // from_hz)
    return np.concatenate([samples[:0], *(part.to_ndarray()[0] for part in parts)])[:length]
