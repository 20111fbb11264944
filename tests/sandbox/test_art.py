"""Pictures and films: the same request draws the same pixels, another one draws others, and browsers can show them."""

from __future__ import annotations

import wave
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from apps.sandbox.art.film import FPS, film_image, film_text
from apps.sandbox.art.palette import STOPS, palette_for
from apps.sandbox.art.prose import SOURCE as PROSE_SOURCE
from apps.sandbox.art.prose import compose
from apps.sandbox.art.scene import Scene
from apps.sandbox.art.still import SOURCE, draw_png
from apps.sandbox.art.styles import COMPOSITIONS, composition_for, style_for
from apps.sandbox.art.voice import PITCH, speak_wav


def _drawn(
    folder: Path, prompt: str = "a lake at dawn", seed: int = 1, size: tuple[int, int] = (320, 256), style: str = "auto"
) -> bytes:
    path = folder / "x.png"
    draw_png(path, prompt=prompt, seed=seed, width=size[0], height=size[1], style=style)
    return path.read_bytes()


@pytest.mark.parametrize("style", COMPOSITIONS)
def test_every_style_is_deterministic_and_full_of_detail(tmp_path: Path, style: str) -> None:
    first = _drawn(tmp_path, "words that mean nothing here", 5, style=style)
    assert first == _drawn(tmp_path, "words that mean nothing here", 5, style=style)
    assert first != _drawn(tmp_path, "words that mean nothing here", 6, style=style)
    _drawn(tmp_path, "words that mean nothing here", 5, style=style)
    with Image.open(tmp_path / "x.png") as image:
        pixels = np.asarray(image, float)
    assert pixels.std() > 12  # a picture, not a plain surface
    assert pixels.mean() > 8
    assert (pixels > 252).mean() < 0.2  # not burnt out


@pytest.mark.parametrize("size", [(1024, 256), (256, 2048)])
@pytest.mark.parametrize("style", COMPOSITIONS)
def test_every_style_copes_with_odd_shapes(tmp_path: Path, style: str, size: tuple[int, int]) -> None:
    _drawn(tmp_path, "odd", 3, size, style)
    with Image.open(tmp_path / "x.png") as image:
        assert image.size == size


def test_prompts_seeds_and_sizes_differ(tmp_path: Path) -> None:
    others: list[dict[str, Any]] = [{}, {"prompt": "a lake at dusk"}, {"seed": 2}, {"size": (328, 256)}]
    pictures = {_drawn(tmp_path, **other) for other in others}
    assert len(pictures) == 4


def test_picture_says_what_it_is(tmp_path: Path) -> None:
    _drawn(tmp_path, prompt="风景 & a lake")
    with Image.open(tmp_path / "x.png") as image:
        assert image.format == "PNG"
        assert image.mode == "RGB"
        assert image.info["Software"] == SOURCE == "procedural art by the Millrace sandbox"
        assert image.info["Prompt"] == "风景 & a lake"


@pytest.mark.parametrize(
    ("prompt", "style"),
    [
        ("Northern lights over the sea", "aurora"),
        ("a lighthouse on the coast at sunset", "sea"),
        ("Misty mountains", "ridges"),
        ("tokyo street in the rain", "skyline"),
        ("desert dunes", "dunes"),
        ("a bouquet of roses", "bloom"),
        ("liquid chrome", "marble"),
        ("the sound of wind", "strands"),
        ("a distant galaxy", "nebula"),
        ("夕阳下的灯塔与大海", "sea"),
        ("雪山", "ridges"),
        ("霓虹城市", "skyline"),
    ],
)
def test_words_choose_the_style(prompt: str, style: str) -> None:
    assert style_for(Scene(prompt, 1, 64, 64)) == style


