from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, ImageCms

from apps.engine.node_types import NodeFailure
from tests.nodes.context import FolderContext
from tests.nodes.pictures import noise, put

Run = Callable[..., Any]


def _video(path: Path) -> None:
    with av.open(str(path), "w") as media:
        stream = media.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(50):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number * 5, np.uint8), format="rgb24")
            media.mux(stream.encode(frame))
        media.mux(stream.encode())


def test_an_image_as_it_is_seen(run_node: Run, context: FolderContext) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    out = run_node("media.probe", {"asset": put(context, noise(64, 36), "in.jpg", exif=exif, icc_profile=profile)})
    info = out["info"]
    assert (info["format"], info["width"], info["height"], info["aspect"]) == ("JPEG", 36, 64, "9:16")
    assert (info["orientation"], info["exif"], info["alpha"], info["bits"], info["frames"]) == (6, True, False, 8, 1)
    assert "sRGB" in info["profile"]
    assert info["size"] == (context.folder / "in.jpg").stat().st_size
    assert (out["width"], out["height"]) == (36, 64)
    assert out.keys() == {"info", "width", "height"}, "a number that there is not is not emitted"


def test_16_bits_and_alpha(run_node: Run, context: FolderContext) -> None:
    deep = Image.fromarray(np.zeros((4, 4), np.uint16))
    assert run_node("media.probe", {"asset": put(context, deep)})["info"]["bits"] == 16
    assert run_node("media.probe", {"asset": put(context, noise(4, 4, 4))})["info"]["alpha"] is True


@pytest.mark.parametrize("name", ["in.gif", "in.webp"])
def test_an_animation_has_a_length(run_node: Run, context: FolderContext, name: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "lime")]
    ref = put(context, frames[0], name, save_all=True, append_images=frames[1:], duration=[100, 200, 300])
    out = run_node("media.probe", {"asset": ref})
    assert (out["info"]["frames"], out["duration"], out["frame_rate"]) == (3, 0.6, 5.0)


def test_a_video(run_node: Run, context: FolderContext) -> None:
    _video(context.folder / "in.mp4")
    out = run_node("media.probe", {"asset": {"$asset": "in.mp4", "kind": "video", "content_type": "video/mp4"}})
    assert (out["width"], out["height"], out["duration"], out["frame_rate"]) == (64, 48, 2.0, 25.0)
    assert (out["info"]["frames"], out["info"]["codec"]) == (50, "mpeg4")
    assert "audio" not in out["info"]


def test_a_sound(run_node: Run, context: FolderContext) -> None:
    with wave.open(str(context.folder / "in.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(4 * 4000))
    out = run_node("media.probe", {"asset": {"$asset": "in.wav", "kind": "audio", "content_type": "audio/wav"}})
    assert out["duration"] == 0.5
    assert out["info"]["audio"] == {"codec": "pcm_s16le", "sample_rate": 8000, "channels": 2}
    assert "width" not in out


def test_any_other_file_has_a_size(run_node: Run, context: FolderContext) -> None:
    (context.folder / "in.csv").write_text("a,b\n1,2\n")
    out = run_node("media.probe", {"asset": {"$asset": "in.csv", "kind": "table", "content_type": "text/csv"}})
    assert out == {"info": {"kind": "table", "content_type": "text/csv", "size": 8}}


@pytest.mark.parametrize(
    ("kind", "content_type"), [("video", "video/mp4"), ("audio", "audio/flac"), ("image", "image/png")]
)
def test_what_is_not_what_it_says_is_a_sentence(
    run_node: Run, context: FolderContext, kind: str, content_type: str
) -> None:
    (context.folder / "in").write_bytes(b"#EXTM3U\nhttp://127.0.0.1:9/secret\n" * 40)
    with pytest.raises(NodeFailure, match="could not be read"):
        run_node("media.probe", {"asset": {"$asset": "in", "kind": kind, "content_type": content_type}})
