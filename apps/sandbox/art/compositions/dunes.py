"""Sand: sharp crests, one side lit and one in shade, wind ripples, a low sun."""

from __future__ import annotations

import numpy as np

from apps.sandbox.art.compositions.sky import Sky
from apps.sandbox.art.field import Noise, enlarge, smoothstep
from apps.sandbox.art.finish import over
from apps.sandbox.art.palette import Plane
from apps.sandbox.art.scene import Scene

LAYERS = 6


class Dunes:
    """Each dune is a smooth crest; a second line that leaves it divides light from shade."""

    def __init__(self, scene: Scene) -> None:
        rng = scene.generator("dunes")
        self._scene = scene
        self._horizon = float(rng.uniform(-0.10, 0.02)) * scene.half_height * 2
        self.sky = Sky(scene, horizon=self._horizon)
        self._lines = Noise(rng, octaves=2, gain=0.28, tempo=0.0)
        self._texture = Noise(rng, octaves=3, gain=0.5, tempo=0.05)
        self._rows = rng.integers(0, 128, LAYERS)
        self._offsets = rng.uniform(0, 50, LAYERS)
        self._pan = float(rng.choice([-1, 1])) * 0.04
        self._side = -1.0 if self.sky.sun_x > 0 else 1.0

    def frame(self, t: float) -> Plane:
        picture = self.sky.paint(t)
        lines = [self._line(layer, t) for layer in range(LAYERS)]
        for layer in range(LAYERS):
            hidden = None if layer == LAYERS - 1 else float(lines[layer + 1][2].max())
            self._dune(picture, layer, lines[layer], hidden, t)
        return picture

    def _line(self, layer: int, t: float) -> tuple[Plane, Plane, Plane]:
        """Noise positions, swell and crest height of a dune for each column."""
        scene, near = self._scene, layer / (LAYERS - 1)
        xs = scene.x[0] + np.float32(self._offsets[layer] + t * self._pan * (0.2 + 1.5 * near))
        swell = self._lines.line(xs, f=1.5 - 0.75 * near, row=int(self._rows[layer]))
        base = self._horizon + 0.02 + (scene.half_height - self._horizon) * 0.86 * near**1.35
        return xs, swell, base - (0.035 + 0.13 * near) * (1 - np.abs(swell) * 1.5)

    def _dune(
        self, picture: Plane, layer: int, line: tuple[Plane, Plane, Plane], hidden: float | None, t: float
    ) -> None:
        """Paint one dune from its highest point down to where the next hides it."""
        scene, near = self._scene, layer / (LAYERS - 1)
        xs, swell, crest = line
        top = int(np.clip((float(crest.min()) + scene.half_height) * scene.unit - 2, 0, scene.height - 1))
        low = (
            scene.height
            if hidden is None
            else int(np.clip((hidden + scene.half_height) * scene.unit + 3, top + 1, scene.height))
        )
        below = scene.y[top:low] - crest[None, :]
        cover = np.clip(below * scene.unit + 0.5, 0, 1)
        shade = self._shade(xs, swell, below, near, int(self._rows[layer]))
        picture[top:low] = over(picture[top:low], self._sand(xs, below, shade, near, top, t), cover)

    def _shade(self, xs: Plane, swell: Plane, below: Plane, near: float, row: int) -> Plane:
        """1 in the shade: the slope that falls away from the sun, its edge wandering down from the crest."""
        unit, width = self._scene.unit, self._scene.width
        rising = np.gradient(np.abs(swell), 1 / unit) * self._side
        kernel = np.hanning(max(5, unit // 40))
        rising = np.convolve(np.pad(rising, len(kernel) // 2, mode="edge"), kernel / kernel.sum(), mode="same")
        rising = rising[:width].astype(np.float32)
        depth = np.maximum(below, 0)
        wander = self._lines.line(xs, f=5.0, row=row + 11)[None, :] * np.sqrt(depth) * 0.07
        lean = depth * np.float32((0.9 + 0.7 * near) * self._side * -1.0) + wander
        columns = np.clip(np.arange(width, dtype=np.float32)[None, :] + lean * unit, 0, width - 1).astype(np.int32)
        edge = rising[columns] - 0.12 - depth * (0.9 - 0.4 * near)
        soft = 0.10 + 1.5 * depth
        part = np.clip(edge / soft, -1, 1) * 0.5 + 0.5
        result: Plane = (part * part * (3 - 2 * part)).astype(np.float32)
        return result

    def _sand(self, xs: Plane, below: Plane, shade: Plane, near: float, top: int, t: float) -> Plane:
        scene, palette = self._scene, self._scene.palette
        rows = len(below)
        x0, y0, x1, _ = scene.box(float(t * self._pan * (0.2 + 1.5 * near)) + 7 * near, 0)
        box = (x0, y0 + top / scene.unit, x1, y0 + (top + rows) / scene.unit)
        small = (max(16, scene.width // 2), max(2, rows // 2))
        bend = enlarge(self._texture.plane(small, box, fx=1.5, fy=3.0, t=t), (scene.width, rows))
        depth = np.maximum(below, 0)
        pitch = 150 - 95 * near
        wave = np.sin(depth * np.float32(pitch) + bend * 5.0 + xs[None, :] * np.float32(14))
        fade = smoothstep(0.0, 0.05, depth) * smoothstep(0.95, 0.1, depth) * (0.015 + 0.055 * near)
        night = 0.38 if self.sky.night else 0.0
        lit = palette.color(0.80 - 0.14 * near - night)
        dark = palette.color(0.46 - 0.24 * near - night * 0.7)
        color = over(np.broadcast_to(lit, (*below.shape, 3)), dark, shade * 0.94)
        color = color * (1 + wave * fade * (1 - 0.5 * shade) + bend * 0.035)[..., None]
        low = palette.color(0.30 * (1 - night))
        color = over(color, low, smoothstep(0.05, 0.75, depth) * (0.55 * near))
        rim = smoothstep(0.006, 0.0, depth) * (1 - shade) * 0.5
        color = over(color, self.sky.warm, rim)
        return over(color, self.sky.haze, 0.62 * (1 - near) ** 1.6)
