"""Decoded sound laid on the clip's clock: gaps stay zeros, steps of a coarse clock are no gaps, one
resampling at the end."""

from pathlib import Path

import av
import numpy as np
import soxr
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet
from numpy.typing import NDArray

from telltale.decode.container import DecodeError, reason, tick, zero
from telltale.decode.demux import Demuxer
from telltale.decode.truncation import is_truncated

# Nearer than this the sound is decoded from its start, which makes every sample exact: a seek restarts the
# decoder, and codings that remember (noise substitution, bit reservoirs) differ a little behind it. A second
# of sound decodes in 2.5 ms.
_SEEK_BEYOND_SECONDS = 60.0
# Sound before and behind the span that the resampler's filter sees, so that a span equals the same slice of a
# longer one; behind a seek the decoder needs some more.
_LEAD_IN_SECONDS = 1
_LEAD_IN_SOUGHT_SECONDS = 2
_LEAD_OUT_SECONDS = 0.25
_HIGHEST_RATE_HZ = 768_000
_PIECE_SAMPLES = 16_384


class Timeline:
    """The mono sound of one span and a little around it, at the rate of the source.

    Positions count samples from `base`, a whole second: there the grids of all rates meet, so that every span
    of a clip is cut from one and the same resampled sound.
    """

    def __init__(self, path: Path, start_seconds: float, seconds: float) -> None:
        self._path = path
        self._start, self._end = start_seconds, start_seconds + seconds
        lead_in = _LEAD_IN_SOUGHT_SECONDS if start_seconds > _SEEK_BEYOND_SECONDS else _LEAD_IN_SECONDS
        self.base = max(int(np.floor(start_seconds)) - lead_in, 0)
        self._rate = 0
        self._position: int | None = None  # where the next frame goes if its time says nothing else
        self._runs: list[Run] = []

    def fill(self, demuxer: Demuxer, stream: AudioStream) -> DecodeError | None:
        """Decode what the span needs; returns what ended it before its time, if anything did."""
        self._origin, self._unit = zero(demuxer.container), tick(stream)
        origin, unit = (
            float(self._origin),
            float(self._unit),
        )  # numbers of ten thousand packets: fractions are slow
        if self._start > _SEEK_BEYOND_SECONDS:  # where there is no way to seek: from the start
            demuxer.seek(int((self.base + self._origin) / self._unit), stream)
        decoded = 0
        while True:
            try:
                packet = demuxer.next(stream)
            except av.FFmpegError as error:
                return self._damage(f"reading stopped ({reason(error)})")
            if packet is None:
                break
            # A packet without a time follows the one before.
            at = self._sound_end() if packet.pts is None else packet.pts * unit - origin
            if at >= self._end + _LEAD_OUT_SECONDS:
                return None
            try:
                frames = self._decode(packet)
            except DecodeError as error:
                if at < self._start:
                    # each packet stands for itself: damage before the span is not damage of the span
                    continue
                return error if at < self._end else None
            for frame in frames:
                decoded += 1
                if decoded > demuxer.limits.max_decoded_frames:
                    return DecodeError(
                        "too_large",
                        f"{self._path}: more than {demuxer.limits.max_decoded_frames} sound frames to decode",
                    )
                if (trouble := self._lay(frame)) is not None:
                    return trouble
        if self._sound_end() < self._end and is_truncated(self._path):
            return self._damage("the file is cut short")
        return None

    def resampled(self, rate_hz: int, first: int, count: int) -> NDArray[np.float32]:
        """Up to `count` samples at `rate_hz` from sample `first` of the clip's grid; none when no sound lies
        among them."""
        if not any(self._inside(run) for run in self._runs):
            return np.empty(0, np.float32)
        whole = np.zeros(max(run.end for run in self._runs), np.float32)
        for run in self._runs:
            whole[max(run.at, 0) : run.end] = run.mono()[max(-run.at, 0) :]
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

    def _lay(self, frame: AudioFrame) -> DecodeError | None:
        """Put a frame at its place; returns what makes the rest unreadable."""
        rate = frame.sample_rate
        if rate != self._rate:
            if not 0 < rate <= _HIGHEST_RATE_HZ:
                return DecodeError(
                    "too_large", f"{self._path}: sound at {rate} Hz; wanted 1 to {_HIGHEST_RATE_HZ}"
                )
            if self._rate:
                return DecodeError(
                    "failed",
                    f"{self._path}: the sound changes from {self._rate} to {rate} Hz within the clip",
                )
            self._set_rate(rate)
        if frame.pts is not None:
            told = (frame.pts * self._times + self._plus) // self._by
            # A Matroska tick is a millisecond, many samples long: a step below it is the clock's grain, not a
            # gap.
            if self._position is None or abs(told - self._position) > self._grain:
                self._position = told
        at = self._position or 0
        self._position = end = at + frame.samples
        if end > 0 and at < self._until:
            if not self._runs or not self._runs[-1].goes_on(at, frame):
                self._runs.append(Run(at, frame))
            self._runs[-1].add(frame)
        return None

    def _set_rate(self, rate: int) -> None:
        """Whole numbers that turn a time in ticks into a position: round((pts * unit - origin - base) *
        rate), halves up."""
        self._rate = rate
        scale, shift = self._unit * rate, (self._origin + self.base) * rate
        self._times = 2 * scale.numerator * shift.denominator
        self._by = 2 * scale.denominator * shift.denominator
        self._plus = self._by // 2 - 2 * shift.numerator * scale.denominator
        self._grain = 1 + scale
        self._until = (self._end + _LEAD_OUT_SECONDS - self.base) * rate

    def _inside(self, run: "Run") -> bool:
        return (
            run.at < (self._end - self.base) * self._rate and run.end > (self._start - self.base) * self._rate
        )

    def _sound_end(self) -> float:
        return self.base + (self._position or 0) / max(self._rate, 1)

    def _damage(self, what: str) -> DecodeError:
        return DecodeError("damaged", f"{self._path}: {what}")


