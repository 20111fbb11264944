"""Flowers: rings of petals laid over each other, each ring smaller and turned."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from apps.sandbox.art.field import Noise, enlarge, smoothstep
from apps.sandbox.art.finish import over, screen
from apps.sandbox.art.palette import Plane
from apps.sandbox.art.scene import Scene

GOLDEN = 2.399963


@dataclass(frozen=True)
class Flower:
    x: float
    y: float
    radius: float
    petals: int
    rings: int
    tone: float
    turn: float
    pointed: float


class Bloom:
    """One great flower off the centre, smaller ones around it, soft light behind."""

    def __init__(self, scene: Scene) -> None:
        rng = scene.generator("bloom")
        self._scene = scene
        self._air = Noise(rng, octaves=3, tempo=0.2)
        self._flowers = self._planted(rng)
        self._bokeh = [tuple(map(float, rng.uniform((-1, -1, 0.03, 0.1), (1, 1, 0.11, 0.4)))) for _ in range(22)]

    def frame(self, t: float) -> Plane:
        picture = self._backdrop(t)
        for index, flower in enumerate(self._flowers):
            self._flower(picture, flower, t + index * 1.7)
        return picture

    def _planted(self, rng: np.random.Generator) -> list[Flower]:
        scene = self._scene
        side = float(rng.choice([-1, 1]))
        spots = [
            (side * -0.72, 0.62, 0.26),
            (side * -0.95, -0.35, 0.20),
            (side * 0.95, -0.80, 0.22),
            (side * -0.28, 0.98, 0.18),
        ]
        flowers = []
        for x, y, radius in [*spots[: int(rng.integers(2, 5))], (side * 0.18, -0.04, 0.43)]:
            grown = radius * float(rng.uniform(0.9, 1.12))
            place = (x * scene.half_width + rng.normal(0, 0.03), y * scene.half_height + rng.normal(0, 0.03))
            rings = int(rng.integers(9, 12)) if radius > 0.4 else int(rng.integers(6, 9))
            flower = Flower(
                x=float(place[0]),
                y=float(place[1]),
                radius=grown,
                petals=int(rng.integers(7, 13)),
                rings=rings,
                tone=float(rng.uniform(0.28, 0.46)),
                turn=float(rng.uniform(0, 6)),
                pointed=float(rng.uniform(1.4, 3.2)),
            )
            flowers.append(flower)
        return flowers

    def _backdrop(self, t: float) -> Plane:
        scene, palette = self._scene, self._scene.palette
        small = (max(32, scene.width // 6), max(32, scene.height // 6))
        haze = enlarge(self._air.plane(small, scene.box(0.02 * t, 0.0), fx=0.9, fy=0.9, t=t), scene.size)
        picture = palette.map(np.clip(0.13 + 0.11 * haze + 0.05 * scene.y, 0.02, 0.5).astype(np.float32))
        light = np.zeros((scene.height, scene.width), np.float32)
        for bx, by, radius, strength in self._bokeh:
            x = bx * scene.half_width + 0.02 * math.sin(0.5 * t + 9 * bx)
            y = by * scene.half_height + 0.02 * math.cos(0.4 * t + 7 * by)
            x0, x1 = (_pixel(x + side * radius + scene.half_width, scene.unit, scene.width) for side in (-1, 1))
            y0, y1 = (_pixel(y + side * radius + scene.half_height, scene.unit, scene.height) for side in (-1, 1))
            distance = np.hypot(scene.x[:, x0:x1] - np.float32(x), scene.y[y0:y1] - np.float32(y))
            light[y0:y1, x0:x1] += (
                smoothstep(radius, radius * 0.86, distance) * strength * (0.55 + 0.45 / radius * distance)
            )
        return screen(picture, light[..., None] * palette.color(0.6) * 0.30)

    def _flower(self, picture: Plane, flower: Flower, t: float) -> None:
        """Each ring is drawn only inside its own square of the picture."""
        scene = self._scene
        for ring in range(flower.rings):
            inner = ring / max(1, flower.rings - 1)
            breath = 1 + 0.018 * math.sin(0.9 * t + ring * 0.4)
            reach = flower.radius * (1 - 0.90 * inner**0.86) * breath
            x0, x1 = (
                _pixel(flower.x + side * reach * 1.2 + scene.half_width, scene.unit, scene.width) for side in (-1, 1)
            )
            y0, y1 = (
                _pixel(flower.y + side * reach * 1.2 + scene.half_height, scene.unit, scene.height) for side in (-1, 1)
            )
            if x1 - x0 > 1 and y1 - y0 > 1:
                x, y = scene.x[:, x0:x1] - np.float32(flower.x), scene.y[y0:y1] - np.float32(flower.y)
                picture[y0:y1, x0:x1] = self._ring(picture[y0:y1, x0:x1], flower, ring, reach, x, y, t)

    def _ring(self, part: Plane, flower: Flower, ring: int, reach: float, x: Plane, y: Plane, t: float) -> Plane:
        scene, palette = self._scene, self._scene.palette
        inner = ring / max(1, flower.rings - 1)
        radius, angle = np.hypot(x, y), np.arctan2(y, x)
        light = (x + y) * np.float32(-1 / (flower.radius * 2.2))
        sway = 0.05 * math.sin(0.7 * t + ring * 0.55) * (0.4 + 0.6 * inner)
        petals = max(4, round(flower.petals * (1 - 0.45 * inner)))
        twist = (0.3 + 0.4 * inner) * 0.5
        turned = (
            angle + radius * (twist / flower.radius) + (flower.turn + ring * GOLDEN + sway - twist / 2 + 8 * math.pi)
        )
        local = np.mod(turned * (petals / (2 * math.pi)), 1) * 2 - 1
        off = np.abs(local)
        profile = 1 - 0.42 * np.linspace(0, 1, 1025) ** flower.pointed
        edge = reach * (profile.astype(np.float32)[(off * 1024).astype(np.int32)] + 0.015 * np.cos(local * 9 + ring))
        cover = np.clip((edge - radius) * scene.unit + 0.5, 0, 1)
        ratio = radius / np.maximum(edge, 1e-4)
        near = np.minimum(ratio, 1)
        shadow = smoothstep(1.16, 0.98, ratio) * 0.42
        tone = (
            flower.tone
            + 0.10 * inner
            + 0.40 * near * near * np.sqrt(near)
            - 0.16 * off * off * off
            + 0.055 * light * (1 + local)
        )
        veins = 0.022 * np.cos(local * 26) * smoothstep(0.2, 0.9, near) * (1 - off)
        body = palette.map(np.clip(tone + veins + (0.16 if ring == flower.rings - 1 else 0.0), 0.02, 0.97))
        body = body * (0.66 + 0.34 * smoothstep(0.05, 0.7, near))[..., None]
        return over(part * (1 - shadow)[..., None], body, cover)


def _pixel(length: float, unit: int, limit: int) -> int:
    return int(np.clip(length * unit, 0, limit))