def test_words_choose_the_palette() -> None:
    rng = np.random.default_rng(1)
    assert palette_for(["sunset"], rng).name == "sunset"
    assert palette_for(["golden", "ocean"], rng).name == "gold+ocean"
    assert palette_for(["forest", "sunset", "ink"], rng).name == "sunset+forest"
    assert palette_for(["sunsets"], rng).name == "sunset"
    assert Scene("夕阳下的大海", 1, 64, 64).palette.name == "sunset+ocean"
    assert palette_for(["zzz"], rng).name == "harmony"
    for name in STOPS:
        ramp = palette_for([name], rng).ramp
        assert ramp.min() >= 0
        assert ramp.max() <= 1
        light = ramp @ np.array([0.2126, 0.7152, 0.0722])
        assert light[-1] - light[0] > 0.6  # from shadow to light


def test_film_is_what_browsers_play(tmp_path: Path) -> None:
    path, told = tmp_path / "x.mp4", list[float]()
    film_text(path, prompt="ocean", seed=1, width=512, height=288, seconds=1.5, progress=told.append)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(stream)]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert (stream.width, stream.height) == (512, 288)
        assert stream.average_rate == FPS
        assert len(frames) == 36
        assert container.duration == pytest.approx(1_500_000, abs=50_000)
    assert path.read_bytes().find(b"moov") < path.read_bytes().find(b"mdat")  # plays before it is loaded
    assert told == sorted(told)
    assert told[-1] == 1.0


@pytest.mark.parametrize("style", COMPOSITIONS)
def test_motion_is_there_and_does_not_flicker(style: str) -> None:
    composition = composition_for(Scene("evening", 2, 320, 192), style)
    frames = [composition.frame(1 + i / FPS) for i in range(6)]
    steps = [float(np.abs(b - a).mean()) for a, b in pairwise(frames)]
    assert min(steps) > 0
    assert max(steps) < 0.05
    assert max(steps) < 3 * min(steps)
    assert float(np.abs(frames[-1].mean() - frames[0].mean())) < 0.02


def test_film_begins_with_the_picture(tmp_path: Path) -> None:
    film_text(tmp_path / "x.mp4", prompt="dunes", seed=4, width=512, height=288, seconds=1)
    _drawn(tmp_path, "dunes", 4, (512, 288))
    with av.open(str(tmp_path / "x.mp4")) as container, Image.open(tmp_path / "x.png") as still:
        first = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(float)
        assert np.abs(first - np.asarray(still, float)).mean() < 6


def test_film_from_an_image_keeps_it_recognisable(tmp_path: Path) -> None:
    _drawn(tmp_path, "a bouquet", 4, (640, 640))
    for name in ("a", "b"):
        path = tmp_path / f"{name}.mp4"
        film_image(path, image=tmp_path / "x.png", prompt="", seed=1, width=512, height=288, seconds=1)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    with av.open(str(tmp_path / "a.mp4")) as container, Image.open(tmp_path / "x.png") as still:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        wanted = np.asarray(still.crop((0, 140, 640, 500)).resize((16, 9)), float)
    assert len(frames) == 24
    middle = np.asarray(Image.fromarray(frames[12]).resize((16, 9)), float)
    assert np.abs(middle - wanted).mean() < 30


def test_prose_is_deterministic_and_honest() -> None:
    text = compose("write about a lighthouse and the old keeper", 3, 7)
    assert text == compose("write about a lighthouse and the old keeper", 3, 7)
    assert text != compose("write about a lighthouse and the old keeper", 4, 7)
    assert "lighthouse" in text.lower()
    assert "keeper" in text.lower()
    assert text.strip().endswith(PROSE_SOURCE)
    assert compose("…", 1, 1)


@pytest.mark.parametrize("voice", PITCH)
def test_voice_makes_sound(tmp_path: Path, voice: str) -> None:
    speak_wav(tmp_path / "x.wav", "Is anybody there? 你好, friend.", 1, voice)
    with wave.open(str(tmp_path / "x.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24_000, 1, 2)
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert 1 < len(sound) / 24_000 < 10
    assert 20_000 < np.abs(sound.astype(int)).max() < 32_768
