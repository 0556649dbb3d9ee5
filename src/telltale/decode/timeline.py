"""`Timeline`: decoded sound laid on the clip's clock, as one array that is resampled once.

Every frame of sound has a time. The timeline turns it into a position, which is a number of samples, and puts
the frame there. What no frame covers stays zero. So sound and picture keep their distance if the sound begins
late or pauses, which concatenating the frames would lose.

Three things make this subtle:

- Times are in ticks of the stream's clock. A tick of Matroska is a millisecond, which is many samples. A
  frame whose time is off by less than a tick follows the one before without a gap: the step is the clock's
  resolution, not a pause.
- A span must equal the same slice of a longer span, to the bit. So all spans are cut from one grid of
  samples, and the resampler sees some sound before and behind the span.
- A seek restarts the decoder, and codecs that remember (noise substitution, bit reservoirs) then give
  slightly other samples for a while. So the reader does not seek within the first minute.
"""

from pathlib import Path

import av
import numpy as np
import soxr
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet
from numpy.typing import NDArray

from telltale.decode.container import DecodeError, error_text, is_truncated, tick_seconds, zero_seconds
from telltale.decode.demux import Demuxer

# Spans that start earlier are decoded from the start of the sound, which makes every sample exact. A second
# of sound decodes in 2.5 ms.
_SEEK_BEYOND_SECONDS = 60.0
# Sound around the span that is decoded for the resampler's filter. After a seek the decoder needs some more
# before the span, to forget that it was restarted.
_LEAD_IN_SECONDS = 1
_LEAD_IN_SOUGHT_SECONDS = 2
_LEAD_OUT_SECONDS = 0.25
_HIGHEST_RATE_HZ = 768_000
_CHUNK_SAMPLES = 16_384


class Timeline:
    """The mono sound of one span and a little around it, at the rate of the source.

    Positions count samples from `base`, a whole second of the clip. At whole seconds the grids of all sample
    rates meet, so every span of a clip is cut from the same resampled sound whatever its own base is.
    """

    def __init__(self, path: Path, start_seconds: float, seconds: float) -> None:
        self._path = path
        self._start, self._end = start_seconds, start_seconds + seconds
        lead_in = _LEAD_IN_SOUGHT_SECONDS if start_seconds > _SEEK_BEYOND_SECONDS else _LEAD_IN_SECONDS
        self.base = max(int(np.floor(start_seconds)) - lead_in, 0)
        self._rate = 0  # of the source, known with the first frame
        self._position: int | None = None  # where the next frame goes unless its time says otherwise
        self._runs: list[Run] = []

    def fill(self, demuxer: Demuxer, stream: AudioStream) -> DecodeError | None:
        """Decode what the span needs. Returns the error that ended it early, if one did: what was decoded
        before it stays."""
        self._zero, self._tick = zero_seconds(demuxer.container), tick_seconds(stream)
        # Floats for the times of up to ten thousand packets, because fractions are slow. Positions are
        # computed from whole numbers (`_set_rate`).
        zero, tick = float(self._zero), float(self._tick)
        if self._start > _SEEK_BEYOND_SECONDS:  # if the file cannot be sought it is read from the start
            demuxer.seek(int((self.base + self._zero) / self._tick), stream)
        decoded = 0
        while True:
            try:
                packet = demuxer.next(stream)
            except av.FFmpegError as error:
                return self._damage(f"reading stopped ({error_text(error)})")
            if packet is None:
                break
            # A packet without a time follows the one before.
            seconds = self._sound_end() if packet.pts is None else packet.pts * tick - zero
            if seconds >= self._end + _LEAD_OUT_SECONDS:
                return None
            try:
                frames = self._decode(packet)
            except DecodeError as error:
                if seconds < self._start:
                    # Packets of sound are decoded one by one: damage before the span does not damage the
                    # span.
                    continue
                return error if seconds < self._end else None
            for frame in frames:
                decoded += 1
                if decoded > demuxer.limits.max_decoded_frames:
                    return DecodeError(
                        "too_large",
                        f"{self._path}: more than {demuxer.limits.max_decoded_frames} sound frames to decode",
                    )
                if (damage := self._place(frame)) is not None:
                    return damage
        if self._sound_end() < self._end and is_truncated(self._path):
            return self._damage("the file is cut short")
        return None

    def resampled(self, rate_hz: int, first: int, count: int) -> NDArray[np.float32]:
        """float32 (n,), n <= count: samples at `rate_hz` from sample `first` of the clip's grid. Empty if
        there is no sound among them."""
        if not any(self._inside(run) for run in self._runs):
            return np.empty(0, np.float32)
        whole = np.zeros(max(run.end for run in self._runs), np.float32)
        for run in self._runs:
            # A run may begin before `base`, at a negative position: that part is cut off.
            whole[max(run.start, 0) : run.end] = run.mono()[max(-run.start, 0) :]
        sound = _resample(whole, self._rate, rate_hz)
        offset = first - self.base * rate_hz
        # The resampler's filter overshoots at loud steps, and a codec may give NaN.
        return np.clip(np.nan_to_num(sound[offset : offset + count]), -1, 1)

    def _decode(self, packet: "Packet[AudioStream]") -> list[AudioFrame]:
        if packet.is_corrupt:
            raise self._damage("a packet of sound is cut short")
        try:
            return packet.decode()
        except av.FFmpegError as error:
            raise self._damage(f"decoding of sound stopped ({error_text(error)})") from None

    def _place(self, frame: AudioFrame) -> DecodeError | None:
        """Put a frame at its position. Returns the error if the sound cannot be read on from here."""
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
            by_time = (frame.pts * self._numerator + self._offset) // self._denominator
            # Follow the frame before unless the time is off by more than the clock's resolution: then it is a
            # gap, or the sound goes back.
            if self._position is None or abs(by_time - self._position) > self._resolution:
                self._position = by_time
        start = self._position or 0
        self._position = end = start + frame.samples
        if end > 0 and start < self._until:  # else the frame lies wholly before `base` or behind the span
            if not self._runs or not self._runs[-1].continues(start, frame):
                self._runs.append(Run(start, frame))
            self._runs[-1].add(frame)
        return None

    def _set_rate(self, rate: int) -> None:
        """Prepare whole numbers that turn a time in ticks into a position.

        The position of `pts` is round((pts * tick - zero - base) * rate), halves up. With the tick's and the
        zero's share as fractions a/b and c/d of samples that is floor((2*a*d * pts + b*d - 2*c*b) / (2*b*d)).
        Floats would be off by a sample late in long clips.
        """
        self._rate = rate
        scale, shift = self._tick * rate, (self._zero + self.base) * rate
        self._numerator = 2 * scale.numerator * shift.denominator
        self._denominator = 2 * scale.denominator * shift.denominator
        self._offset = self._denominator // 2 - 2 * shift.numerator * scale.denominator
        self._resolution = 1 + scale
        self._until = (self._end + _LEAD_OUT_SECONDS - self.base) * rate

    def _inside(self, run: "Run") -> bool:
        """Whether a run has sound inside the span, and not only around it."""
        start, end = ((seconds - self.base) * self._rate for seconds in (self._start, self._end))
        return run.start < end and run.end > start

    def _sound_end(self) -> float:
        """When the sound that was placed so far ends, in seconds of the clip."""
        return self.base + (self._position or 0) / max(self._rate, 1)

    def _damage(self, what: str) -> DecodeError:
        return DecodeError("damaged", f"{self._path}: {what}")


