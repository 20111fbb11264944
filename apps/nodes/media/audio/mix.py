"""Sounds over each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port
from apps.engine.types import PortType
from apps.nodes.media.reels.declared import LIMITS, LONGEST_SOUND_S, length_check
from apps.wording import gettext as _

if TYPE_CHECKING:
    from apps.nodes.media.reels.clip import Clip
    from apps.nodes.media.reels.sound import Samples

SOUNDS_MAX = 32
# So loud is the loudest moment of a normalised mix: a little below what distorts.
PEAK = 10 ** (-1 / 20)
# What is shorter than a few frames of AAC cannot be read again; silence makes it longer.
SHORTEST_S = 0.1
_FORMATS = {"m4a": ("ipod", "aac"), "wav": ("wav", "pcm_s16le"), "flac": ("flac", "flac")}


@dataclass(frozen=True)
class Voice:
    """One sound in the mix: where it begins, seconds, and its factor."""

    clip: Clip
    start: float
    gain: float


def numbers(text: str) -> list[float]:
    """Numbers between commas; ValueError for what is none."""
    return [float(part) for part in text.replace(";", ",").split(",") if part.strip()]


def check(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The lists must be numbers."""
    found = []
    for name, least in (("starts", 0.0), ("gains", -90.0)):
        text = params[name]
        if not isinstance(text, str):
            continue
        try:
            values = numbers(text)
        except ValueError:
            found.append((name, _("Write numbers with commas between them, one for each sound.")))
            continue
        if any(not least <= value <= LONGEST_SOUND_S for value in values):
            found.append((name, _("Each number must be at least %(least)s.", least=f"{least:g}")))
    return found


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add them up; normalised in a first round that finds the loudest moment."""
    from apps.nodes.media.reels.work import teller, workplace

    refs = inputs["sounds"]
    if not refs:
        raise NodeFailure(_("There is no sound in the list."), code="empty")
    if len(refs) > SOUNDS_MAX:
        message = _("There are %(count)s sounds; at most %(limit)s can be mixed.", count=len(refs), limit=SOUNDS_MAX)
        raise NodeFailure(message, code="too-many")
    with ExitStack() as stack, workplace() as folder:
        voices = _voices(context, stack, refs, params)
        ends = [voice.start + voice.clip.seconds for voice in voices]
        seconds = {"longest": max(ends), "shortest": min(ends), "first": ends[0]}[params["length"]]
        length_check(seconds, LONGEST_SOUND_S)
        seconds = max(seconds, SHORTEST_S)
        factor, half = 1.0, 0.0
        if params["normalise"]:
            half = 0.5
            peak = loudest(voices, seconds, teller(context, 0, half))
            factor = PEAK / peak if peak > 1e-5 else 1.0
            context.log(_("Made %(factor)s times as loud.", factor=f"{factor:.2f}"))
        target = folder / f"mix.{params['format']}"
        _write(target, voices, seconds, factor, teller(context, half))
        return {"audio": context.asset_save(target, target.name)}


def _voices(
    context: NodeContext, stack: ExitStack, refs: Sequence[Mapping[str, Any]], params: Mapping[str, Any]
) -> list[Voice]:
    from apps.nodes.media.reels.work import clip_of

    starts, gains = numbers(params["starts"]), numbers(params["gains"])
    found = []
    for number, ref in enumerate(refs):
        clip = stack.enter_context(clip_of(context, ref))
        if not clip.has_sound:
            raise NodeFailure(_("File %(number)s has no sound in it.", number=number + 1), code="no-sound")
        gain = gains[number] if number < len(gains) else 0.0
        found.append(Voice(clip, starts[number] if number < len(starts) else 0.0, 10 ** (gain / 20)))
    return found


def mixed(voices: Sequence[Voice], seconds: float) -> Iterator[Samples]:
    """The sum, block by block, not yet limited to what can be written."""
    import numpy as np

    from apps.nodes.media.reels.sound import RATE, sound_of

    taps = [(sound_of(voice.clip), round(voice.start * RATE), np.float32(voice.gain)) for voice in voices]
    at, whole = 0, round(seconds * RATE)
    while at < whole:
        size = min(4096, whole - at)
        total = np.zeros((2, size), np.float32)
        for tap, start, gain in taps:
            if at + size > start and not tap.dry:
                skip = max(0, start - at)
                total[:, skip:] += tap.take(size - skip) * gain
        yield total
        at += size


def loudest(voices: Sequence[Voice], seconds: float, tell: Callable[[float], None]) -> float:
    """The largest sample of the mix."""
    import numpy as np

    peak, done = 0.0, 0.0
    for block in mixed(voices, seconds):
        peak = max(peak, float(np.abs(block).max(initial=0.0)))
        done += block.shape[1] / 48_000
        tell(done / seconds)
    return peak


def _write(target: Path, voices: Sequence[Voice], seconds: float, factor: float, tell: Callable[[float], None]) -> None:
    import av

    from apps.nodes.media.reels import film
    from apps.nodes.media.reels.sound import Tap

    name, codec = _FORMATS[target.suffix[1:]]
    tap = Tap((block * factor for block in mixed(voices, seconds)), 2)
    options = film.OPTIONS if name == "ipod" else {"fflags": film.OPTIONS["fflags"]}
    with av.open(str(target), "w", format=name, options=options) as container:
        voice = film.Voice(container, tap, codec)
        at = 0.0
        while at < seconds:
            at = min(seconds, at + 1)
            voice.until(at)
            tell(at / seconds)
        voice.end()


NODE = NodeType(
    type="audio.mix",
    version=1,
    title="Mix sounds",
    category="media",
    description="Plays several sounds at once, each from its own time and as loud as you say.",
    effect=Effect.PURE,
    lane=Lane.WORK,
    icon="sliders-vertical",
    run=run,
    check=check,
    limits=LIMITS,
    inputs=(Port("sounds", PortType.ASSET, "Sounds", many=True),),
    outputs=(Port("audio", PortType.AUDIO, "Sound"),),
    params={
        "properties": {
            "starts": {
                "type": "string",
                "title": "Start times",
                "description": "Seconds, one for each sound, with commas: 0, 2.5, 4. Those not named begin at 0.",
                "default": "",
                "maxLength": 400,
                "x-primary": True,
            },
            "gains": {
                "type": "string",
                "title": "Loudness",
                "description": "Decibels, one for each sound, with commas: 0, -6. Those not named stay as they are.",
                "default": "",
                "maxLength": 400,
            },
            "length": {
                "type": "string",
                "title": "Ends with",
                "enum": ["longest", "shortest", "first"],
                "x-enum-titles": ["The last to end", "The first to end", "The first in the list"],
                "default": "longest",
            },
            "normalise": {
                "type": "boolean",
                "title": "Normalise",
                "description": "As loud as it can be without distortion.",
                "default": True,
            },
            "format": {
                "type": "string",
                "title": "Format",
                "enum": list(_FORMATS),
                "x-enum-titles": ["M4A", "WAV", "FLAC"],
                "default": "m4a",
            },
        }
    },
)
