"""Ribbons that follow a field of directions, laid over each other from thin and far to broad and near."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from apps.sandbox.art.field import Noise, smoothstep
from apps.sandbox.art.palette import Plane
from apps.sandbox.art.scene import Scene

GRID = 192
MARGIN = 0.12
STEP = 0.011
SPAN = 10
# how many per unit of area, how broad, how many steps long, how near (0..1)
LAYERS = ((560, 0.0040, 60, 0.0), (380, 0.009, 75, 0.45), (150, 0.020, 90, 0.8), (30, 0.034, 80, 1.0))
Points = npt.NDArray[np.float64]


class Strands:
    """The ribbons are drawn once, larger than the picture; a film moves the camera over them and light through them."""

    def __init__(self, scene: Scene) -> None:
        rng = scene.generator("strands")
        self._scene, self._rng = scene, rng
        self._flow = Noise(rng, octaves=3, gain=0.38, tempo=0.0)
        self._tone = Noise(rng, octaves=2, tempo=0.0)
        self._heading = float(rng.uniform(0, 2 * np.pi))
        self._turn = float(rng.uniform(1.5, 2.8))
        self._scale = 2.0 if scene.unit <= 1100 else 1.5
        self._extent = (scene.half_width + MARGIN, scene.half_height + MARGIN)
        pixels = scene.unit * self._scale
        self._canvas = (round(self._extent[0] * 2 * pixels), round(self._extent[1] * 2 * pixels))
        self._camera = rng.uniform(0, 2 * np.pi, 2)
        self._ribbons: list[tuple[Points, float, float, float]] = []
        self._color = self._drawn()

    def frame(self, t: float) -> Plane:
        scene = self._scene
        color = np.asarray(self._seen(self._color, t, self._scale), np.float32) / 255
        haze = smoothstep(-0.9, 0.9, scene.x * np.cos(self._heading) + scene.y * np.sin(self._heading))
        result: Plane = color * (0.86 + 0.18 * haze)[..., None]
        if t > 0:
            result = result + (self._light(t) * min(1.0, t / 0.8))[..., None] * (0.12 + 0.5 * color)
        return result.astype(np.float32)

    def _light(self, t: float) -> Plane:
        """Light running along the ribbons. Where it is: the angle drawn into red and green; how strong: blue."""
        phase = np.asarray(self._seen(self._phase, t, 1.0), np.float32) / 255
        cosine, sine = phase[..., 0] * 2 - 1, phase[..., 1] * 2 - 1
        toward = cosine * np.float32(np.cos(1.6 * t)) + sine * np.float32(np.sin(1.6 * t))
        result: Plane = np.clip(0.5 + 0.5 * toward, 0, 1) ** 5 * np.clip(np.hypot(cosine, sine), 0, 1) * phase[..., 2]
        return result

    def _seen(self, layer: Image.Image, t: float, scale: float) -> Image.Image:
        """The part of a drawn layer that the drifting camera sees."""
        pixels = self._scene.unit * scale
        offsets = [MARGIN + 0.07 * (np.sin(0.45 * t + phase) - np.sin(phase)) for phase in self._camera]
        left, top = (float(np.clip(offset, 0, 2 * MARGIN) * pixels) for offset in offsets)
        right, low = left + self._scene.width * scale, top + self._scene.height * scale
        box = (left, top, min(right, layer.width), min(low, layer.height))
        return layer.resize(self._scene.size, Image.Resampling.HAMMING, box=box)

    @cached_property
    def _phase(self) -> Image.Image:
        """Only films need it: drawn at the first moment that asks."""
        image = Image.new(
            "RGB", (round(self._canvas[0] / self._scale), round(self._canvas[1] / self._scale)), (128, 128, 0)
        )
        pen = ImageDraw.Draw(image)
        for path, width, offset, depth in self._ribbons:
            points = [tuple(point) for point in (path / self._scale).tolist()]
            for start in range(0, len(points) - 1, 2):
                angle = offset + start / 46 * 2 * np.pi
                code = (int(128 + 127 * np.cos(angle)), int(128 + 127 * np.sin(angle)), int(60 + 195 * depth))
                pen.line(points[start : start + 3], fill=code, width=max(1, round(width / self._scale)))
        return image

    def _drawn(self) -> Image.Image:
        color = Image.new("RGB", self._canvas, _rgb(self._scene.palette.color(0.05)))
        pen = ImageDraw.Draw(color)
        area = self._extent[0] * self._extent[1] * 4
        for count, width, length, depth in LAYERS:
            self._layer(pen, int(count * area), width, length, depth)
        return color

    def _layer(self, pen: ImageDraw.ImageDraw, count: int, width: float, length: int, depth: float) -> None:
        rng = self._rng
        starts = np.stack([rng.uniform(-e, e, count) for e in self._extent], axis=-1)
        paths = (self._paths(starts, length) + np.array(self._extent)) * self._scene.unit * self._scale
        tones = 0.5 + 0.42 * self._at(self._tones, starts) + rng.normal(0, 0.13, count)
        tones = np.clip(tones * (0.55 + 0.45 * depth) + 0.1 * depth, 0.08, 0.95)
        widths = width * rng.uniform(0.5, 1.25, count) * self._scene.unit * self._scale
        offsets = rng.uniform(0, 2 * np.pi, count)
        for i in range(count):
            self._ribbon(pen, paths[i], max(1.2, float(widths[i])), float(tones[i]))
            if depth > 0:
                self._ribbons.append((paths[i], float(widths[i]), float(offsets[i]), depth))

    def _ribbon(self, pen: ImageDraw.ImageDraw, path: Points, width: float, tone: float) -> None:
        """One ribbon with round ends: a shadow beneath it, its body, a lit and a shaded edge."""
        palette = self._scene.palette
        normal: Points = np.gradient(path, axis=0)[:, ::-1] * np.array([-1.0, 1.0])
        half = normal * (width / 2 / (np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9))
        if width >= 3:
            _band(pen, path + width * 0.13, half * 1.22, _rgb(palette.color(tone * 0.25) * 0.7))
        _band(pen, path, half, _rgb(palette.color(tone)))
        if width >= 6:
            _band(pen, path + half * 0.55, half * 0.22, _rgb(palette.color(min(1.0, tone + 0.12))))
            _band(pen, path - half * 0.72, half * 0.20, _rgb(palette.color(tone - 0.08)))

    def _paths(self, starts: Points, length: int) -> Points:
        grid = self._angles
        paths = np.empty((len(starts), length, 2))
        position = starts.copy()
        for step in range(length):
            paths[:, step] = position
            angle = self._at(grid, position)
            position = position + np.stack([np.cos(angle), np.sin(angle)], axis=-1) * STEP
        return paths

    @cached_property
    def _angles(self) -> Plane:
        return self._grid(self._flow, 0.62) * np.float32(self._turn) + np.float32(self._heading)

    @cached_property
    def _tones(self) -> Plane:
        return self._grid(self._tone, 0.9)

    def _grid(self, noise: Noise, f: float) -> Plane:
        return noise.plane((GRID, GRID), self._scene.box(margin=MARGIN), fx=f, fy=f)

    def _at(self, grid: Plane, points: Points) -> Points:
        index = [np.clip((points[:, i] / e + 1) / 2 * (GRID - 1), 0, GRID - 1) for i, e in enumerate(self._extent)]
        x, y = index
        xi, yi = np.minimum(x.astype(int), GRID - 2), np.minimum(y.astype(int), GRID - 2)
        fx, fy = x - xi, y - yi
        top = grid[yi, xi] * (1 - fx) + grid[yi, xi + 1] * fx
        low = grid[yi + 1, xi] * (1 - fx) + grid[yi + 1, xi + 1] * fx
        result: Points = top * (1 - fy) + low * fy
        return result


def _band(pen: ImageDraw.ImageDraw, path: Points, half: Points, color: tuple[int, int, int]) -> None:
    """The area between a path moved to either side by `half`."""
    left, right = path + half, path - half
    for start in range(0, len(path) - 1, SPAN):  # Pillow's time grows with edges times rows: short pieces are quick
        part = slice(start, start + SPAN + 1)
        pen.polygon(np.concatenate([left[part], right[part][::-1]]).ravel().tolist(), fill=color)
    radius = float(np.hypot(*half[0]))
    if radius >= 2:
        for x, y in (path[0].tolist(), path[-1].tolist()):
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)


def _rgb(color: Plane) -> tuple[int, int, int]:
    red, green, blue = (round(float(np.clip(channel, 0, 1)) * 255) for channel in color)
    return red, green, blue
