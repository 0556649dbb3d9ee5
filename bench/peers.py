"""The peers that the benchmarks compare with, written here in short: the usual ways, and bare decoding.

The published audio-only baseline goes moviepy → wav file → librosa → image file → ResNet-18, one clip after
another. Only `make bench` installs moviepy; see `missing`.
"""

import importlib.util
import sys
from pathlib import Path

import av
import cv2
import decord
import librosa
import numpy as np
import timm
import torch

# `make bench` installs moviepy into this folder. It comes last, so that moviepy uses the packages of the
# environment.
sys.path.append(str(Path(sys.prefix) / "peers"))

FRAMES, SIDE = 16, 224


def missing() -> str | None:
    """Why the published baseline cannot be measured, in one sentence; None if it can."""
    if importlib.util.find_spec("moviepy") is None:
        return "moviepy is absent: no comparison with the published steps; `make bench` installs it"
    return None


def decord_both(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """(pictures, sound) of a clip by decord on one thread: 16 evenly spaced frames, uint8 (16, 224, 224, 3),
    and all its sound, mono at 16 kHz.
    """
    reader = decord.VideoReader(str(path), width=SIDE, height=SIDE, num_threads=1)
    pictures = reader.get_batch(np.linspace(0, len(reader) - 1, FRAMES).round().astype(int)).asnumpy()
    try:
        return pictures, decord.AudioReader(str(path), sample_rate=16_000, mono=True)[:].asnumpy()
    except decord.DECORDError:  # no sound
        return pictures, None


def bare(path: Path, skip: str = "DEFAULT") -> int:
    """Decode all pictures of the file on one thread and do nothing with them. Returns their number."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        stream.codec_context.skip_frame = skip
        return sum(1 for _ in container.decode(stream))


class AudioBaseline:
    """The steps of the published baseline, with its parameters: librosa's defaults, 256 x 256, ResNet-18."""

    def __init__(self, folder: Path) -> None:
        self.sound, self.picture = folder / "sound.wav", folder / "mel.jpg"
        self.model = timm.create_model("resnet18", num_classes=2).eval()

    def __call__(self, path: Path) -> float | None:
        """The probability of forged; None if the clip has no sound."""
        if not self.write_sound(path):
            return None
        samples, rate_hz = librosa.load(self.sound)
        self.write_picture(samples, int(rate_hz))
        picture = cv2.cvtColor(cv2.imread(str(self.picture)), cv2.COLOR_BGR2RGB)
        resized = cv2.resize(picture, (SIDE, SIDE)).astype(np.float32) / 255
        normal = (resized - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
        with torch.inference_mode():
            logits = self.model(torch.from_numpy(normal).float().permute(2, 0, 1)[None])
        return float(logits.softmax(1)[0, 1])

    def write_sound(self, path: Path) -> bool:
        """Write the whole sound as a wav file by moviepy; False if the clip has none."""
        from moviepy import VideoFileClip

        with VideoFileClip(str(path)) as clip:
            if clip.audio is None:
                return False
            clip.audio.write_audiofile(str(self.sound), logger=None)
        return True

    def write_picture(self, samples: np.ndarray, rate_hz: int) -> None:
        """Write the mel image as a JPEG file, scaled to 0 to 255 and to 256 x 256 pixels."""
        mel = librosa.power_to_db(
            librosa.feature.melspectrogram(y=samples, sr=rate_hz, n_mels=128), ref=np.max
        )
        grey = cv2.normalize(mel, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
        cv2.imwrite(str(self.picture), cv2.resize(grey, (256, 256)))


class DecordDataset(torch.utils.data.Dataset):
    """The usual data set: 16 frames by decord, for a DataLoader of 4 workers."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        reader = decord.VideoReader(str(self.paths[index]), width=SIDE, height=SIDE, num_threads=1)
        return torch.from_numpy(
            reader.get_batch(np.linspace(0, len(reader) - 1, FRAMES).round().astype(int)).asnumpy()
        )
