"""Folded ink: noise bent by noise, lit from the side as if it were silk."""

from __future__ import annotations

import math

import numpy as np

from apps.sandbox.art.field import Noise, enlarge, sample, smoothstep
from apps.sandbox.art.finish import over
from apps.sandbox.art.palette import Plane
from apps.sandbox.art.scene import Scene


class Marble:
    """Two rounds of domain warping at a third of the detail, then colour, light and fine veins at full size."""

    def __init__(self, scene: Scene) -> None:
        rng = scene.generator("marble")
        self._scene = scene
        self._work = scene.smaller(1.5 if scene.unit <= 768 else 2.0)
        self._first = Noise(rng, octaves=2, gain=0.45, tempo=0.22)
        self._second = Noise(rng, octaves=2, gain=0.45, tempo=0.22)
        self._base = Noise(rng, octaves=3, gain=0.42, tempo=0.12)
        self._angle = float(rng.uniform(0, 2 * np.pi))
        self._bend = float(rng.uniform(0.7, 1.0))
        self._frequency = float(rng.uniform(1.15, 1.7))
        self._veins = float(rng.uniform(7, 13))
        self._drift = [float(speed) for speed in rng.normal(0, 0.03, 2)]

    def frame(self, t: float) -> Plane:
        work, f = self._work, self._frequency
        box = work.box(self._drift[0] * t, self._drift[1] * t)
        qx = self._first.plane(work.size, box, fx=f, fy=f, t=t)
        qy = self._second.plane(work.size, box, fx=f, fy=f, t=t)
        value, swirl = self._warped(qx, qy, t)
        return self._colored(value, swirl)

    def _warped(self, qx: Plane, qy: Plane, t: float) -> tuple[Plane, Plane]:
        work, f = self._work, self._frequency
        margin = 0.9
        wide = work.box(self._drift[0] * t, self._drift[1] * t, margin=margin)
        size = (round(work.width + 2 * margin * work.unit), round(work.height + 2 * margin * work.unit))
        base = self._base.plane(size, wide, fx=f * 0.9, fy=f * 0.9, t=t)
        columns = (np.arange(work.width, dtype=np.float32) + margin * work.unit)[None, :]
        rows = (np.arange(work.height, dtype=np.float32) + margin * work.unit)[:, None]
        bend = np.float32(self._bend * work.unit * 0.62)
        first = sample(base, columns + qx * bend, rows + qy * bend)
        turn = first * np.float32(4.2) + np.float32(self._angle)
        reach = np.float32(0.34 * work.unit)
        x, y = columns + qx * bend + np.cos(turn) * reach, rows + qy * bend + np.sin(turn) * reach
        second = sample(base, x, y)
        turn = second * np.float32(3.2) + qx * np.float32(2.0)
        reach = np.float32(0.16 * work.unit)
        return sample(base, x + np.cos(turn) * reach, y + np.sin(turn) * reach), first + qx * np.float32(0.5)

    def _colored(self, value: Plane, swirl: Plane) -> Plane:
        scene = self._scene
        value, swirl = enlarge(value, scene.size), enlarge(swirl, scene.size)
        tone = 0.5 + 0.34 * np.sin(value * np.float32(3.4) + np.float32(self._angle)) + 0.16 * swirl
        slope_y, slope_x = np.gradient(value, 1 / scene.unit)
        steep = 1 / np.sqrt(1 + 0.05 * (slope_x**2 + slope_y**2))
        lit = (slope_x * math.cos(self._angle) + slope_y * math.sin(self._angle)) * 0.30 * steep
        picture = scene.palette.map(np.clip(tone + 0.12 * lit, 0.02, 0.96).astype(np.float32))
        bands = np.abs(np.mod(value * np.float32(self._veins) + swirl, 1) - 0.5) * 2
        width = np.hypot(slope_x, slope_y) * np.float32(self._veins / scene.unit * 2)
        veins = smoothstep(0.0, 1.0, 1 - bands / (width * 1.2 + 0.03)) * 0.30
        picture = over(picture, scene.palette.color(0.93), (veins * smoothstep(-0.2, 0.7, lit)).astype(np.float32))
        gleam = smoothstep(0.45, 1.25, lit) ** 2 * 0.35
        shade = smoothstep(0.2, 1.3, -lit) * 0.30
        result: Plane = over(picture, scene.palette.color(0.98), gleam) * (1 - shade[..., None])
        return result
