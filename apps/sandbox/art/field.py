"""Noise that evolves without flicker, and sampling of planes at bent coordinates."""

from __future__ import annotations

import numpy as np
from PIL import Image

from apps.sandbox.art.palette import Plane

LATTICE = 128


class Noise:
    """Fractal noise on a periodic lattice whose values swing slowly with time, so any moment is smooth in t.

    Coordinates are in units of the picture's short side. Values lie near -1..1.
    """

    def __init__(self, rng: np.random.Generator, *, octaves: int = 5, gain: float = 0.5, tempo: float = 0.5) -> None:
        self._phase = [rng.uniform(0, 2 * np.pi, (LATTICE, LATTICE)).astype(np.float32) for _ in range(octaves)]
        self._speed = [rng.normal(0, tempo * 1.4**i, (LATTICE, LATTICE)).astype(np.float32) for i in range(octaves)]
        self._gain = gain
        self._norm = 1.0 / sum(gain**i for i in range(octaves))

    def plane(
        self, size: tuple[int, int], box: tuple[float, float, float, float], *, fx: float, fy: float, t: float = 0.0
    ) -> Plane:
        """A (height, width) plane of the region `box` = x0, y0, x1, y1 with `fx`, `fy` cells per unit."""
        total = np.zeros((size[1], size[0]), np.float32)
        for i, (phase, speed) in enumerate(zip(self._phase, self._speed, strict=True)):
            scale = float(2**i)
            cells = (box[0] * fx * scale, box[1] * fy * scale, box[2] * fx * scale, box[3] * fy * scale)
            total += self._gain**i * _window(phase, speed, cells, size, t)
        total *= self._norm * 1.25
        return total

    def line(self, xs: Plane, *, f: float, row: int = 0, t: float = 0.0) -> Plane:
        """One-dimensional fractal noise at positions `xs` with `f` cells per unit."""
        total = np.zeros_like(xs)
        for i, (phase, speed) in enumerate(zip(self._phase, self._speed, strict=True)):
            values = np.sin(phase[row % LATTICE] + t * speed[row % LATTICE])
            position = xs * np.float32(f * 2**i)
            left = np.floor(position).astype(np.int32)
            part = position - left
            part = part * part * part * (part * (part * 6 - 15) + 10)
            a, b = values[left % LATTICE], values[(left + 1) % LATTICE]
            total += self._gain**i * (a + (b - a) * part)
        result: Plane = (total * np.float32(self._norm * 1.25)).astype(np.float32)
        return result


def _window(phase: Plane, speed: Plane, cells: tuple[float, ...], size: tuple[int, int], t: float) -> Plane:
    x0, y0, x1, y1 = cells
    left, top = int(np.floor(x0)) - 3, int(np.floor(y0)) - 3
    columns = np.arange(left, int(np.ceil(x1)) + 4) % LATTICE
    rows = np.arange(top, int(np.ceil(y1)) + 4) % LATTICE
    part = np.ix_(rows, columns)
    values = np.sin(phase[part] + np.float32(t) * speed[part])
    box = (x0 - left + 0.5, y0 - top + 0.5, x1 - left + 0.5, y1 - top + 0.5)
    return np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BICUBIC, box=box), np.float32)


def sample(plane: Plane, x: Plane, y: Plane) -> Plane:
    """Bilinear look-up of a plane at pixel coordinates (clamped at the borders)."""
    height, width = plane.shape
    x = np.clip(x, 0, width - 1.001)
    y = np.clip(y, 0, height - 1.001)
    xi, yi = x.astype(np.int32), y.astype(np.int32)
    fx, fy = x - xi, y - yi
    flat, at = plane.ravel(), yi * width + xi
    top = flat[at] + (flat[at + 1] - flat[at]) * fx
    low = flat[at + width] + (flat[at + width + 1] - flat[at + width]) * fx
    result: Plane = top + (low - top) * fy
    return result


def smoothstep(low: float, high: float, x: Plane) -> Plane:
    """0 below `low`, 1 above `high`, smooth between; works with low > high as well."""
    part = np.clip((x - np.float32(low)) / np.float32(high - low), 0, 1)
    result: Plane = part * part * (3 - 2 * part)
    return result


def enlarge(plane: Plane, size: tuple[int, int]) -> Plane:
    """A plane (h, w) or picture (h, w, 3) at another size (width, height), smoothly."""
    if plane.ndim == 3:
        return np.stack([enlarge(plane[..., i], size) for i in range(3)], axis=-1)
    contiguous = np.ascontiguousarray(plane, np.float32)
    return np.asarray(Image.fromarray(contiguous).resize(size, Image.Resampling.BICUBIC), np.float32)
