"""Clouds of glowing gas with dark lanes, in front of stars near and far."""

from __future__ import annotations

import numpy as np

from apps.sandbox.art.compositions.sky import Stars
from apps.sandbox.art.field import Noise, enlarge, sample, smoothstep
from apps.sandbox.art.finish import screen
from apps.sandbox.art.palette import Plane
from apps.sandbox.art.scene import Scene


class Nebula:
    """Gas is warped noise; where it is dense it glows through the palette, and dust takes light away."""

    def __init__(self, scene: Scene) -> None:
        rng = scene.generator("nebula")
        self._scene, self._work = scene, scene.smaller(1.6)
        self._warp = [Noise(rng, octaves=3, gain=0.5, tempo=0.10) for _ in range(2)]
        self._gas = Noise(rng, octaves=7, gain=0.56, tempo=0.07)
        self._dust = Noise(rng, octaves=6, gain=0.55, tempo=0.07)
        self._far, self._near = Stars(scene, count=1500), Stars(_reseeded(scene), count=130, color_spread=0.5)
        self._heart = rng.uniform(-0.22, 0.22, 2) * np.array([scene.half_width * 2, scene.half_height * 2])
        self._tilt = float(rng.uniform(0, np.pi))
        self._drift = rng.normal(0, 1, 2)
        self._drift *= 0.022 / np.linalg.norm(self._drift)
        self._flares = self._bright(rng)

    def frame(self, t: float) -> Plane:
        scene = self._scene
        gas, dust, glow = self._clouds(t)
        tone = np.clip(0.05 + 0.90 * gas * (0.48 + 0.42 * glow), 0, 0.93)
        picture = scene.palette.map(tone) * (0.22 + 0.95 * smoothstep(0.0, 0.55, gas + 0.25 * glow))[..., None]
        picture = picture * (1 - 0.74 * dust)[..., None]
        dx, dy = -self._drift * t
        thin = (1 - 0.75 * smoothstep(0.25, 0.8, gas))[..., None]
        picture = screen(picture, self._far.paint(t, dx * 0.3, dy * 0.3) * thin)
        picture = screen(picture, self._near.paint(t, dx * 1.4, dy * 1.4))
        return screen(picture, self._flare(t, dx * 1.4, dy * 1.4))

    def _clouds(self, t: float) -> tuple[Plane, Plane, Plane]:
        work, margin = self._work, 0.5
        dx, dy = self._drift * t
        qx = self._warp[0].plane(work.size, work.box(dx, dy), fx=1.4, fy=1.4, t=t)
        qy = self._warp[1].plane(work.size, work.box(dx, dy), fx=1.4, fy=1.4, t=t)
        size = (round(work.width + 2 * margin * work.unit), round(work.height + 2 * margin * work.unit))
        gas = self._gas.plane(size, work.box(dx, dy, margin=margin), fx=1.5, fy=1.5, t=t)
        dust = self._dust.plane(size, work.box(dx * 1.3, dy * 1.3, margin=margin), fx=2.1, fy=2.1, t=t)
        columns = (np.arange(work.width, dtype=np.float32) + margin * work.unit)[None, :]
        rows = (np.arange(work.height, dtype=np.float32) + margin * work.unit)[:, None]
        bend = np.float32(0.30 * work.unit)
        gas = sample(gas, columns + qx * bend, rows + qy * bend)
        dust = sample(dust, columns - qy * bend * 0.8, rows + qx * bend * 0.8)
        c, s = np.cos(self._tilt), np.sin(self._tilt)
        x, y = work.x - self._heart[0], work.y - self._heart[1]
        along, across = x * c + y * s, -x * s + y * c
        glow = np.exp(-((along / 0.8) ** 2) - (across / 0.34 + 0.9 * qx) ** 2).astype(np.float32)
        wisps = (1 - np.abs(gas)) ** 3 - 0.35
        dense = smoothstep(-0.95, 1.05, 0.85 * gas + 0.42 * wisps + 0.55 * glow - 0.10)
        lanes = smoothstep(0.08, 0.70, dust) * smoothstep(0.05, 0.5, dense)
        return enlarge(dense, self._scene.size), enlarge(lanes, self._scene.size), enlarge(glow, self._scene.size)

    def _bright(self, rng: np.random.Generator) -> list[tuple[float, float, float]]:
        scene, count = self._scene, int(rng.integers(4, 8))
        xs = rng.uniform(-scene.half_width, scene.half_width, count) * 0.92
        ys = rng.uniform(-scene.half_height, scene.half_height, count) * 0.92
        return list(zip(xs.tolist(), ys.tolist(), rng.uniform(0.35, 1.0, count).tolist(), strict=True))

    def _flare(self, t: float, dx: float, dy: float) -> Plane:
        """Bright stars with a halo and four faint spikes."""
        scene = self._scene
        light = np.zeros((scene.height, scene.width), np.float32)
        for i, (sx, sy, strength) in enumerate(self._flares):
            x, y = scene.x - np.float32(sx + dx), scene.y - np.float32(sy + dy)
            power = strength * (0.93 + 0.07 * np.sin(1.7 * t + 2 * i))
            square = x * x + y * y
            core = np.float32((0.0032 * (0.6 + strength)) ** 2)
            halo = core / (square + core) + 0.05 * np.exp(-np.sqrt(square) * 26)
            reach = 0.055 * strength
            spikes = np.exp(-np.abs(x) / reach) * np.exp(-((y / 0.0011) ** 2)) + np.exp(-np.abs(y) / reach) * np.exp(
                -((x / 0.0011) ** 2)
            )
            light += power * (halo + 0.55 * spikes)
        return light[..., None] * np.array([1.0, 0.97, 0.94], np.float32)


def _reseeded(scene: Scene) -> Scene:
    return Scene(scene.prompt, scene.seed + 1, scene.width, scene.height)
