"""Draws the moving parts of a face: eyes that look and blink, a mouth with lips, teeth and tongue."""

import cv2
import numpy as np

from telltale.demo.face import Head, grid
from telltale.demo.identity import Identity, Scene
from telltale.demo.texture import cloud, ramp


class Features:
    """Draws the eyes and the mouth of one person in one scene into copies of the head's layer."""

    def __init__(self, identity: Identity, scene: Scene, head: Head) -> None:
        self.identity, self.head = identity, head
        self.size = len(head.layer)
        self.tint = np.asarray(scene.light_colour, np.float32)
        self.eyes = [self._window(side * identity.eye_x, identity.eye_y, 0.155, 0.11) for side in (-1, 1)]
        self.mouth = self._window(0.0, identity.mouth_y + 0.03, 0.27, 0.21)
        rng = np.random.default_rng([identity.texture_seed, 2])
        self.streaks = cv2.GaussianBlur(rng.normal(0, 1, (1, self.size)).astype(np.float32), (0, 0), 0.9)
        self.grain = cloud(rng, self.size, 1.5)
        self.mouth_coordinates = self._coordinates(self.mouth)
        self.painted_eyes: dict[tuple[int, int, int], list[np.ndarray]] = {}

    def paint(self, lips: np.ndarray, blink: float, gaze: tuple[float, float]) -> np.ndarray:
        """The head's layer, uint8 (C, C, 4), with eyes and mouth.

        lips: (3,) open, rounded and spread, each 0 to 1.
        blink: 0 for open eyes to 1 for shut ones.
        gaze: horizontal and vertical direction, each -1 to 1.
        """
        layer = self.head.layer.copy()
        key = (round(blink * 12), round(gaze[0] * 8), round(gaze[1] * 8))
        if key not in self.painted_eyes:
            self.painted_eyes[key] = [self._eye(i, key[0] / 12, key[1] / 8, key[2] / 8) for i in range(2)]
        for window, patch in zip(self.eyes, self.painted_eyes[key], strict=True):
            layer[(*window, slice(0, 3))] = patch
        layer[(*self.mouth, slice(0, 3))] = self._mouth(*(float(value) for value in lips))
        return layer

    def _window(self, cx: float, cy: float, half_x: float, half_y: float) -> tuple[slice, slice]:
        """Rows and columns of the canvas around the point (cx, cy), in head units."""
        top, bottom, left, right = (
            round((value + 1) * self.size / 2)
            for value in (cy - half_y, cy + half_y, cx - half_x, cx + half_x)
        )
        return slice(top, bottom), slice(left, right)

    def _coordinates(
        self, window: tuple[slice, slice]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """x and y (h, w) of a window in head units, its skin (h, w, 3) in 0..1 and its shade (h, w)."""
        x, y = grid(self.size)
        skin = self.head.layer[(*window, slice(0, 3))].astype(np.float32) / 255
        return x[window], y[window], skin, self.head.shade[window]

    def _eye(self, which: int, blink: float, gaze_x: float, gaze_y: float) -> np.ndarray:
        p, pixel = self.identity, 2 / self.size
        x, y, skin, shade = self._coordinates(self.eyes[which])
        side = -1 if which == 0 else 1
        u = side * (x - side * p.eye_x) / p.eye_width  # -1 at the nose, 1 at the temple
        v = y - p.eye_y + p.eye_slant * 0.3 * p.eye_width * u
        bow = np.sqrt(np.clip(1 - u**2, 0, 1))
        lower = 0.62 * p.eye_height * bow**1.3
        upper = -p.eye_height * bow * (1 - 0.15 * u) * (1 - blink) + lower * 0.9 * blink
        opened = ramp((v - upper) / pixel, -0.6, 0.6) * ramp((lower - v) / pixel, -0.6, 0.6) * (np.abs(u) < 1)
        ball = np.asarray([0.90, 0.87, 0.85], np.float32) * (0.85 - 0.25 * u[..., None] ** 2)
        ix, iy = x - side * p.eye_x - gaze_x * 0.028, y - p.eye_y + 0.004 - gaze_y * 0.012
        radius = np.sqrt(ix**2 + iy**2) / 0.041
        spokes = 1 + 0.25 * np.sin(np.arctan2(iy, ix) * 17 + 3 * self.grain[self.eyes[which]])
        iris = np.asarray(p.iris, np.float32) * (spokes * (0.6 + 0.7 * radius))[..., None]
        iris = iris * ramp(-radius, -1.05, -0.75)[..., None]
        ball = ball + (iris - ball) * ramp(-radius, -1.08, -0.95)[..., None]
        ball = ball * (1 - 0.95 * ramp(-radius, -0.5, -0.36))[..., None]
        under_lid = 1 - 0.5 * np.exp(-(((v - upper) / 0.016) ** 2))
        ball = ball * (under_lid * (0.35 + 0.65 * shade))[..., None] * self.tint
        ball = ball + 0.85 * np.exp(-(((ix + 0.012) / 0.009) ** 2) - ((iy + 0.014) / 0.009) ** 2)[..., None]
        out = skin + (ball - skin) * opened[..., None]
        lash = np.exp(-(((v - upper + 0.003) / 0.0085) ** 2)) * ramp(1 - np.abs(u), -0.05, 0.2) * 0.85
        rim = np.exp(-(((v - lower) / 0.006) ** 2)) * ramp(1 - np.abs(u), 0.0, 0.3) * 0.35
        crease = (
            np.exp(-(((v + p.eye_height * bow * (1 - 0.3 * blink) + 0.022) / 0.007) ** 2))
            * (np.abs(u) < 0.95)
            * 0.30
        )
        out = out * (1 - np.clip(lash + rim + crease, 0, 0.92))[..., None]
        if self.head.glasses is not None:
            glass = self.head.glasses[self.eyes[which]]
            out = out + (glass[..., :3] - out) * glass[..., 3:]
        return np.rint(np.clip(out, 0, 1) * 255).astype(np.uint8)

    def _mouth(self, opened: float, rounded: float, spread: float) -> np.ndarray:
        p, pixel = self.identity, 2 / self.size
        x, y, skin, shade = self.mouth_coordinates
        x, v = x[:1], y[:, :1] - p.mouth_y
        half = p.mouth_width * (1 + 0.10 * spread - 0.34 * rounded)
        u = x / half
        bow = np.sqrt(np.clip(1 - u**2, 0, 1))
        seam = -0.012 * u**2 * (1 + spread)
        gap = 0.155 * opened * bow**0.8
        top, bottom = seam - 0.25 * gap, seam + 0.75 * gap
        pout = 1 + 0.35 * rounded
        lip_top = top - p.lip_upper * pout * bow**0.9 * (
            1 - 0.22 * np.exp(-((u / 0.13) ** 2)) + 0.12 * np.exp(-(((np.abs(u) - 0.3) / 0.2) ** 2))
        )
        lip_bottom = bottom + p.lip_lower * pout * bow**0.8
        inside = (np.abs(u) < 1).astype(np.float32)
        lips = ramp((v - lip_top) / pixel, -0.8, 0.8) * ramp((lip_bottom - v) / pixel, -0.8, 0.8) * inside
        hole = (
            ramp((v - top) / pixel, -0.5, 0.5)
            * ramp((bottom - v) / pixel, -0.5, 0.5)
            * inside
            * min(1.0, opened * 8)
        )
        streak = 1 + 0.10 * self.streaks[:, self.mouth[1]] + 0.04 * self.grain[self.mouth]
        fullness = np.where(
            v < seam,
            0.86 + 0.10 * (v - lip_top) / p.lip_upper,
            1.08 - 0.5 * np.abs((v - bottom) / p.lip_lower - 0.4),
        )
        shine = 0.16 * np.exp(
            -(((v - bottom - 0.4 * p.lip_lower) / (0.2 * p.lip_lower)) ** 2) - (u / 0.45) ** 2
        )
        red = (
            np.asarray(p.lips, np.float32) * (streak * np.clip(fullness, 0.6, 1.2) * shade)[..., None]
            + shine[..., None] * streak[..., None]
        )
        out = skin + (red * self.tint - skin) * (0.88 * lips)[..., None]
        line = np.exp(-(((v - seam) / 0.008) ** 2)) * inside * (1 - min(1.0, opened * 4)) * 0.6
        chin_shadow = 0.25 * np.exp(-(((v - lip_bottom - 0.02) / 0.018) ** 2)) * bow
        out = out * (1 - np.clip(line + chin_shadow, 0, 1))[..., None]
        if opened > 0.02:
            out = out + (self._cavity(u, v, top, gap, shade) - out) * hole[..., None]
        return np.rint(np.clip(out, 0, 1) * 255).astype(np.uint8)

    def _cavity(
        self, u: np.ndarray, v: np.ndarray, top: np.ndarray, gap: np.ndarray, shade: np.ndarray
    ) -> np.ndarray:
        """The inside of the mouth, (h, w, 3): dark, with the tongue below and a row of teeth above."""
        pixel = 2 / self.size
        depth = np.clip((v - top) / np.maximum(gap, 1e-3), 0, 1)
        tongue = ramp(depth - 0.5 * u**2, 0.55, 0.85) * 0.55
        dark = np.asarray([0.16, 0.05, 0.05], np.float32) + tongue[..., None] * np.asarray(
            [0.55, 0.22, 0.22], np.float32
        )
        between = 1 - 0.35 * np.exp(-((((u * 3.4) % 1 - 0.5) / 0.09) ** 2))
        tooth = np.asarray([0.88, 0.85, 0.78], np.float32) * (between * (1 - 0.45 * u**2) * shade)[..., None]
        upper_row = ramp((top + 0.034 - v) / pixel, -0.7, 0.7) * (np.abs(u) < 0.85)
        return dark + (tooth * self.tint - dark) * upper_row[..., None] * 0.92
