"""How much a clip moves, and how its camera does: pyramidal Lucas-Kanade on small grey pictures, in NumPy.

Pictures are ``float32`` arrays of 0 to 255. Lengths are parts of the picture's longer side, so that figures of clips
of different sizes can be compared. docs/datasets.md says the method and the thresholds to whoever uses the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
# Halvings: at 160 pixels a movement of up to a tenth of the picture between the two of a pair is followed.
LEVELS = 4
_ROUNDS = 3
_RADIUS = 4
# The smaller eigenvalue of the window's structure tensor, per pixel: below it the picture is too even to follow.
TEXTURE_MIN = 6.0
# Two pictures that differ by this much of 255 after the movement is taken out are of different scenes.
CUT_DIFFERENCE = 40.0
# Thresholds of the camera's class; speeds in parts of the longer side per second.
STILL_BELOW = 0.01
STEADY_FROM = 0.6
COMMON_FROM = 0.5
AXIS_RATIO = 2.0


@dataclass(frozen=True)
class PairMotion:
    """What happened between two pictures: the mean length of the flow, and the camera's part of it, per second."""

    speed: float
    pan: float
    tilt: float
    zoom: float
    turn: float
    common: float


@dataclass(frozen=True)
class ClipMotion:
    """A clip: ``score`` in percent of the longer side per second, the camera's class, and means to judge them by."""

    score: float
    camera: str
    detail: dict[str, float]


