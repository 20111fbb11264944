"""Films: H.264 in MP4 that browsers play, encoded frame by frame so that memory does not grow with length."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import av
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from apps.sandbox.art.finish import Finish
from apps.sandbox.art.move import CameraMove
from apps.sandbox.art.scene import Scene
from apps.sandbox.art.still import SOURCE
from apps.sandbox.art.styles import composition_for

FPS = 24
Frame = npt.NDArray[np.uint8]


class Moving(Protocol):
    def frame(self, t: float) -> npt.NDArray[np.float32]: ...


def film_text(
    to: Path, *, prompt: str, seed: int, width: int, height: int, seconds: float, style: str = "auto",
    progress: Callable[[float], None] = lambda part: None,
) -> None:  # fmt: skip
    """The picture of the same prompt, seed and size, set in motion. `progress` is told 0..1 after each frame."""
    scene = Scene(prompt, seed, width, height)
    _encode(to, scene, composition_for(scene, style), seconds, progress)


def film_image(
    to: Path, *, image: Path, prompt: str, seed: int, width: int, height: int, seconds: float,
    progress: Callable[[float], None] = lambda part: None,
) -> None:  # fmt: skip
    """A camera move over a given image, which is cropped to the film's shape."""
    scene = Scene(prompt, seed, width, height)
    with Image.open(image) as source:
        upright = ImageOps.exif_transpose(source).convert("RGB")
    _encode(to, scene, CameraMove(scene, upright, seconds), seconds, progress)


def frame_count(seconds: float) -> int:
    """How many frames a film of this length has."""
    return max(1, round(seconds * FPS))


def _encode(to: Path, scene: Scene, moving: Moving, seconds: float, progress: Callable[[float], None]) -> None:
    count = frame_count(seconds)
    with av.open(str(to), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        container.metadata["comment"] = SOURCE
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = scene.width, scene.height, "yuv420p"
        # one thread: the same bytes on every machine
        stream.options = {"preset": "veryfast", "crf": "21", "threads": "1", "profile": "high"}
        for index, picture in enumerate(_frames(scene, moving, count)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
            progress((index + 1) / count)
        container.mux(stream.encode(None))


def _frames(scene: Scene, moving: Moving, count: int) -> Iterator[Frame]:
    finish = Finish(scene, grain=0.008)
    for index in range(count):
        yield finish.apply(moving.frame(index / FPS), index)
