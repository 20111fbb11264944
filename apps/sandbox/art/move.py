"""A camera move over a still: a slow push, depth guessed from the picture, light that wanders, dust in the air."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from apps.sandbox.art.field import Noise, enlarge, smoothstep
from apps.sandbox.art.finish import screen
from apps.sandbox.art.palette import Plane
from apps.sandbox.art.scene import Scene

SPARE = 1.22  # how much larger than the film the picture is kept, so that the camera can move over it
DUST = 26


class CameraMove:
    """Near parts (low in the picture, or contrasting) travel farther than the sky: parallax from one image."""

    def __init__(self, scene: Scene, image: Image.Image, seconds: float) -> None:
        rng = scene.generator("move")
        self._scene, self._seconds = scene, max(seconds, 0.1)
        size = (round(scene.width * SPARE), round(scene.height * SPARE))
        fitted = ImageOps.fit(image, size, Image.Resampling.LANCZOS)
        self._picture = np.asarray(fitted, np.float32) / 255
        self._depth = self._guessed(fitted)
        pan = rng.uniform(-1, 1, 2) * np.array([1.0, 0.35])
        self._pan = pan / np.linalg.norm(pan) * 0.040
        self._push = float(rng.choice([-1, 1, 1])) * 0.085
        self._light = Noise(rng, octaves=2, tempo=0.9)
        self._dust = rng.uniform(0, 1, (DUST, 5))

    def frame(self, t: float) -> Plane:
        scene = self._scene
        part = t / self._seconds
        eased = part * part * (3 - 2 * part) * 0.6 + part * 0.4 - 0.5
        picture = self._seen(eased, t)
        small = (max(16, scene.width // 16), max(16, scene.height // 16))
        light = enlarge(self._light.plane(small, scene.box(0.16 * t, -0.05 * t), fx=0.7, fy=0.7, t=t), scene.size)
        picture = picture * (1 + 0.085 * light)[..., None]
        warm = np.array([1.0, 0.93, 0.82], np.float32)
        picture = screen(picture, (smoothstep(0.3, 1.3, light) * 0.10)[..., None] * warm)
        return screen(picture, self._motes(t)[..., None] * warm)

    def _guessed(self, image: Image.Image) -> Plane:
        """Nearness 0..1 at the film's size: lower is nearer, and so is what differs from its surroundings."""
        grey = image.convert("L").resize((96, 64), Image.Resampling.BOX)
        local = np.asarray(grey.filter(ImageFilter.GaussianBlur(3)), np.float32) / 255
        wide = np.asarray(grey.filter(ImageFilter.GaussianBlur(16)), np.float32) / 255
        height = np.linspace(0, 1, 64, dtype=np.float32)[:, None]
        near = 0.25 + 0.55 * smoothstep(0.25, 1.0, height) + 0.9 * (wide - local)
        soft = Image.fromarray(np.clip(near, 0, 1).astype(np.float32)).resize((24, 16), Image.Resampling.BOX)
        return np.asarray(soft.resize(self._scene.size, Image.Resampling.BICUBIC), np.float32)

    def _seen(self, eased: float, t: float) -> Plane:
        """What the camera sees: zoom about the centre plus a shift that grows with nearness."""
        scene = self._scene
        zoom = 1 - self._push * eased * (0.75 + 0.5 * self._depth)
        sway = np.array([np.sin(0.9 * t), np.sin(0.7 * t + 1)]) * 0.003
        reach = (0.45 + 1.1 * self._depth) * scene.unit
        right, down = (float(part) for part in self._pan * eased + sway)
        height, width = self._picture.shape[:2]
        x = scene.x * scene.unit * zoom + width / 2 - 0.5 + right * reach
        y = scene.y * scene.unit * zoom + height / 2 - 0.5 + down * reach
        return _bilinear(self._picture, x, y)

    def _motes(self, t: float) -> Plane:
        scene = self._scene
        light = np.zeros((scene.height, scene.width), np.float32)
        for px, py, size, pace, phase in self._dust:
            x = (np.mod(px + 0.02 * t * (pace - 0.3), 1) - 0.5) * 2 * scene.half_width
            y = (np.mod(py - 0.025 * t * (0.4 + pace), 1) - 0.5) * 2 * scene.half_height
            radius = 0.004 + 0.010 * size**3
            glow = 0.10 * (0.5 + 0.5 * np.sin(1.5 * t * (0.5 + pace) + 6.28 * phase)) * min(1.0, 0.006 / radius)
            _spot(scene, light, float(x), float(y), float(radius), float(glow))
        return light


def _spot(scene: Scene, light: Plane, x: float, y: float, radius: float, strength: float) -> None:
    """Add a soft round spot, touching only the pixels it covers."""
    column, row = (x + scene.half_width) * scene.unit, (y + scene.half_height) * scene.unit
    reach = radius * 2.5 * scene.unit + 1
    x0, x1 = max(0, int(column - reach)), min(scene.width, int(column + reach) + 1)
    y0, y1 = max(0, int(row - reach)), min(scene.height, int(row + reach) + 1)
    if x0 < x1 and y0 < y1:
        square = (scene.x[:, x0:x1] - np.float32(x)) ** 2 + (scene.y[y0:y1] - np.float32(y)) ** 2
        light[y0:y1, x0:x1] += np.exp(-square / np.float32(radius**2)) * np.float32(strength)


def _bilinear(picture: Plane, x: Plane, y: Plane) -> Plane:
    """Colours at pixel coordinates, clamped at the borders."""
    height, width = picture.shape[:2]
    x, y = np.clip(x, 0, width - 1.001), np.clip(y, 0, height - 1.001)
    xi, yi = x.astype(np.int32), y.astype(np.int32)
    fx, fy = (x - xi)[..., None], (y - yi)[..., None]
    flat, at = picture.reshape(-1, 3), yi * width + xi
    upper = flat[at] * (1 - fx) + flat[at + 1] * fx
    lower = flat[at + width] * (1 - fx) + flat[at + width + 1] * fx
    result: Plane = upper + (lower - upper) * fy
    return result
