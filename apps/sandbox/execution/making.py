"""From an order to files: each model's own way of making, and the faults that were asked for."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import av
import httpx
from django.utils import timezone
from PIL import Image, UnidentifiedImageError

from apps.sandbox.art.edit import edit_png, upscale_png
from apps.sandbox.art.film import film_image, film_text, frame_count
from apps.sandbox.art.look import describe
from apps.sandbox.art.music import compose_wav
from apps.sandbox.art.onward import film_extend
from apps.sandbox.art.prose import compose
from apps.sandbox.art.still import draw_png
from apps.sandbox.art.voice import speak_wav
from apps.sandbox.models import Job

Progress = Callable[[float], None]
# A text is written at about the pace of a language model, so that it can be watched.
WORDS_AT_ONCE, PACE_S = 4, 0.08
INPUT_MAX_BYTES = 64 * 1024 * 1024
INPUT_MAX_PIXELS = 50_000_000


class MakingFailed(Exception):
    """The job cannot be finished; ``code`` is the vendor's word for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Made:
    path: Path
    content_type: str


def make(job: Job, folder: Path, progress: Progress) -> list[Made]:
    """Carry out the order. Raises MakingFailed; lines for the client are added to ``job.logs``."""
    note(job, f"{job.model}, seed {job.params['seed']}" if "seed" in job.params else job.model)
    made = MAKERS[job.model](job, folder, _breaking(job, progress))
    if job.fault == "error":
        raise MakingFailed("failed", "The renderer broke down, as it was asked to.")
    if job.fault == "moderated":
        raise MakingFailed("content_policy", "The result was withheld, as it was asked to be.")
    return [made]


def note(job: Job, line: str) -> None:
    """Add a line to what the client sees of the work."""
    job.logs += f"{timezone.now():%H:%M:%S} {line}\n"


def _breaking(job: Job, progress: Progress) -> Progress:
    """Progress as it is, or, on request, up to the point where the renderer breaks."""

    def told(part: float) -> None:
        progress(part)
        if job.fault == "error" and part >= 0.5:
            raise MakingFailed("failed", "The renderer broke down half-way, as it was asked to.")

    return told


def _image(job: Job, folder: Path, progress: Progress) -> Made:
    params, path = job.params, folder / "image.png"
    draw_png(
        path, prompt=params["prompt"], seed=params["seed"], width=params["width"], height=params["height"],
        style=params["style"], progress=progress,
    )  # fmt: skip
    return Made(path, "image/png")


def _video(job: Job, folder: Path, progress: Progress) -> Made:
    params, path = job.params, folder / "video.mp4"
    note(job, f"{frame_count(params['seconds'])} frames, {params['width']} × {params['height']}")
    common = {name: params[name] for name in ("prompt", "seed", "width", "height", "seconds")}
    if image := job.inputs.get("image"):
        film_image(path, image=_picture(image, folder / "input"), progress=progress, **common)
    else:
        film_text(path, style=params["style"], progress=progress, **common)
    return Made(path, "video/mp4")


def _text(job: Job, folder: Path, progress: Progress) -> Made:
    path = folder / "text.txt"
    text = compose(job.params["prompt"], job.params["seed"], job.params["sentences"])
    words = re.findall(r"\S+\s*", text)
    for place in range(0, len(words), WORDS_AT_ONCE):
        job.text = "".join(words[: place + WORDS_AT_ONCE]).rstrip()
        progress(min(1.0, (place + WORDS_AT_ONCE) / len(words)))
        time.sleep(PACE_S)
    job.text = text
    path.write_text(text, encoding="utf-8")
    return Made(path, "text/plain; charset=utf-8")


def _speech(job: Job, folder: Path, progress: Progress) -> Made:
    path = folder / "speech.wav"
    speak_wav(path, job.params["prompt"], job.params["seed"], job.params["voice"])
    progress(1.0)
    return Made(path, "audio/wav")


def _edit(job: Job, folder: Path, progress: Progress) -> Made:
    params, path = job.params, folder / "image.png"
    images = [_picture(one, folder / f"input-{place}") for place, one in enumerate(job.inputs["images"])]
    mask = _picture(job.inputs["mask"], folder / "mask") if job.inputs.get("mask") else None
    progress(0.4)
    common = {name: params[name] for name in ("prompt", "seed", "strength")}
    edit_png(path, images=images, mask=mask, **common)
    progress(1.0)
    return Made(path, "image/png")


def _upscale(job: Job, folder: Path, progress: Progress) -> Made:
    path, image = folder / "image.png", _picture(job.inputs["image"], folder / "input")
    progress(0.3)
    upscale_png(path, image=image, factor=job.params["factor"])
    progress(1.0)
    return Made(path, "image/png")


def _describe(job: Job, folder: Path, progress: Progress) -> Made:
    path, image = folder / "text.txt", _picture(job.inputs["image"], folder / "input")
    path.write_text(describe(image, job.params["prompt"]), encoding="utf-8")
    progress(1.0)
    return Made(path, "text/plain; charset=utf-8")


def _extend(job: Job, folder: Path, progress: Progress) -> Made:
    params, path = job.params, folder / "video.mp4"
    video = _fetched(job.inputs["video"]["url"], folder / "input")
    common = {name: params[name] for name in ("prompt", "seed", "seconds")}
    try:
        film_extend(path, video=video, progress=progress, **common)
    except (av.FFmpegError, ValueError):
        raise MakingFailed("invalid", "The input is not a video this model can read.") from None
    return Made(path, "video/mp4")


def _music(job: Job, folder: Path, progress: Progress) -> Made:
    params, path = job.params, folder / "music.wav"
    compose_wav(path, prompt=params["prompt"], seed=params["seed"], seconds=params["seconds"])
    progress(1.0)
    return Made(path, "audio/wav")


def _picture(file: Mapping[str, str], to: Path) -> Path:
    """An input image, looked at before anything decodes it in full."""
    path = _fetched(file["url"], to)
    try:
        with Image.open(path) as image:
            if image.width * image.height > INPUT_MAX_PIXELS:
                raise MakingFailed("invalid", "The input image has more than 50 megapixels.")
            image.verify()
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError):
        raise MakingFailed("invalid", "The input is not an image this model can read.") from None
    return path


def _fetched(url: str, to: Path) -> Path:
    """An input, streamed to a file."""
    taken = 0
    try:
        with (
            httpx.stream("GET", url, timeout=httpx.Timeout(20.0, connect=5.0), trust_env=False) as answer,
            to.open("wb") as file,
        ):
            answer.raise_for_status()
            for chunk in answer.iter_bytes(256 * 1024):
                taken += len(chunk)
                if taken > INPUT_MAX_BYTES:
                    raise MakingFailed("invalid", "An input is larger than 64 MB.")
                file.write(chunk)
    except httpx.HTTPError:
        raise MakingFailed("invalid", "An input could not be fetched from its address.") from None
    return to


MAKERS: dict[str, Callable[[Job, Path, Progress], Made]] = {
    "sandbox/image": _image,
    "sandbox/video": _video,
    "sandbox/text": _text,
    "sandbox/speech": _speech,
    "sandbox/edit": _edit,
    "sandbox/upscale": _upscale,
    "sandbox/describe": _describe,
    "sandbox/extend": _extend,
    "sandbox/music": _music,
}
