from __future__ import annotations

from collections.abc import Callable
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from apps.engine.node_types import NodeFailure
from tests.nodes.clips import asset, film, sing, sound, wave
from tests.nodes.context import FolderContext

Run = Callable[..., Any]


def heights(path: Any) -> np.ndarray[Any, Any]:
    """How much of each column is drawn, in parts of the height."""
    with Image.open(path) as image:
        drawn: np.ndarray[Any, Any] = (np.asarray(image.convert("RGBA"))[:, :, 3] > 0).mean(axis=0)
        return drawn


def test_as_high_as_it_is_loud(run_node: Run, context: FolderContext) -> None:
    with av.open(str(context.folder / "a.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=48_000, layout="mono")
        sing(container, stream, np.concatenate([wave(1, 440, 0.25), wave(1, 440, 0.0), wave(2, 440, 0.75)]))
    out = run_node("audio.waveform", {"sound": asset("a.wav", "audio")}, width=400, height=201)
    found = heights(context.folder / out["image"]["$asset"])
    assert len(found) == 400
    assert found[10:90].mean() == pytest.approx(0.25, abs=0.02)
    assert found[110:190].max() < 0.02
    assert found[210:390].mean() == pytest.approx(0.75, abs=0.02)


def test_styles_colours_and_fill(run_node: Run, context: FolderContext) -> None:
    one = sound(context.folder / "a.wav", 1, 440, 0.2)
    settings = {"width": 60, "height": 101, "style": "bars", "fill": True}
    out = run_node("audio.waveform", {"sound": one}, **settings)
    found = heights(context.folder / out["image"]["$asset"])
    assert [found[x] > 0.95 for x in range(6)] == [True] * 4 + [False] * 2
    out = run_node("audio.waveform", {"sound": one}, transparent=False, colour="#ff0000", background="#00ff00")
    with Image.open(context.folder / out["image"]["$asset"]) as image:
        assert image.getpixel((600, 2)) == (0, 255, 0)
        assert image.getpixel((600, 120)) == (255, 0, 0)


def test_shorter_than_the_picture_is_wide(run_node: Run, context: FolderContext) -> None:
    out = run_node("audio.waveform", {"sound": sound(context.folder / "a.wav", 0.01)}, width=2000)
    assert (heights(context.folder / out["image"]["$asset"]) > 0).all()


def test_of_a_video_and_of_one_without_sound(run_node: Run, context: FolderContext) -> None:
    out = run_node("audio.waveform", {"sound": film(context.folder / "in.mp4", 10, tone=440)})
    assert heights(context.folder / out["image"]["$asset"])[300:900].max() == pytest.approx(0.5, abs=0.03)
    with pytest.raises(NodeFailure, match="no sound in it"):
        run_node("audio.waveform", {"sound": film(context.folder / "mute.mp4", 2)})
