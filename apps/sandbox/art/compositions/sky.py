"""The sky all landscapes share: gradient, sun or moon, clouds, stars."""

from __future__ import annotations

import numpy as np

from apps.sandbox.art.field import Noise, enlarge, smoothstep
from apps.sandbox.art.finish import over, screen
from apps.sandbox.art.palette import Plane
from apps.sandbox.art.scene import Scene

NIGHT = (
    "night",
    "midnight",
    "moon",
    "moonlight",
    "moonlit",
    "star",
    "starry",
    "nocturne",
    "neon",
    "galaxy",
    "space",
    "dark",
)


class Sky:
    """Colours that the land below takes up (`haze`, `ground`, `warm`, `zenith`) and the position of the light."""

    def __init__(self, scene: Scene, *, horizon: float, lift: float = 0.0) -> None:
        rng = scene.generator("sky")
        palette = scene.palette
        self._scene, self._horizon = scene, horizon
        self.night = scene.says(*NIGHT)
        self.moon = self.night or scene.says("moon")
        self._crescent = self.moon and bool(rng.random() < 0.4)
        self.sun_x = float(rng.choice([-0.32, -0.2, 0.2, 0.32]) * scene.half_width * 2 * rng.uniform(0.7, 1.1))
        low = scene.says("sunset", "sunrise", "dawn", "dusk", "evening", "morning", "twilight")
        above = rng.uniform(0.06, 0.13) if low else rng.uniform(0.16, 0.30)
        self.sun_y = float(horizon - above * (1.5 if self.moon else 1.0) - lift)
        self._radius = float(rng.uniform(0.05, 0.085) * (0.72 if self.moon else 1.0))
        self.zenith = palette.color(0.03 if self.night else 0.30)
        self._middle = palette.color(0.22 if self.night else 0.58)
        self.haze = palette.color(0.46 if self.night else 0.84)
        self.warm = palette.color(0.86 if self.night else 0.97)
        self.ground = palette.color(0.0 if self.night else 0.045)
        self._clouds = Noise(rng, octaves=5, gain=0.52, tempo=0.10)
        self._cover = float(rng.uniform(0.05, 0.28)) - (0.22 if scene.says("cloud", "storm", "fog", "mist") else 0.0)
        self._stars = Stars(scene, count=260 if self.night else 0)

    def paint(self, t: float) -> Plane:
        """The whole picture as sky, (h, w, 3)."""
        scene = self._scene
        top = -scene.half_height
        height = np.clip((scene.y - top) / (self._horizon + 0.06 - top), 0, 1)
        gradient = over(self.zenith, self._middle, smoothstep(0.0, 0.62, height))
        gradient = over(gradient, self.haze, smoothstep(0.38, 1.0, height))
        picture = np.broadcast_to(gradient, (scene.height, scene.width, 3))
        distance = np.hypot(scene.x - np.float32(self.sun_x), scene.y - np.float32(self.sun_y))
        glow = np.exp(-distance * 2.4) * (0.34 if self.moon else 0.50) + np.exp(-distance * 9) * 0.30
        picture = over(picture, self.warm, glow.astype(np.float32))
        if self.night:
            picture = screen(picture, self._stars.paint(t) * (1 - smoothstep(0.55, 1.0, height))[..., None])
        picture = over(picture, self._disc_color(), self._disc(distance))
        return self._cloudy(picture, distance, height, t)

    def _disc_color(self) -> Plane:
        result: Plane = np.minimum(self.warm * 0.5 + np.array([1.0, 0.985, 0.94], np.float32) * 0.5, 1)
        return result

    def _disc(self, distance: Plane) -> Plane:
        unit = self._scene.unit
        disc = np.clip((self._radius - distance) * unit + 0.5, 0, 1)
        if self._crescent:
            shift = self._radius * 0.62
            bite = np.hypot(
                self._scene.x - np.float32(self.sun_x + shift), self._scene.y - np.float32(self.sun_y - shift * 0.5)
            )
            disc = disc * np.clip((bite - self._radius * 0.95) * unit + 0.5, 0, 1)
        result: Plane = disc.astype(np.float32)
        return result

    def _cloudy(self, picture: Plane, distance: Plane, height: Plane, t: float) -> Plane:
        scene = self._scene
        small = (max(48, scene.width // 2), max(48, scene.height // 2))
        box = scene.box(t * 0.035, 0.0)
        density = self._clouds.plane(small, box, fx=1.1, fy=4.2, t=t)
        above = self._clouds.plane(small, scene.box(t * 0.035, -0.02), fx=1.1, fy=4.2, t=t)
        lit = enlarge(density - above, scene.size)
        density = enlarge(density, scene.size)
        cover = smoothstep(self._cover, self._cover + 0.75, density) * (0.25 + 0.75 * smoothstep(0.0, 0.5, height))
        near = np.exp(-distance * 2.2)
        body = over(self._middle * 0.55 + self.haze * 0.45, self.warm, np.clip(0.25 + lit * 1.6 + near * 0.6, 0, 1))
        strength = 0.30 if self.night else 0.72
        return over(picture, body, (cover * strength).astype(np.float32))


class Stars:
    """Points of light with a few bright ones; each twinkles at its own pace."""

    def __init__(self, scene: Scene, *, count: int, color_spread: float = 0.25) -> None:
        rng = scene.generator("stars")
        area = 4 * scene.half_width * scene.half_height
        total = int(count * area)
        self._scene = scene
        self._x = rng.uniform(-scene.half_width, scene.half_width, total)
        self._y = rng.uniform(-scene.half_height, scene.half_height, total)
        self._light = np.clip(rng.pareto(1.7, total) * 0.16 + 0.05, 0, 1.6)
        self._pace = rng.uniform(0.6, 2.6, total)
        self._phase = rng.uniform(0, 2 * np.pi, total)
        warmth = rng.uniform(-1, 1, (total, 1)) * color_spread
        self._color = np.clip(1 + warmth * np.array([[0.6, -0.05, -0.7]]), 0.4, 1.3)

    def paint(self, t: float, dx: float = 0.0, dy: float = 0.0) -> Plane:
        """Light to be screened over a picture, (h, w, 3)."""
        scene, unit = self._scene, self._scene.unit
        light = np.zeros((scene.height, scene.width, 3), np.float32)
        px = (self._x + dx + scene.half_width) * unit - 0.5
        py = (self._y + dy + scene.half_height) * unit - 0.5
        twinkle = self._light * (0.82 + 0.18 * np.sin(self._pace * t + self._phase))
        sigma = np.clip(unit / 1100, 0.55, 1.4) * (0.75 + 0.55 * np.minimum(self._light, 1))
        reach = 4
        for oy in range(-reach, reach + 1):
            for ox in range(-reach, reach + 1):
                xi, yi = np.rint(px).astype(int) + ox, np.rint(py).astype(int) + oy
                falloff = np.exp(-((xi - px) ** 2 + (yi - py) ** 2) / (2 * sigma**2)) * twinkle
                inside = (xi >= 0) & (xi < scene.width) & (yi >= 0) & (yi < scene.height) & (falloff > 0.004)
                np.add.at(light, (yi[inside], xi[inside]), (falloff[:, None] * self._color)[inside].astype(np.float32))
        return light
