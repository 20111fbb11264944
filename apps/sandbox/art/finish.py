"""The last touches every picture gets: bloom, a gentle curve, vignette, film grain."""

from __future__ import annotations

import numpy as np

from apps.sandbox.art.field import enlarge, smoothstep
from apps.sandbox.art.palette import Plane
from apps.sandbox.art.scene import Scene


def over(base: Plane, color: Plane, alpha: Plane | float) -> Plane:
    """`color` laid over `base` (h, w, 3) with coverage `alpha` (h, w)."""
    cover = alpha[..., None] if isinstance(alpha, np.ndarray) else np.float32(alpha)
    result: Plane = base + (color - base) * cover
    return result


def screen(base: Plane, light: Plane) -> Plane:
    """Light added without burning out."""
    result: Plane = 1 - (1 - base) * (1 - np.clip(light, 0, 1))
    return result


class Finish:
    """Grain tiles and vignette are made once for a film; frames differ by which tile they use."""

    def __init__(self, scene: Scene, *, grain: float = 0.013, bloom: float = 0.22) -> None:
        rng = scene.generator("grain")
        self._scene, self._bloom = scene, bloom
        shape = (scene.height + 64, scene.width + 64)
        coarse = enlarge(rng.normal(0, 1, (shape[0] // 2, shape[1] // 2)).astype(np.float32), (shape[1], shape[0]))
        self._grain = (rng.standard_normal(shape, np.float32) * 0.6 + coarse * 0.6) * np.float32(grain)
        reach = (scene.x / scene.half_width) ** 2 * 0.8 + (scene.y / scene.half_height) ** 2
        self._vignette = (1 - 0.30 * smoothstep(0.5, 2.1, reach))[..., None]
        self._offsets = rng.integers(0, 64, (997, 2))

    def apply(self, picture: Plane, frame: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        """8-bit sRGB (h, w, 3) of a float picture."""
        picture = np.clip(picture, 0, 1)
        if self._bloom:
            picture = screen(picture, self._glow(picture))
        picture = picture * self._vignette
        picture = picture + 0.10 * (picture * picture * (3 - 2 * picture) - picture)
        dy, dx = self._offsets[frame % 997]
        height, width = self._scene.height, self._scene.width
        grain = self._grain[dy : dy + height, dx : dx + width, None]
        picture = picture + grain * (1.0 - 0.6 * picture)  # film: more grain in the shadows
        return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)

    def _glow(self, picture: Plane) -> Plane:
        bright = np.ascontiguousarray(picture[::4, ::4]) ** 3
        size = self._scene.size
        small = enlarge(bright, (max(8, size[0] // 40), max(8, size[1] // 40)))
        return enlarge(np.clip(small, 0, 1), size) * np.float32(self._bloom)
