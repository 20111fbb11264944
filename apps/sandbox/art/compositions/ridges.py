"""Mountains behind mountains, with the sun or the moon, clouds, mist, pines and a lake when they are asked for."""

from __future__ import annotations

import numpy as np

from apps.sandbox.art.compositions.details import Details
from apps.sandbox.art.compositions.sky import Sky
from apps.sandbox.art.field import Noise, enlarge, smoothstep
from apps.sandbox.art.finish import over
from apps.sandbox.art.palette import Plane
from apps.sandbox.art.scene import Scene

LAYERS = 7


class Ridges:
    """Each layer is one line of noise; the farther it is, the more it takes the colour of the air."""

    def __init__(self, scene: Scene) -> None:
        rng = scene.generator("ridges")
        self._scene = scene
        self._lines = Noise(rng, octaves=7, gain=0.46, tempo=0.0)
        self._mist = Noise(rng, octaves=3, tempo=0.25)
        self._rows = rng.integers(0, 128, LAYERS)
        self._offsets = rng.uniform(0, 60, LAYERS)
        self._lake = scene.says(
            "lake", "river", "sea", "ocean", "water", "fjord", "reflection", "coast", "bay", "harbour"
        )
        self._pines = scene.says("forest", "pine", "tree", "wood", "taiga", "fir") or bool(rng.random() < 0.45)
        self._horizon = float(rng.uniform(0.06, 0.16)) * scene.half_height * 2
        self.sky = Sky(scene, horizon=self._horizon - 0.08)
        shore = self._row(self._horizon + 0.10)
        self._shore = int(np.clip(shore, scene.height // 3, scene.height - 8))
        self._details = Details(scene, self.sky, horizon=self._horizon)
        self._pan = float(rng.choice([-1, 1])) * 0.035

    def frame(self, t: float) -> Plane:
        picture = self.sky.paint(t)
        self._details.behind(picture, t)
        last = LAYERS - 1
        crests = [self._crest(layer, t) for layer in range(LAYERS)]
        for layer in range(last - 1 if self._lake else LAYERS):
            hidden = (
                self._shore if self._lake else None if layer == last else self._row(float(crests[layer + 1].max())) + 2
            )
            self._layer(picture, layer, crests[layer], hidden, t)
        if self._lake:
            picture = self._mirrored(picture, t)
            self._layer(picture, last, crests[last], None, t)
        return picture

    def _row(self, y: float) -> int:
        """The picture row at a height, kept inside the picture."""
        scene = self._scene
        return int(np.clip((y + scene.half_height) * scene.unit, 0, scene.height))

    def _layer(self, picture: Plane, layer: int, crest: Plane, hidden: int | None, t: float) -> None:
        """Paint one layer into the picture, from its highest point down to where the next one hides it anyway."""
        scene, near = self._scene, layer / (LAYERS - 1)
        top = max(0, self._row(float(crest.min())) - 2)
        low = scene.height if hidden is None else min(max(hidden, top + 1), scene.height)
        if top >= scene.height:
            return
        below = scene.y[top:low] - crest[None, :]
        cover = np.clip(below * scene.unit + 0.5, 0, 1)
        color = self._body(layer, crest, below)
        mist = smoothstep(0.02, 0.30 + 0.1 * near, below) * (0.62 - 0.5 * near)
        if layer < LAYERS - 1:
            x0, y0, x1, _ = scene.box(t * 0.03 * (1 + layer), layer * 3.0)
            box = (x0, y0 + top / scene.unit, x1, y0 + low / scene.unit)
            swirl = self._mist.plane((max(8, scene.width // 4), max(2, (low - top) // 4)), box, fx=1.6, fy=5.0, t=t)
            mist = mist * (0.85 + 0.45 * enlarge(swirl, (scene.width, low - top)))
        picture[top:low] = over(picture[top:low], over(color, self.sky.haze, np.clip(mist, 0, 1)), cover)

    def _crest(self, layer: int, t: float) -> Plane:
        """The height line of a layer for each column."""
        scene, near = self._scene, layer / (LAYERS - 1)
        xs = scene.x[0] + np.float32(self._offsets[layer] + t * self._pan * (0.25 + 1.6 * near))
        row = int(self._rows[layer])
        peaks = 1 - np.abs(self._lines.line(xs, f=1.15 + 0.5 * near, row=row)) * 2.1
        spurs = 1 - np.abs(self._lines.line(xs, f=3.1 + near, row=row + 5)) * 2.0
        mass = smoothstep(-0.8, 0.8, self._lines.line(xs, f=0.55, row=row + 7))
        height = (0.34 - 0.19 * near) * (0.55 * peaks + 0.22 * spurs + 0.15) * (0.45 + 0.75 * mass)
        floor = scene.half_height * 2 * (0.42 * near**1.25) + self._horizon + 0.02
        line = floor - height
        if self._pines and layer >= LAYERS - 3:
            line = line - self._trees(xs, 0.018 + 0.034 * (layer - LAYERS + 3))
        result: Plane = line.astype(np.float32)
        return result

    def _trees(self, xs: Plane, size: float) -> Plane:
        """Silhouettes of firs along a crest: two rows of spikes with notched sides."""
        total = np.zeros_like(xs)
        for row, step in ((3, size * 0.55), (9, size * 0.83)):
            cell = np.floor(xs / step).astype(np.int32)
            luck = np.sin(cell * 127.1 + row * 311.7) * 43758.5453
            luck = (luck - np.floor(luck)).astype(np.float32)
            part = np.abs(xs / step - cell - 0.5) * 2
            tree = (1 - part) ** 0.85 * (0.45 + 0.9 * luck) * (luck > 0.18)
            notch = 0.10 * np.mod(tree * 7, 1) * (part > 0.08)
            total = np.maximum(total, np.maximum(tree - notch, 0))
        result: Plane = total * np.float32(size)
        return result

    def _body(self, layer: int, crest: Plane, below: Plane) -> Plane:
        """The layer's own colour: darker when near, its sunny slopes lighter."""
        scene, near = self._scene, layer / (LAYERS - 1)
        far = 0.40 if self.sky.night else 0.76
        tinted = scene.palette.color(far * (1 - near**0.75) + 0.03)  # through the palette's own middle, not grey
        base = over(over(self.sky.haze * 0.9, self.sky.ground, near**0.8), tinted, 0.62)
        slope = np.gradient(crest, 1 / scene.unit)
        kernel = np.hanning(max(5, scene.unit // 60))
        slope = np.convolve(slope, kernel / kernel.sum(), mode="same").astype(np.float32) * np.sign(
            scene.x[0] - self.sky.sun_x
        )
        columns = np.arange(scene.width, dtype=np.float32)[None, :]
        lean = columns + np.sin(columns * np.float32(23 / scene.unit)) * below * np.float32(0.8 * scene.unit)
        facets = slope[np.clip(lean, 0, scene.width - 1).astype(np.int32)]
        light = np.clip(facets, 0, 1) * smoothstep(0.13, 0.0, below) * (0.30 * (1 - 0.8 * near))
        rim = smoothstep(0.010, 0.0, below) * (0.16 * (1 - near * 0.7))
        return over(np.broadcast_to(base, (*below.shape, 3)), self.sky.warm, (light + rim).astype(np.float32))

    def _mirrored(self, picture: Plane, t: float) -> Plane:
        """Still water from the shore down: the picture upside down, rippled, darker near the viewer."""
        scene = self._scene
        shore = self._shore
        depth = (np.arange(scene.height - shore, dtype=np.float32) + 1)[:, None] / scene.unit
        small = (max(32, scene.width // 2), max(8, scene.height - shore))
        ripple = self._mist.plane(
            small, (20.0 + t * 0.04, 9.0, 20 + 2 * scene.half_width, 9.0 + 1.4), fx=3.0, fy=26.0, t=3 * t
        )
        ripple = enlarge(ripple, (scene.width, scene.height - shore))
        source = shore - 1 - (depth * 0.92 + ripple * (0.004 + 0.06 * depth)) * scene.unit
        rows = np.clip(np.abs(source), 0, shore - 1.001)
        top = rows.astype(np.int32)
        columns = np.arange(scene.width)[None, :]
        part = (rows - top)[..., None]
        mirror = picture[top, columns] * (1 - part) + picture[np.minimum(top + 1, shore - 1), columns] * part
        tint = np.clip(0.16 + 0.55 * depth, 0, 0.7)
        water = over(mirror, self.sky.ground * 0.7 + self.sky.zenith * 0.3, np.broadcast_to(tint, ripple.shape))
        glint = smoothstep(0.35, 0.9, ripple) * 0.10
        result = picture.copy()
        result[shore:] = over(water, self.sky.warm, glint)
        edge = np.exp(-((np.arange(-6, 7) / (0.003 * scene.unit)) ** 2)).astype(np.float32)[:, None] * 0.35
        rows = result[shore - 6 : shore + 7]
        rows[:] = over(rows, self.sky.haze, np.broadcast_to(edge[: len(rows)], rows.shape[:2]))
        return result
