"""Square crops of the face that generators read and write, and their way back into the frame."""

import cv2
import numpy as np

from telltale.demo.render import Shot

CENTRE, REACH = (0.0, 0.12), 0.56  # of the crop in head units: its centre, and half of its side


def crops(shot: Shot, side: int) -> np.ndarray:
    """The faces of all frames, upright, uint8 (T, side, side, 3)."""
    maps = [_to_picture(shot, t, side) for t in range(len(shot.poses))]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.stack(
        [
            cv2.warpAffine(frame, back, (side, side), flags=flags, borderMode=cv2.BORDER_REFLECT)
            for frame, back in zip(shot.pixels, maps, strict=True)
        ]
    )


def placed(shot: Shot, t: int, face: np.ndarray) -> np.ndarray:
    """A crop (side, side, 3) where it belongs in frame `t`: uint8 (S, S, 3), its edge repeated around it."""
    size = shot.pixels.shape[1]
    forth = _to_picture(shot, t, len(face))
    return cv2.warpAffine(face, forth, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _to_picture(shot: Shot, t: int, side: int) -> np.ndarray:
    """Affine map (2, 3) from pixels of the crop to pixels of the picture."""
    canvas = len(shot.head.layer)
    scale = REACH * canvas / side
    left, top = ((value - REACH + 1) * canvas / 2 for value in CENTRE)
    offset = scale / 2 - 0.5  # the centre of the crop's first pixel, on the canvas
    to_canvas = np.asarray([[scale, 0, left + offset], [0, scale, top + offset], [0, 0, 1]])
    return np.asarray(shot.poses[t] @ to_canvas)