class Run:
    """Frames of one sample format and channel layout that follow each other without a gap, from position
    `start` to `end`."""

    def __init__(self, start: int, frame: AudioFrame) -> None:
        self.start = self.end = start
        self._form = (frame.format.name, frame.layout.nb_channels)
        self._frames = AudioFifo()

    def continues(self, start: int, frame: AudioFrame) -> bool:
        """Whether a frame at position `start` belongs to this run."""
        return start == self.end and self._form == (frame.format.name, frame.layout.nb_channels)

    def add(self, frame: AudioFrame) -> None:
        frame.pts = None  # positions are ours: the queue would refuse or fill gaps by its own rule
        self._frames.write(frame)
        self.end += frame.samples

    def mono(self) -> NDArray[np.float32]:
        """float32 (N,): the average of the channels, full scale at 1. Can be called once, because it empties
        the queue."""
        mono, at = np.empty(self.end - self.start, np.float32), 0
        # In chunks that stay in the processor's cache: all at once, minutes of sound would be written to
        # memory and read again three times.
        while (frame := self._frames.read(_CHUNK_SAMPLES, partial=True)) is not None:
            samples = frame.to_ndarray()
            if not frame.format.is_planar:
                samples = samples.reshape(-1, frame.layout.nb_channels).T
            # Integers to [-1, 1]: full scale is 2 ** (bits - 1), and unsigned samples are silent at that
            # value.
            full = 1.0 if samples.dtype.kind == "f" else 2.0 ** (8 * samples.dtype.itemsize - 1)
            middle = full if samples.dtype.kind == "u" else 0.0
            average = samples.mean(axis=0)
            mono[at : at + frame.samples] = (
                average if samples.dtype == np.float32 else (average - middle) / full
            )
            at += frame.samples
        return mono


def _resample(samples: NDArray[np.float32], from_hz: int, to_hz: int) -> NDArray[np.float32]:
    """float32 (N,) at another rate, by soxr as librosa does it. Sample 0 stays at its time."""
    return samples if from_hz == to_hz else soxr.resample(samples, from_hz, to_hz, quality="HQ")
