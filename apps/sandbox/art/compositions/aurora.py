"""Curtains of northern light over a dark ridge and its lake."""

from __future__ import annotations

import numpy as np

from apps.sandbox.art.compositions.sky import Stars
from apps.sandbox.art.field import Noise, smoothstep
from apps.sandbox.art.finish import over, screen
from apps.sandbox.art.palette import Plane
from apps.sandbox.art.scene import Scene

CURTAINS = 4


class Aurora:
    """A curtain is a wavering line; light rises from it in rays and fades upwards, changing colour."""

    def __init__(self, scene: Scene) -> None:
        rng = scene.generator("aurora")
        self._scene = scene
        self._wave = Noise(rng, octaves=3, gain=0.42, tempo=0.35)
        self._rays = Noise(rng, octaves=4, gain=0.6, tempo=0.5)
        self._land = Noise(rng, octaves=7, gain=0.47, tempo=0.0)
        self._rows = rng.integers(0, 128, CURTAINS)
        self._bases = np.sort(rng.uniform(-0.16, 0.14, CURTAINS)) * scene.half_height * 2
        self._tall = rng.uniform(0.16, 0.34, CURTAINS)
        self._shore = 0.30 * scene.half_height * 2
        self._stars = Stars(scene, count=330)
        self._offset = float(rng.uniform(0, 40))

    def frame(self, t: float) -> Plane:
        scene, palette = self._scene, self._scene.palette
        height = np.clip((scene.y + scene.half_height) / (2 * scene.half_height), 0, 1)
        gradient = over(palette.color(0.015) * 0.8, palette.color(0.27), smoothstep(0.05, 0.85, height))
        picture = np.broadcast_to(gradient, (scene.height, scene.width, 3))
        picture = screen(picture, self._stars.paint(t) * (1 - 0.6 * height)[..., None])
        for curtain in range(CURTAINS):
            picture = screen(picture, self._curtain(curtain, t))
        return self._lake(self._ridge(picture), t)

    def _curtain(self, curtain: int, t: float) -> Plane:
        scene, palette = self._scene, self._scene.palette
        xs = scene.x[0] + np.float32(self._offset + curtain * 7.3 + 0.03 * t)
        row = int(self._rows[curtain])
        base = float(self._bases[curtain]) + 0.17 * self._wave.line(xs, f=0.75, row=row, t=t)
        fold = self._wave.line(xs, f=0.75, row=row + 3, t=t)
        rays = 0.62 + 0.55 * self._rays.line(xs + fold * 0.25, f=11.0, row=row, t=t * 0.8)
        strength = smoothstep(-0.75, 0.75, self._wave.line(xs, f=0.55, row=row + 9, t=t))
        tall = float(self._tall[curtain]) * (0.75 + 0.45 * rays)
        above = (base[None, :] - scene.y) / tall[None, :]
        light = np.exp(-np.maximum(above, 0) * 2.1) * smoothstep(-0.09, 0.05, above)
        light = light * (np.clip(rays, 0.05, 1.3) * strength)[None, :] * np.float32(0.95)
        low, high = palette.color(0.70), palette.color(0.90) * np.array([0.82, 0.55, 1.0], np.float32)
        result: Plane = over(low, high, smoothstep(0.25, 1.5, above)) * light[..., None]
        return result

    def _ridge(self, picture: Plane) -> Plane:
        scene, palette = self._scene, self._scene.palette
        for depth, (lift, color, scale) in enumerate(((0.10, 0.11, 0.15), (0.03, 0.02, 0.09))):
            xs = scene.x[0] + np.float32(self._offset + 11 * depth)
            peaks = 1 - np.abs(self._land.line(xs, f=1.8, row=5 + depth)) * 1.5
            line = self._shore - lift - scale * peaks
            cover = np.clip((scene.y - line[None, :]) * scene.unit + 0.5, 0, 1).astype(np.float32)
            picture = over(picture, palette.color(color) * 0.8, cover)
        return picture

    def _lake(self, picture: Plane, t: float) -> Plane:
        scene = self._scene
        shore = int((self._shore + scene.half_height) * scene.unit)
        rows = scene.height - shore
        depth = ((np.arange(rows) + 1) / scene.unit).astype(np.float32)[:, None]
        box = (20 + 0.02 * t, 0.0, 20 + 2 * scene.half_width + 0.02 * t, 1.0)
        ripple = self._wave.plane((scene.width, rows), box, fx=5.0, fy=34.0, t=2.5 * t)
        source = shore - 1 - (depth * 1.5 + ripple * (0.003 + 0.10 * depth)) * scene.unit
        top = np.clip(np.abs(source), 0, shore - 1).astype(np.int32)
        mirror = picture[top, np.arange(scene.width)[None, :]]
        result = picture.copy()
        result[shore:] = mirror * (0.80 - 0.55 * np.clip(depth, 0, 0.7))[..., None] + scene.palette.color(0.1) * 0.12
        return result
