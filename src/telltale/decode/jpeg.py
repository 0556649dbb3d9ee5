"""Pictures through JPEG and back, by OpenCV: what a store of JPEGs keeps, and what `clip.jpeg_quality` gives
without one.

The chroma is kept whole (4:4:4): halved, it would smear the colour of lips and eyes, where forgeries show.
"""

import cv2
import numpy as np
from numpy.typing import NDArray


def encode(pixels: NDArray[np.uint8], quality: int) -> list[bytes]:
    """uint8 (T, H, W, 3) RGB → a JPEG for each. quality: 1 to 100."""
    wanted = [
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    coded = []
    for frame in pixels:
        done, data = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), wanted)
        if not done:
            raise ValueError(f"a frame of {frame.shape[1]}x{frame.shape[0]} pixels cannot be coded as JPEG")
        coded.append(data.tobytes())
    return coded


def decode(coded: list[bytes]) -> NDArray[np.uint8]:
    """JPEGs of one size → uint8 (T, H, W, 3) RGB. Raises ValueError where one is none."""
    frames = []
    for data in coded:
        frame = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
        if frame is None:
            raise ValueError("a stored picture is no JPEG")
        frames.append(np.asarray(frame, np.uint8))
    return np.stack(frames)