def pair_motion(first: Picture, second: Picture, seconds: float) -> PairMotion | None:
    """The motion from one picture to the next, ``seconds`` later; None across a cut. An even picture does not move."""
    u, v, textured, warped = _flow(first, second)
    if float(np.abs(warped - first).mean()) > CUT_DIFFERENCE:
        return None
    if textured.sum() < textured.size * 0.01:
        return PairMotion(0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    side = max(first.shape)
    u, v = u / side / seconds, v / side / seconds
    camera, common = _camera(u, v, textured)
    speed = float(np.hypot(u[textured], v[textured]).mean())
    pan, tilt, zoom, turn = (float(part) for part in camera)
    return PairMotion(speed, pan, tilt, zoom, turn, common)


def clip_motion(pairs: Sequence[PairMotion]) -> ClipMotion:
    """The motion of a clip from that of its sampled pairs."""
    if not pairs:
        return ClipMotion(0.0, "other", {"pairs": 0})
    table = np.array([[one.speed, one.pan, one.tilt, one.zoom, one.turn, one.common] for one in pairs])
    speed, pan, tilt, zoom, turn, common = (float(value) for value in table.mean(axis=0))
    shift = float(np.hypot(table[:, 1], table[:, 2]).mean())
    # What a zoom moves at the edge of the picture, half its longer side from the centre.
    edge = float(np.abs(table[:, 3]).mean()) / 2
    steady = float(np.hypot(pan, tilt)) / shift if shift else 0.0
    steady_zoom = abs(zoom) / 2 / edge if edge else 0.0
    detail = {"pan": pan, "tilt": tilt, "zoom": zoom, "turn": turn, "common": common, "shift": shift, "steady": steady}
    camera = _class(shift, edge, (pan, tilt), common, (steady, steady_zoom))
    rounded = {name: round(value, 4) for name, value in detail.items()}
    return ClipMotion(round(speed * 100, 2), camera, {**rounded, "pairs": len(pairs)})


def _class(shift: float, edge: float, way: tuple[float, float], common: float, steadiness: tuple[float, float]) -> str:
    steady, steady_zoom = steadiness
    if max(shift, edge) < STILL_BELOW:
        return "static"
    if common < COMMON_FROM:
        return "other"
    if edge > shift and steady_zoom >= STEADY_FROM:
        return "zoom"
    if steady < STEADY_FROM:
        return "handheld"
    pan, tilt = abs(way[0]), abs(way[1])
    if pan >= AXIS_RATIO * tilt:
        return "pan"
    return "tilt" if tilt >= AXIS_RATIO * pan else "other"


def _flow(first: Picture, second: Picture) -> tuple[Picture, Picture, NDArray[np.bool_], Picture]:
    """``(u, v, where it can be followed, the second picture moved back onto the first)``, in pixels."""
    pyramid = [(first, second)]
    while len(pyramid) < LEVELS and min(pyramid[-1][0].shape) >= 24:
        pyramid.append((_half(pyramid[-1][0]), _half(pyramid[-1][1])))
    u = v = np.zeros_like(pyramid[-1][0])
    for one, other in reversed(pyramid):
        u, v = _grown(u, one.shape), _grown(v, one.shape)
        u, v, textured, warped = _refined(one, other, u, v)
    return u, v, textured, warped


def _refined(
    first: Picture, second: Picture, u: Picture, v: Picture
) -> tuple[Picture, Picture, NDArray[np.bool_], Picture]:
    """Some rounds of Lucas-Kanade at one level, starting from ``u, v``."""
    iy, ix = np.gradient(first)
    sxx, sxy, syy = _box(ix * ix), _box(ix * iy), _box(iy * iy)
    determinant = sxx * syy - sxy * sxy
    half = (sxx + syy) / 2
    textured = half - np.sqrt(np.maximum(half * half - determinant, 0)) > TEXTURE_MIN
    weight = _box(textured.astype(np.float32)) + 1e-3
    safe = np.where(textured, determinant, 1.0)
    warped = _warped(second, u, v)
    for _ in range(_ROUNDS):
        change = warped - first
        sxt, syt = _box(ix * change), _box(iy * change)
        du = np.where(textured, (sxy * syt - syy * sxt) / safe, 0)
        dv = np.where(textured, (sxy * sxt - sxx * syt) / safe, 0)
        # Even parts take what their textured neighbours found.
        u = u + _box(np.clip(du, -2, 2) * textured) / weight
        v = v + _box(np.clip(dv, -2, 2) * textured) / weight
        warped = _warped(second, u, v)
    return u, v, textured, warped


def _camera(u: Picture, v: Picture, textured: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
    """``(pan, tilt, zoom, turn)`` that most of the picture shares, and what part of it does."""
    rows, columns = np.nonzero(textured)
    side, height, width = max(u.shape), *u.shape
    x, y = (columns - width / 2) / side, (rows - height / 2) / side
    flow = np.concatenate([u[textured], v[textured]]).astype(np.float64)
    one, none = np.ones_like(x), np.zeros_like(x)
    matrix = np.concatenate([np.stack([one, none, x, -y], axis=1), np.stack([none, one, y, x], axis=1)])
    kept = np.ones(len(x), dtype=bool)
    for _ in range(4):
        both = np.concatenate([kept, kept])
        camera = np.linalg.lstsq(matrix[both], flow[both], rcond=None)[0]
        rest = np.hypot(*np.split(flow - matrix @ camera, 2))
        kept = rest <= max(2.5 * float(np.median(rest)), 1e-6)
    # The camera's own movement goes past what it films: it explains most of the picture, or there is none.
    speed = float(np.hypot(*np.split(matrix @ camera, 2)).mean())
    common = float((rest <= max(0.3 * speed, STILL_BELOW)).mean())
    return camera, common


def _half(picture: Picture) -> Picture:
    height, width = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
    found: Picture = picture[:height, :width].reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
    return found


def _grown(flow: Picture, shape: tuple[int, ...]) -> Picture:
    if flow.shape == shape:
        return flow
    wide = np.repeat(np.repeat(flow, 2, axis=0), 2, axis=1) * 2
    grown: Picture = np.pad(wide, [(0, shape[0] - wide.shape[0]), (0, shape[1] - wide.shape[1])], mode="edge")
    return grown


def _box(values: Any) -> Picture:
    """The mean over a window of 2 * radius + 1 pixels each way; edges are repeated."""
    size = 2 * _RADIUS + 1
    for axis in (0, 1):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (_RADIUS + 1, _RADIUS)
        sums = np.cumsum(np.pad(values, pad, mode="edge"), axis=axis, dtype=np.float64)
        end = np.take(sums, range(size, sums.shape[axis]), axis=axis)
        begin = np.take(sums, range(sums.shape[axis] - size), axis=axis)
        values = ((end - begin) / size).astype(np.float32)
    boxed: Picture = values
    return boxed


def _warped(picture: Picture, u: Picture, v: Picture) -> Picture:
    """The picture read at every pixel's place plus its flow, between pixels linearly."""
    height, width = picture.shape
    x = np.clip(np.arange(width, dtype=np.float32)[None, :] + u, 0, width - 1.001)
    y = np.clip(np.arange(height, dtype=np.float32)[:, None] + v, 0, height - 1.001)
    left, top = x.astype(np.intp), y.astype(np.intp)
    dx, dy = x - left, y - top
    flat = picture.ravel()
    at = top * width + left
    upper = flat[at] * (1 - dx) + flat[at + 1] * dx
    lower = flat[at + width] * (1 - dx) + flat[at + width + 1] * dx
    warped: Picture = (upper * (1 - dy) + lower * dy).astype(np.float32)
    return warped