class Run:
    """Frames of one form that follow each other without a gap, from position `at` to `end`."""

    def __init__(self, at: int, frame: AudioFrame) -> None:
        self.at = self.end = at
        self._form = (frame.format.name, frame.layout.nb_channels)
        self._frames = AudioFifo()

    def goes_on(self, at: int, frame: AudioFrame) -> bool:
        return at == self.end and self._form == (frame.format.name, frame.layout.nb_channels)

    def add(self, frame: AudioFrame) -> None:
        frame.pts = None  # the places are ours; the queue has ideas of its own about gaps
        self._frames.write(frame)
        self.end += frame.samples

    def mono(self) -> NDArray[np.float32]:
        """float32 (N,): the plain average of the channels, full scale at 1. To be called once."""
        mono, at = np.empty(self.end - self.at, np.float32), 0
        # By pieces that stay in the cache: minutes of sound at once would be written and read again three
        # times.
        while (frame := self._frames.read(_PIECE_SAMPLES, partial=True)) is not None:
            samples = frame.to_ndarray()
            if not frame.format.is_planar:
                samples = samples.reshape(-1, frame.layout.nb_channels).T
            full = 1.0 if samples.dtype.kind == "f" else 2.0 ** (8 * samples.dtype.itemsize - 1)
            middle = full if samples.dtype.kind == "u" else 0.0
            average = samples.mean(axis=0)
            mono[at : at + frame.samples] = (
                average if samples.dtype == np.float32 else (average - middle) / full
            )
            at += frame.samples
        return mono


def _resample(samples: NDArray[np.float32], from_hz: int, to_hz: int) -> NDArray[np.float32]:
    """float32 (N,) at another rate, by soxr as librosa does it; sample 0 stays at its time."""
    return samples if from_hz == to_hz else soxr.resample(samples, from_hz, to_hz, quality="HQ")
