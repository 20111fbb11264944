"""The motion score and the camera's class, on clips whose motion is known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from django.utils import timezone
from PIL import Image, ImageFilter

from apps.assets.services import asset_store
from apps.datasets.execution.measuring import clip_measure, video_measure
from apps.datasets.execution.sweeping import videos_unmeasured
from apps.datasets.models import VideoMeasure
from apps.workspaces.models import Workspace

WIDTH, HEIGHT, FPS = 320, 180, 24
# How far the view goes in a second, as a part of the longer side.
Path2D = Callable[[float], tuple[float, float, float]]


def scene(seed: int = 3) -> Image.Image:
    """A landscape of blots, larger than the view."""
    noise = np.random.default_rng(seed).integers(0, 255, (90, 160), dtype=np.uint8)
    wide = Image.fromarray(noise).resize((WIDTH * 3, HEIGHT * 3), Image.Resampling.BICUBIC)
    return wide.filter(ImageFilter.GaussianBlur(3))


def framed(picture: Image.Image) -> av.VideoFrame:
    """A picture as PyAV takes it."""
    return av.VideoFrame.from_ndarray(np.asarray(picture.convert("RGB")), format="rgb24")


def clip(path: Path, view: Path2D, seconds: float = 4.0, picture: Image.Image | None = None) -> Path:
    """``view(t)`` says where the camera looks: shift right, shift down (parts of the width) and magnification."""
    whole = picture or scene()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(round(seconds * FPS)):
            right, down, zoom = view(number / FPS)
            x, y = WIDTH * (1.5 + right), HEIGHT * 1.5 + WIDTH * down
            half = (WIDTH / 2 / zoom, HEIGHT / 2 / zoom)
            box = (x - half[0], y - half[1], x + half[0], y + half[1])
            frame = whole.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC, box=box).convert("RGB")
            container.mux(stream.encode(framed(frame)))
        container.mux(stream.encode())
    return path


def jitter(t: float) -> tuple[float, float, float]:
    """A hand: two slow sines that never keep a direction."""
    return 0.02 * np.sin(t * 9.1) + 0.012 * np.sin(t * 23), 0.02 * np.cos(t * 11.3), 1.0


@pytest.mark.parametrize(
    ("camera", "view", "low", "high"),
    [
        ("static", lambda t: (0.0, 0.0, 1.0), 0, 0.5),
        ("pan", lambda t: (0.10 * t, 0.0, 1.0), 9, 11),
        ("pan", lambda t: (-0.25 * t + 0.5, 0.0, 1.0), 22, 28),
        ("tilt", lambda t: (0.0, 0.08 * t - 0.15, 1.0), 7, 9),
        ("zoom", lambda t: (0.0, 0.0, 1 + 0.15 * t), 2, 6),
        ("zoom", lambda t: (0.0, 0.0, 1.8 - 0.15 * t), 2, 6),
        ("handheld", jitter, 10, 40),
        ("other", lambda t: (0.08 * t - 0.15, 0.07 * t - 0.15, 1.0), 9, 12),
    ],
)
def test_what_is_known_is_found(camera: str, view: Path2D, low: float, high: float, tmp_path: Path) -> None:
    found = clip_measure(clip(tmp_path / "clip.mp4", view), "mov", {"frames": 96, "duration": 4.0})
    assert found["camera"] == camera, found["detail"]
    assert low <= found["motion"] <= high, found["detail"]


def test_the_direction_is_told(tmp_path: Path) -> None:
    right = clip_measure(clip(tmp_path / "a.mp4", lambda t: (0.1 * t, 0.0, 1.0)), "mov", {})["detail"]
    # The picture goes left when the camera goes right.
    assert -0.11 < right["pan"] < -0.09
    nearer = clip_measure(clip(tmp_path / "b.mp4", lambda t: (0.0, 0.0, 1 + 0.15 * t)), "mov", {})["detail"]
    assert 0.05 < nearer["zoom"] < 0.2


def test_a_thing_that_moves_before_a_still_camera(tmp_path: Path) -> None:
    path, ground = tmp_path / "clip.mp4", scene().crop((WIDTH, HEIGHT, WIDTH * 2, HEIGHT * 2))
    thing = scene(9).crop((0, 0, 70, 70))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(72):
            frame = ground.copy()
            frame.paste(thing, (20 + number * 2, 50))
            container.mux(stream.encode(framed(frame)))
        container.mux(stream.encode())
    found = clip_measure(path, "mov", {})
    assert found["camera"] == "static", found["detail"]
    assert found["motion"] > 0.5


def test_an_even_picture_does_not_move(tmp_path: Path) -> None:
    found = clip_measure(
        clip(tmp_path / "a.mp4", lambda t: (0.5 * t, 0, 1), 2, Image.new("L", (WIDTH * 8, HEIGHT * 8), 90)), "mov", {}
    )
    assert (found["motion"], found["camera"]) == (0.0, "static")


def test_a_cut_is_no_motion(tmp_path: Path) -> None:
    path, views = tmp_path / "clip.mp4", [scene(1), scene(2)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(96):
            frame = views[number // 2 % 2].crop((0, 0, WIDTH, HEIGHT)).convert("RGB")
            container.mux(stream.encode(framed(frame)))
        container.mux(stream.encode())
    assert clip_measure(path, "mov", {})["motion"] < 60


def test_one_frame_and_no_duration(tmp_path: Path) -> None:
    found = clip_measure(clip(tmp_path / "a.mp4", lambda t: (0, 0, 1), 1 / FPS), "mov", {})
    assert (found["motion"], found["camera"], found["detail"]) == (0.0, "other", {"pairs": 0})


def test_a_long_clip_is_looked_up_in_places(tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.mp4", lambda t: (0.04 * t - 0.5, 0.0, 1.0), 20)
    found = clip_measure(path, "mov", {"frames": 5000, "duration": 20.0})
    assert (found["camera"], found["detail"]["pairs"]) == ("pan", 20)
    assert 3.5 <= found["motion"] <= 4.5


@pytest.mark.django_db
def test_measured_once_and_kept(workspace: Workspace, tmp_path: Path) -> None:
    path = clip(tmp_path / "clip.mp4", lambda t: (0.1 * t, 0.0, 1.0), 2)
    asset = asset_store(workspace_id=workspace.id, path=path, filename="clip.mp4", source="generation")
    assert asset.blob_id
    ids: dict[str, Any] = {"workspace_id": workspace.id, "blob_id": asset.blob_id, "now": timezone.now()}
    later = timezone.now() + timedelta(minutes=3)
    assert (workspace.id, asset.blob_id) in videos_unmeasured(later)
    assert video_measure(**ids)
    assert not video_measure(**ids)
    row = VideoMeasure.objects.for_workspace(workspace.id).get()
    told = (row.frames, row.fps, row.duration, row.width, row.height, row.codec, row.camera)
    assert told == (48, 24.0, 2.0, WIDTH, HEIGHT, "h264", "pan")
    assert row.bit_rate
    assert row.bit_rate > 10_000
    assert (workspace.id, asset.blob_id) not in videos_unmeasured(later)


@pytest.mark.django_db
def test_another_workspaces_video_is_not_there(
    workspace: Workspace, foreign_workspace: Workspace, tmp_path: Path
) -> None:
    path = clip(tmp_path / "clip.mp4", lambda t: (0.1 * t, 0.0, 1.0), 0.5)
    asset = asset_store(workspace_id=workspace.id, path=path, filename="clip.mp4", source="generation")
    assert asset.blob_id
    assert not video_measure(workspace_id=foreign_workspace.id, blob_id=asset.blob_id, now=timezone.now())
