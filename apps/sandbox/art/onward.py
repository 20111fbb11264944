"""A film that goes on where another one ends: its frames, then a camera move that begins at its last one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from apps.sandbox.art.film import FPS
from apps.sandbox.art.finish import Finish
from apps.sandbox.art.move import CameraMove
from apps.sandbox.art.scene import Scene
from apps.sandbox.art.still import SOURCE

SIDE_MAX = 1920
# Over so long the picture goes over into the move.
CROSSING_S = 0.5
Frame = npt.NDArray[np.uint8]


def film_extend(
    to: Path, *, video: Path, prompt: str, seed: int, seconds: float, progress: Callable[[float], None]
) -> None:
    """The whole film, longer by ``seconds``; ValueError where there is no picture in it."""
    with av.open(str(video)) as source, av.open(str(to), "w", format="mp4", options={"movflags": "+faststart"}) as made:
        if not source.streams.video:
            raise ValueError("no picture")
        pictures = source.streams.video[0]
        rate = Fraction(pictures.average_rate or FPS).limit_denominator(1000)
        made.metadata["comment"] = SOURCE
        stream = made.add_stream("libx264", rate=rate)
        stream.width, stream.height = _even(pictures.width, pictures.height)
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "21", "threads": "1", "profile": "high"}
        size, count = (stream.width, stream.height), max(1, round(seconds * rate))
        for index, picture in enumerate(_frames(source, size, prompt, seed, count, float(rate), progress)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, 1 / rate
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))


def _even(width: int, height: int) -> tuple[int, int]:
    shrink = min(1.0, SIDE_MAX / max(width, height))
    return max(2, int(width * shrink) // 2 * 2), max(2, int(height * shrink) // 2 * 2)


def _frames(
    source: av.container.InputContainer, size: tuple[int, int], prompt: str, seed: int, count: int, rate: float,
    progress: Callable[[float], None],
) -> Iterator[Frame]:  # fmt: skip
    last: Frame | None = None
    for frame in source.decode(video=0):
        last = np.asarray(frame.to_ndarray(format="rgb24", width=size[0], height=size[1]), np.uint8)
        progress(0.1)
        yield last
    if last is None:
        raise ValueError("no picture")
    scene = Scene(prompt, seed, *size)
    move, finish = CameraMove(scene, Image.fromarray(last), count / rate), Finish(scene, grain=0.008)
    for index in range(count):
        seen = finish.apply(move.frame(index / rate), index)
        part = min(1.0, (index + 1) / (CROSSING_S * rate))
        yield (last * (1 - part) + seen * part).astype(np.uint8)
        progress(0.1 + 0.9 * (index + 1) / count)
