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
        self.sky = Sky(scene, horizon=self._ground - 0.02)
        self._salt = rng.uniform(0, 900, LAYERS)
        self._pan = float(rng.choice([-1, 1])) * 0.03
        self._ripple = Noise(rng, octaves=3, tempo=0.6)
        self._fog = Noise(rng, octaves=3, tempo=0.2)
        self._shore = int((self._ground + scene.half_height) * scene.unit)

    def frame(self, t: float) -> Plane:
        picture = self.sky.paint(t)
        for layer in range(LAYERS):
            picture = self._towers(picture, layer, t)
        return self._street(picture, t)

    def _towers(self, picture: Plane, layer: int, t: float) -> Plane:
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
        cover = np.clip((scene.y - top[None, :]) * scene.unit + 0.5, 0, 1) * np.maximum(sides, 0)[None, :]
        body = self._facade(inside, cell, top + mast, layer, t)
        return over(picture, body, cover.astype(np.float32))

    def _facade(self, inside: Plane, cell: Plane, top: Plane, layer: int, t: float) -> Plane:
        scene, palette, near = self._scene, self._scene.palette, layer / (LAYERS - 1)
        rise = np.clip((self._ground - scene.y) / (0.9 * scene.half_height), 0, 1)
        air = over(palette.color(0.42), palette.color(0.20), smoothstep(0.0, 0.8, rise))
        body = over(air, palette.color(0.035), np.float32(0.25 + 0.72 * near))
        body = over(np.broadcast_to(body, (scene.height, scene.width, 3)), palette.color(0.5), (0.30 * (1 - rise) ** 3) * (1 - 0.5 * near) + np.zeros_like(scene.x))
        if layer == 0:
            return body
        pitch_x, pitch_y = 0.0085 + 0.0075 * near, 0.0125 + 0.011 * near
        u, v = inside / pitch_x, (scene.y - top[None, :]) / pitch_y
        column, floor = np.floor(u)[None, :], np.floor(v)
        luck = _hash(column * 7.0 + floor * 131.0 + cell[None, :] * 17.0, layer)
        du, dv = np.abs(u - np.floor(u) - 0.5)[None, :], np.abs(v - floor - 0.5)
        soft_x, soft_y = 1.0 / scene.unit / pitch_x, 1.0 / scene.unit / pitch_y
        pane = smoothstep(0.30 + soft_x, 0.30 - soft_x, du) * smoothstep(0.27 + soft_y, 0.27 - soft_y, dv)
        busy = 0.52 + 0.32 * _hash(cell, layer + 77)[None, :]
        glow = pane * smoothstep(busy, busy + 0.04, luck) * (v > 1) * (0.45 + 0.55 * _hash(luck * 999, 3))
        glow = glow * (0.92 + 0.08 * np.sin(t * 2 + luck * 40)) * (0.35 + 0.6 * near)
        tint = over(palette.color(0.93), palette.color(0.66), (np.mod(luck * 57, 1) > 0.72).astype(np.float32))
        return screen(body, np.clip(glow, 0, 1)[..., None] * tint)

    def _street(self, picture: Plane, t: float) -> Plane:
        """Everything below the ground line is a mirror, smeared downwards and rippled."""
        scene, shore = self._scene, self._shore
        rows = scene.height - shore
        depth = ((np.arange(rows) + 1) / scene.unit).astype(np.float32)[:, None]
        box = (9.0, 0.2 * t, 9.0 + 2 * scene.half_width, 1.0 + 0.2 * t)
        ripple = self._ripple.plane((scene.width, rows), box, fx=4.0, fy=30.0, t=t)
        sway = (ripple * (0.006 + 0.05 * depth) * scene.unit).astype(np.float32)
        top = np.clip(shore - 1 - np.abs(depth * 1.35 * scene.unit + sway * 1.5), 0, shore - 1).astype(np.int32)
        columns = np.clip(np.arange(scene.width)[None, :] + sway, 0, scene.width - 1).astype(np.int32)
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
