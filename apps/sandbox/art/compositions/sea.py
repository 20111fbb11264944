"""Open water to the horizon, with the light's path on it."""

from __future__ import annotations

import numpy as np

from apps.sandbox.art.compositions.details import Details
from apps.sandbox.art.compositions.sky import Sky
from apps.sandbox.art.field import Noise, smoothstep
from apps.sandbox.art.finish import over, screen
from apps.sandbox.art.palette import Plane
from apps.sandbox.art.scene import Scene

TILE = 1024


class Sea:
    """A tile of noise seen in perspective, two copies sliding over each other: waves that never repeat visibly."""

    def __init__(self, scene: Scene) -> None:
        rng = scene.generator("sea")
        self._scene = scene
        self._horizon = float(rng.uniform(-0.02, 0.10)) * scene.half_height * 2
        self.sky = Sky(scene, horizon=self._horizon + 0.01)
        self._details = Details(scene, self.sky, horizon=self._horizon)
        noise = Noise(rng, octaves=3, gain=0.5, tempo=0.0)
        # one period of the lattice, so that the tile repeats without a seam
        self._tile = noise.plane((TILE, TILE), (0.0, 0.0, 128.0, 128.0), fx=1.0, fy=1.0)
        self._top = int((self._horizon + scene.half_height) * scene.unit)

    def frame(self, t: float) -> Plane:
        scene, picture = self._scene, self.sky.paint(t)
        self._details.behind(picture, t)
        picture[self._top :] = self._water(picture, scene.y[self._top :] - np.float32(self._horizon), t)
        distance = np.abs(scene.y - self._horizon)
        line = np.broadcast_to(np.exp(-distance * 55) * 0.45, (scene.height, scene.width)).astype(np.float32)
        picture = over(picture, self.sky.haze, line)
        self._details.before(picture, t)
        return picture

    def _water(self, picture: Plane, depth: Plane, t: float) -> Plane:
        scene, palette, sky = self._scene, self._scene.palette, self.sky
        depth = np.maximum(depth, 0.002)
        far = 1 / (depth + 0.018)
        u, v = scene.x * far * np.float32(26), np.float32(210) * np.log(far) + np.zeros_like(scene.x)
        wave = self._at(u * 0.55 + 13 * t, v * 0.5 + 16 * t) + 0.8 * self._at(u - 17 * t, v * 1.05 + 25 * t)
        lower = self._at(u * 0.55 + 13 * t, v * 0.5 + 16 * t - 3) + 0.8 * self._at(u - 17 * t, v * 1.05 + 25 * t - 4)
        calm = smoothstep(0.0, 0.10, depth)
        slope = (wave - lower) * calm
        mirror = picture[np.maximum(self._top - 1 - np.arange(len(depth)), 0)]
        mirror = mirror.mean(axis=1, keepdims=True) * 0.55 + mirror * 0.45
        night = 0.4 if sky.night else 1.0
        body = over(palette.color(0.10), palette.color(0.36 * night), smoothstep(-1.0, 1.1, wave))
        fresnel = np.clip(0.88 - 1.05 * depth + 0.55 * slope, 0.06, 0.95)
        water = over(body, mirror * 0.92, fresnel.astype(np.float32))
        water = water * (1 + 0.28 * np.clip(slope, -1, 1))[..., None]
        foam = smoothstep(0.85, 1.25, wave) * smoothstep(0.12, 0.5, depth) * 0.35
        water = over(water, sky.haze, foam)
        return screen(water, self._glitter(wave, slope, depth)[..., None] * sky.warm)

    def _glitter(self, wave: Plane, slope: Plane, depth: Plane) -> Plane:
        spread = 0.05 + 0.40 * depth
        column = np.exp(-(((self._scene.x - np.float32(self.sky.sun_x)) / spread) ** 2))
        sparks = smoothstep(0.05, 0.75, wave * 0.5 + slope * 0.9)
        sheen = smoothstep(0.14, 0.0, depth) * 0.40
        result: Plane = (column * (sparks * 0.85 + sheen) * np.exp(-depth * 0.9)).astype(np.float32)
        return result

    def _at(self, u: Plane, v: Plane) -> Plane:
        """The tile at pixel coordinates, wrapping."""
        left, top = np.floor(u), np.floor(v)
        fx, fy = u - left, v - top
        x0, y0 = left.astype(np.int32) & (TILE - 1), top.astype(np.int32) & (TILE - 1)
        x1, y1 = (x0 + 1) & (TILE - 1), (y0 + 1) & (TILE - 1)
        flat = self._tile.ravel()
        upper = flat[y0 * TILE + x0] * (1 - fx) + flat[y0 * TILE + x1] * fx
        lower = flat[y1 * TILE + x0] * (1 - fx) + flat[y1 * TILE + x1] * fx
        result: Plane = upper + (lower - upper) * fy
        return result
