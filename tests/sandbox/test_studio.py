"""The models that work on what they are given: each really changes, measures or continues it."""

from __future__ import annotations

import re
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from django.core.files.storage import default_storage
from PIL import Image

from apps.sandbox.art.film import film_text
from apps.sandbox.art.still import draw_png
from apps.sandbox.execution.rendering import job_render
from apps.sandbox.models import Job, JobState
from apps.sandbox.services import job_submit
from tests.sandbox.orders import raw
from tests.vendors.server import Answer, ContractServer, Request, route, serving

pytestmark = pytest.mark.django_db


class Files(ContractServer):
    """Hands out files of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__()

    @route("GET", r"/([\w.]+)")
    def file(self, _request: Request, match: re.Match[str]) -> Answer:
        """One file."""
        return Answer(200, (self.folder / match[1]).read_bytes(), "application/octet-stream")


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    """A picture, a mask that lets its left half change, and a film."""
    draw_png(tmp_path / "a.png", prompt="a lighthouse at dusk", seed=3, width=320, height=256)
    mask = Image.new("L", (320, 256), 0)
    mask.paste(255, (0, 0, 160, 256))
    mask.save(tmp_path / "mask.png")
    film_text(tmp_path / "f.mp4", prompt="sea", seed=1, width=512, height=288, seconds=0.5)
    with serving(Files(tmp_path)) as server:
        assert isinstance(server, Files)
        yield server


def _made(tmp_path: Path, model: str, inputs: dict[str, Any], **params: Any) -> Path:
    job = job_submit(raw=raw(model=model, inputs=inputs, **params))
    job_render(job.id)
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED, job.error_message
    path = tmp_path / "made"
    with default_storage.open(job.outputs.get().key) as made:
        path.write_bytes(made.read())
    return path


def _pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), np.int16)


def test_an_edit_changes_what_the_mask_lets_change(files: Files, tmp_path: Path) -> None:
    inputs = {"images": [{"url": f"{files.url}/a.png"}], "mask": {"url": f"{files.url}/mask.png"}}
    path = _made(tmp_path, "sandbox/edit", inputs, prompt="at night, monochrome")
    change = np.abs(_pixels(path) - _pixels(tmp_path / "a.png"))
    assert change[:, :150].mean() > 20
    assert change[:, 170:].max() == 0


def test_a_strength_of_nothing_changes_nothing(files: Files, tmp_path: Path) -> None:
    inputs = {"images": [{"url": f"{files.url}/a.png"}]}
    path = _made(tmp_path, "sandbox/edit", inputs, prompt="a sketch", strength=0)
    assert np.array_equal(_pixels(path), _pixels(tmp_path / "a.png"))


def test_an_upscale_has_more_pixels_of_the_same(files: Files, tmp_path: Path) -> None:
    path = _made(
        tmp_path, "sandbox/upscale", {"image": {"url": f"{files.url}/a.png"}}, prompt=None, seed=None, factor=3
    )
    assert _pixels(path).shape == (768, 960, 3)
    with Image.open(path) as large:
        back = np.asarray(large.resize((320, 256), Image.Resampling.BOX), np.int16)
    assert np.abs(back - _pixels(tmp_path / "a.png")).mean() < 6


def test_a_description_is_measured(files: Files, tmp_path: Path) -> None:
    inputs = {"image": {"url": f"{files.url}/a.png"}}
    text = _made(tmp_path, "sandbox/describe", inputs, prompt="What is it?", seed=None).read_text()
    assert text.startswith("You asked: What is it? A wide picture of 320 by 256 pixels.")
    assert "warm" in text


def test_an_extension_begins_with_the_film_itself(files: Files, tmp_path: Path) -> None:
    path = _made(tmp_path, "sandbox/extend", {"video": {"url": f"{files.url}/f.mp4"}}, prompt="dusk", seconds=1)
    with av.open(str(path)) as film:
        pictures = [frame.to_ndarray(format="rgb24").astype(np.int16) for frame in film.decode(video=0)]
    with av.open(str(tmp_path / "f.mp4")) as film:
        before = [frame.to_ndarray(format="rgb24").astype(np.int16) for frame in film.decode(video=0)]
    assert len(pictures) == len(before) + 24
    assert np.abs(pictures[0] - before[0]).mean() < 6
    assert np.abs(pictures[len(before)] - before[-1]).mean() < 12, "it goes over without a jump"


def test_what_is_no_video_is_refused(files: Files) -> None:
    job = job_submit(raw=raw(model="sandbox/extend", inputs={"video": {"url": f"{files.url}/mask.png?"}}, seconds=1))
    (files.folder / "mask.png").write_bytes(b"no video at all")
    job_render(job.id)
    job.refresh_from_db()
    assert (job.state, job.error_message) == (JobState.FAILED, "The input is not a video this model can read.")


def test_music_is_as_long_as_asked_and_the_same_again(tmp_path: Path) -> None:
    sounds = []
    for _ in range(2):
        path = _made(tmp_path, "sandbox/music", {}, prompt="a calm sea", seed=5, seconds=5)
        with wave.open(str(path)) as sound:
            assert sound.getnframes() == 5 * sound.getframerate()
            sounds.append(sound.readframes(sound.getnframes()))
    assert sounds[0] == sounds[1]
    assert np.abs(np.frombuffer(sounds[0], np.int16)).mean() > 500


def test_a_text_can_be_read_while_it_is_written() -> None:
    job = job_submit(raw=raw(model="sandbox/text", sentences=3))
    job_render(job.id)
    done = Job.objects.get(id=job.id)
    with default_storage.open(done.outputs.get().key) as made:
        assert made.read().decode() == done.text
