"""Small things that a prompt may name: a lighthouse on its headland, a sailing boat, birds."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw

from apps.sandbox.art.compositions.sky import Sky
from apps.sandbox.art.field import Noise, smoothstep
from apps.sandbox.art.finish import over, screen
from apps.sandbox.art.palette import Plane
from apps.sandbox.art.scene import Scene

FINE = 4  # silhouettes are drawn this many times larger, then averaged
Outline = list[tuple[float, float]]


class Details:
    """Silhouettes on the side away from the light; each keeps its place and moves a little with time."""

    def __init__(self, scene: Scene, sky: Sky, *, horizon: float) -> None:
        rng = scene.generator("details")
        self._scene, self._sky, self._horizon = scene, sky, horizon
        self._side = -1.0 if sky.sun_x > 0 else 1.0
        self._lighthouse = scene.says("lighthouse")
        self._boat = scene.says("boat", "ship", "sail", "sailboat", "sailing", "yacht")
        self._flock = scene.says("bird", "gull", "seagull", "swallow", "crane") or (
            not sky.night and rng.random() < 0.4
        )
        self._land = Noise(rng, octaves=5, gain=0.5, tempo=0.0)
        self._birds = rng.uniform(-1, 1, (9, 4))
        self._dark = over(sky.ground, sky.haze, 0.16)
        self._phase = float(rng.uniform(0, 6))

    def behind(self, picture: Plane, t: float) -> None:
        """What stands at the horizon or flies, painted into the picture before any water mirrors it."""
        if self._flock:
            for px, py, size, phase in self._birds.tolist():
                self._bird(picture, px, py, size, phase, t)
        if self._lighthouse:
            self._tower(picture, t)

    def before(self, picture: Plane, t: float) -> None:
        """What floats, painted after the water."""
        if self._boat:
            x = self._side * 0.18 * self._scene.half_width + 0.008 * t
            y = self._horizon + 0.055 + 0.003 * math.sin(1.3 * t)
            lean = 0.05 * math.sin(0.8 * t + self._phase)
            hull = [(-0.060, -0.008), (0.066, -0.012), (0.046, 0.012), (-0.044, 0.012)]
            main = [(0.004, -0.018), (0.004, -0.165), (0.058, -0.022)]
            jib = [(-0.004, -0.018), (-0.002, -0.150), (-0.052, -0.020)]
            mirrored = [[(dx, 0.022 - 0.6 * (dy + 0.018)) for dx, dy in sail] for sail in (main, jib)]
            self._fill(picture, [self._placed(one, x, y, -lean) for one in mirrored], self._dark, 0.20)
            self._fill(picture, [self._placed(hull, x, y, lean)], self._dark, 1.0)
            self._fill(picture, [self._placed(main, x, y, lean)], over(self._dark, self._sky.warm, 0.55), 1.0)
            self._fill(picture, [self._placed(jib, x, y, lean)], over(self._dark, self._sky.warm, 0.42), 1.0)

    def _tower(self, picture: Plane, t: float) -> None:
        scene, foot = self._scene, self._horizon
        x = self._side * 0.46 * scene.half_width
        edge = self._side * (scene.half_width + 0.02)
        xs = np.linspace(x - self._side * 0.16, edge, 120).astype(np.float32)
        along = np.abs(xs - xs[0])
        rise = 0.070 * smoothstep(0.0, 0.20, along) + 0.014 * self._land.line(xs, f=6.0) * smoothstep(0.0, 0.1, along)
        land = [
            *zip(xs.tolist(), (foot - rise).tolist(), strict=True),
            (edge, foot + 0.004),
            (float(xs[0]), foot + 0.004),
        ]
        self._fill(picture, [land], self._dark, 1.0)
        base, top = foot - 0.060, foot - 0.285
        body = [(x - 0.021, base), (x - 0.0125, top), (x + 0.0125, top), (x + 0.021, base)]
        gallery = [(x - 0.020, top), (x - 0.020, top - 0.007), (x + 0.020, top - 0.007), (x + 0.020, top)]
        room = [
            (x - 0.0095, top - 0.007),
            (x - 0.0095, top - 0.034),
            (x + 0.0095, top - 0.034),
            (x + 0.0095, top - 0.007),
        ]
        roof = [(x - 0.014, top - 0.034), (x, top - 0.056), (x + 0.014, top - 0.034)]
        self._fill(picture, [body, gallery, roof], self._dark, 1.0)
        for low, high in ((0.22, 0.40), (0.62, 0.80)):  # two bands of paint, catching the light
            corners = [(-1, low), (-1, high), (1, high), (1, low)]
            band = [(x + s * (0.021 - 0.0085 * part), base + (top - base) * part) for s, part in corners]
            self._fill(picture, [band], over(self._dark, self._sky.warm, 0.5), 0.85)
        self._fill(picture, [room], self._sky.warm, 1.0)
        self._beam(picture, x, top - 0.020, t)

    def _beam(self, picture: Plane, x: float, y: float, t: float) -> None:
        """The lamp's glow, and two cones that sweep round: long when they point to the side."""
        scene = self._scene
        turn = math.cos(0.9 * t + self._phase)
        dx, dy = scene.x - np.float32(x), scene.y - np.float32(y)
        distance = np.hypot(dx, dy)
        light = np.exp(-distance * 26) * 0.8 + np.exp(-distance * 7) * 0.16
        strength = (0.42 if self._sky.night else 0.26) * (0.35 + 0.65 * abs(turn))
        for side in (-1, 1):
            along = dx * side * (0.25 + 0.75 * abs(turn)) + 0.001
            spread = 0.006 + 0.085 * np.abs(along)
            cone = np.exp(-((dy / spread) ** 2)) * np.exp(-np.abs(along) * 2.0) * (dx * side > 0)
            light = light + cone * (strength if turn * side > 0 else strength * 0.45)
        picture[:] = screen(picture, light[..., None] * self._sky.warm)

    def _bird(self, picture: Plane, px: float, py: float, size: float, phase: float, t: float) -> None:
        scene, span = self._scene, 0.013 + 0.005 * size
        x = self._sky.sun_x * 0.5 + 0.30 * px + 0.02 * t * self._side
        y = self._horizon - 0.26 * scene.half_height * 2 + 0.11 * py + 0.006 * math.sin(t + 5 * phase)
        flap = 0.5 + 0.45 * math.sin(5.0 * t + 9 * phase + 3 * px)
        left = [(-1.0, -0.1 - 0.35 * flap), (-0.45, -0.42 * flap - 0.05), (0.0, 0.10), (-0.42, -0.26 * flap + 0.06)]
        wings = [left, [(-dx, dy) for dx, dy in left]]
        self._fill(picture, [[(x + dx * span, y + dy * span) for dx, dy in wing] for wing in wings], self._dark, 0.8)

    def _placed(self, outline: Outline, x: float, y: float, turn: float) -> Outline:
        c, s = math.cos(turn), math.sin(turn)
        return [(x + dx * c - dy * s, y + dx * s + dy * c) for dx, dy in outline]

    def _fill(self, picture: Plane, outlines: list[Outline], color: Plane, alpha: float) -> None:
        """Fill outlines (in units) with smooth edges, touching only the pixels around them."""
        scene = self._scene
        points = [
            [((x + scene.half_width) * scene.unit, (y + scene.half_height) * scene.unit) for x, y in one]
            for one in outlines
        ]
        every = [point for one in points for point in one]
        x0, x1 = max(0, math.floor(min(p[0] for p in every))), min(scene.width, math.ceil(max(p[0] for p in every)) + 1)
        y0, y1 = (
            max(0, math.floor(min(p[1] for p in every))),
            min(scene.height, math.ceil(max(p[1] for p in every)) + 1),
        )
        if x1 <= x0 or y1 <= y0:
            return
        mask = Image.new("L", ((x1 - x0) * FINE, (y1 - y0) * FINE))
        pen = ImageDraw.Draw(mask)
        for one in points:
            pen.polygon([((x - x0) * FINE, (y - y0) * FINE) for x, y in one], fill=255)
        cover = np.asarray(mask.reduce(FINE), np.float32) * np.float32(alpha / 255)
        picture[y0:y1, x0:x1] = over(picture[y0:y1, x0:x1], color, cover)
