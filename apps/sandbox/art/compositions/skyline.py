"""A city after dark: towers behind towers, lit windows, neon air, a wet street that mirrors them."""

from __future__ import annotations

import numpy as np

from apps.sandbox.art.compositions.sky import Sky
from apps.sandbox.art.field import Noise, enlarge, smoothstep
from apps.sandbox.art.finish import over, screen
from apps.sandbox.art.palette import Plane
from apps.sandbox.art.scene import Scene

LAYERS = 5


class Skyline:
    """A tower is a cell of a one-dimensional grid; its height, steps and windows come from a hash of the cell."""

    def __init__(self, scene: Scene) -> None:
        rng = scene.generator("skyline")
        self._scene = scene
        self._ground = 0.26 * scene.half_height * 2
        self.sky = Sky(scene, horizon=self._ground - 0.02, lift=0.62 * scene.half_height)
        self._luck = rng.random(4096, np.float32)
        self._salt = rng.uniform(0, 900, LAYERS)
        self._pan = float(rng.choice([-1, 1])) * 0.03
        self._ripple = Noise(rng, octaves=3, tempo=0.6)
        self._fog = Noise(rng, octaves=3, tempo=0.2)
        self._shore = int((self._ground + scene.half_height) * scene.unit)

    def frame(self, t: float) -> Plane:
        picture = self.sky.paint(t)
        for layer in range(LAYERS):
            self._towers(picture, layer, t)
        return self._street(picture, t)

    def _towers(self, picture: Plane, layer: int, t: float) -> None:
        scene, near = self._scene, layer / (LAYERS - 1)
        xs = scene.x[0] + np.float32(self._salt[layer] + t * self._pan * (0.2 + 1.5 * near))
        step = 0.055 + 0.075 * near
        cell = np.floor(xs / step)
        inside = xs - cell * step
        gap = 0.05 * step
        luck, second = _hash(cell, layer), _hash(cell, layer + 31)
        tall = (0.20 + 0.36 * luck**1.6) * (1.15 - 0.45 * near) * scene.half_height * 1.9
        middle = np.abs(inside / step - 0.5)
        tall = tall - 0.035 * (second > 0.4) * (middle > 0.27) - 0.03 * (second > 0.7) * (middle > 0.16)
        mast = 0.06 * (second > 0.78) * (middle < 0.6 / scene.unit / step + 0.006)
        sides = np.clip(np.minimum(inside - gap, step - gap - inside) * scene.unit + 0.5, 0, 1)
        top = self._ground + 0.02 - tall - mast
        first = int(np.clip((float(top.min()) + scene.half_height) * scene.unit - 1, 0, self._shore - 1))
        rows = slice(first, self._shore + 1)
        cover = np.clip((scene.y[rows] - top[None, :]) * scene.unit + 0.5, 0, 1) * np.maximum(sides, 0)[None, :]
        body = self._facade(inside, cell, top + mast, layer, scene.y[rows], t)
        picture[rows] = over(picture[rows], body, cover)

    def _facade(self, inside: Plane, cell: Plane, top: Plane, layer: int, y: Plane, t: float) -> Plane:
        scene, palette, near = self._scene, self._scene.palette, layer / (LAYERS - 1)
        rise = np.clip((self._ground - y) / (0.9 * scene.half_height), 0, 1)
        air = over(palette.color(0.42), palette.color(0.20), smoothstep(0.0, 0.8, rise))
        body = over(air, palette.color(0.035), 0.25 + 0.72 * near)
        body = over(body, palette.color(0.5), (0.30 - 0.15 * near) * (1 - rise) ** 3)
        if layer == 0:
            return np.broadcast_to(body, (len(y), scene.width, 3))
        glow, kind = self._windows(inside, cell, y - top[None, :], layer, t)
        tint = np.stack([palette.color(0.93), palette.color(0.66)])[(kind > 0.72).astype(np.int32)]
        return screen(body, glow[..., None] * tint)

    def _windows(self, inside: Plane, cell: Plane, down: Plane, layer: int, t: float) -> tuple[Plane, Plane]:
        """How brightly each point shines as part of a window, and a number 0..1 of that window for its colour."""
        scene, near = self._scene, layer / (LAYERS - 1)
        pitch_x, pitch_y = 0.0085 + 0.0075 * near, 0.0125 + 0.011 * near
        u, v = inside / np.float32(pitch_x), down * np.float32(1 / pitch_y)
        column, floor = np.floor(u), np.floor(v)
        index = (column * 7 + cell * 517).astype(np.int32)[None, :] + floor.astype(np.int32) * 131
        luck = self._luck[(index + layer * 977) & 4095]
        soft_x, soft_y = 1.0 / scene.unit / pitch_x, 1.0 / scene.unit / pitch_y
        pane_x = smoothstep(0.30 + soft_x, 0.30 - soft_x, np.abs(u - column - 0.5))
        pane_y = smoothstep(0.27 + soft_y, 0.27 - soft_y, np.abs(v - floor - 0.5))
        busy = (0.52 + 0.32 * _hash(cell, layer + 77))[None, :]
        kind = np.mod(luck * 57, 1)
        lit = (luck > busy) & (v > 1)
        strength = (0.45 + 0.55 * np.mod(luck * 23, 1)) * (0.35 + 0.6 * near)
        glow = pane_y * pane_x[None, :] * lit * strength * (0.93 + 0.07 * np.sin(2 * t + 40 * kind))
        return np.clip(glow, 0, 1), kind

    def _street(self, picture: Plane, t: float) -> Plane:
        """Everything below the ground line is a mirror, smeared downwards and rippled."""
        scene, shore = self._scene, self._shore
        rows = scene.height - shore
        depth = ((np.arange(rows) + 1) / scene.unit).astype(np.float32)[:, None]
        box = (9.0, 0.2 * t, 9.0 + 2 * scene.half_width, 1.0 + 0.2 * t)
        ripple = self._ripple.plane((scene.width, rows), box, fx=2.0, fy=24.0, t=t)
        sway = (ripple * (0.006 + 0.05 * depth) * scene.unit).astype(np.float32)
        top = np.clip(shore - 1 - np.abs(depth * 1.35 * scene.unit + sway * 1.5), 0, shore - 1).astype(np.int32)
        columns = np.clip(np.arange(scene.width, dtype=np.float32)[None, :] + sway * 0.7, 0, scene.width - 1).astype(
            np.int32
        )
        small = (scene.width, max(8, shore // 14))
        smeared = enlarge(enlarge(picture[:shore], small), (scene.width, shore))
        mirror = smeared[top, columns] * 0.85 + picture[top, columns] * 0.25
        result = picture.copy()
        result[shore:] = mirror * (0.78 - 0.75 * np.clip(depth, 0, 0.8))[..., None]
        return result


def _hash(value: Plane, salt: float) -> Plane:
    mixed = np.sin(np.asarray(value, np.float64) * 12.9898 + salt * 78.233) * 43758.5453
    result: Plane = (mixed - np.floor(mixed)).astype(np.float32)
    return result
