"""Short films and sounds whose content is known, and what is in those that nodes make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]
Samples = npt.NDArray[np.float32]
RATE = 48_000


def asset(name: str, kind: str = "video") -> dict[str, Any]:
    """A reference as a folder keeps it."""
    return {"$asset": name, "kind": kind}


def grey(number: int) -> int:
    """The brightness of a film's frame of that number, far enough from its neighbours to be told apart."""
    return 20 + number * 8 % 216


def film(
    path: Path,
    frames: int = 20,
    *,
    size: tuple[int, int] = (64, 48),
    fps: int = 10,
    tone: float | None = None,
    picture: Callable[[int], Image.Image] | None = None,
    times: Sequence[int] | None = None,
    turn: int = 0,
    full_range: bool = False,
    pix_fmt: str = "yuv420p",
) -> dict[str, Any]:
    """A film of ``grey`` frames (or of ``picture``), with a ``tone`` of so many hertz; ``times`` in hundredths of s."""
    codec = "libx264" if pix_fmt == "yuv420p" else "ffv1"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=fps, options={"crf": "4"} if codec == "libx264" else {})
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        if times:
            stream.codec_context.time_base = Fraction(1, 100)
        if turn:
            stream.set_display_rotation(turn)
        if full_range:
            stream.codec_context.color_range = 2
        sound = container.add_stream("aac", rate=RATE, layout="mono") if tone else None
        for number in range(frames):
            image = picture(number) if picture else Image.new("RGB", size, (grey(number),) * 3)
            span = {"dst_color_range": 2} if full_range else {}
            frame = av.VideoFrame.from_ndarray(np.asarray(image.convert("RGB"))).reformat(format=pix_fmt, **span)
            frame.pts = times[number] if times else number
            frame.time_base = Fraction(1, 100) if times else Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None and tone:
            sing(container, sound, wave(frames / fps, tone))
    return asset(path.name)


def wave(seconds: float, hertz: float, loud: float = 0.5) -> Samples:
    """A tone at 48 kHz."""
    at = np.arange(round(seconds * RATE)) / RATE
    return (np.sin(2 * np.pi * hertz * at) * loud).astype(np.float32)


def sound(path: Path, seconds: float = 2, hertz: float = 440, loud: float = 0.5) -> dict[str, Any]:
    """A WAV of one tone."""
    with av.open(str(path), "w") as container:
        sing(container, container.add_stream("pcm_s16le", rate=RATE, layout="mono"), wave(seconds, hertz, loud))
    return asset(path.name, "audio")


def sing(container: Any, stream: Any, samples: Samples) -> None:
    """Encode samples to the end."""
    for at in range(0, len(samples), 1024):
        frame = av.AudioFrame.from_ndarray(samples[None, at : at + 1024], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, at, Fraction(1, RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def pictures_in(path: Path) -> list[Pixels]:
    """Every frame in colours."""
    with av.open(str(path)) as container:
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]


def greys_in(path: Path) -> list[int]:
    """The brightness in the middle of every frame."""
    return [round(float(one[one.shape[0] // 2, one.shape[1] // 2].mean())) for one in pictures_in(path)]


def times_in(path: Path) -> list[float]:
    """When each frame is shown, seconds."""
    with av.open(str(path)) as container:
        return [float(frame.time or 0) for frame in container.decode(video=0)]


def samples_in(path: Path) -> Samples:
    """The sound at 48 kHz, both channels as one."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="fltp", layout=container.streams.audio[0].layout, rate=RATE)
        found = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        blocks = [out.to_ndarray().mean(axis=0) for out in (*found, *resampler.resample(None))]
    return np.concatenate(blocks).astype(np.float32)


def hertz_of(samples: Samples) -> float:
    """The strongest tone."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * RATE / len(samples))


def loudness(samples: Samples) -> float:
    """The amplitude of a tone."""
    return float(np.sqrt(np.mean(np.square(samples))) * np.sqrt(2))


def facts(path: Path) -> dict[str, Any]:
    """What a player reads first."""
    with av.open(str(path)) as container:
        said: dict[str, Any] = {
            "seconds": round((container.duration or 0) / 1_000_000, 2),
            "sound": bool(container.streams.audio),
            "metadata": dict(container.metadata),
        }
        if container.streams.video:
            stream = container.streams.video[0]
            said |= {
                "codec": stream.codec_context.name,
                "pixels": stream.codec_context.pix_fmt,
                "size": (stream.width, stream.height),
                "fps": float(stream.average_rate or 0),
                "range": stream.codec_context.color_range,
            }
        return said


def near(found: Sequence[int], wanted: Sequence[int], by: int = 3) -> bool:
    """Whether two rows of brightnesses are the same but for what an encoder loses."""
    return len(found) == len(wanted) and all(abs(a - b) <= by for a, b in zip(found, wanted, strict=True))
