"""A sound as a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port
from apps.engine.types import PortType
from apps.nodes.media.colours import colours_checker
from apps.nodes.media.reels.declared import COLOUR, LIMITS, LONGEST_SOUND_S, length_check, rgb, side
from apps.wording import gettext as _

if TYPE_CHECKING:
    from PIL.Image import Image

    from apps.nodes.media.reels.clip import Clip
    from apps.nodes.media.reels.sound import Samples


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Lowest and highest sample of each column, drawn from the middle."""
    from apps.nodes.media.reels.work import clip_of, teller, workplace

    with clip_of(context, inputs["sound"]) as clip, workplace() as folder:
        if not clip.has_sound:
            raise NodeFailure(_("The file has no sound in it."), code="no-sound")
        length_check(clip.seconds, LONGEST_SOUND_S)
        ends = extremes(clip, params["width"], teller(context))
        target = folder / "waveform.png"
        _drawn(ends, params).save(target)
        return {"image": context.asset_save(target, "waveform.png")}


def extremes(clip: Clip, columns: int, tell: Callable[[float], None]) -> Samples:
    """Two rows: the lowest and the highest sample of each of ``columns`` equal parts, over both channels."""
    import numpy as np

    from apps.nodes.media.reels.sound import RATE, sound_of

    whole = max(1, round(clip.seconds * RATE))
    found = np.full((2, columns), np.nan, np.float32)
    tap, at = sound_of(clip), 0
    while at < whole:
        block = tap.take(min(65_536, whole - at))
        column = (at + np.arange(block.shape[1], dtype=np.int64)) * columns // whole
        first = np.flatnonzero(np.diff(column, prepend=-1))
        places = column[first]
        found[0, places] = np.fmin(found[0, places], np.minimum.reduceat(block.min(axis=0), first))
        found[1, places] = np.fmax(found[1, places], np.maximum.reduceat(block.max(axis=0), first))
        at += block.shape[1]
        tell(at / whole)
    # A sound shorter than the picture is wide has less than a sample for each column.
    filled = np.maximum.accumulate(np.where(np.isnan(found[0]), 0, np.arange(columns)))
    result: Samples = found[:, filled]
    return result


def _drawn(ends: Samples, params: Mapping[str, Any]) -> Image:
    from PIL import Image, ImageDraw

    width, height = params["width"], params["height"]
    ground = (0, 0, 0, 0) if params["transparent"] else rgb(params["background"])
    image = Image.new("RGBA" if params["transparent"] else "RGB", (width, height), ground)
    draw, ink = ImageDraw.Draw(image), rgb(params["colour"])
    largest = float(abs(ends).max())
    factor = 1 / largest if params["fill"] and largest > 0 else 1.0
    middle = (height - 1) / 2
    bar, gap = (1, 0) if params["style"] == "solid" else (4, 2)
    for x in range(0, width, bar + gap):
        low, high = ends[0, x : x + bar].min() * factor, ends[1, x : x + bar].max() * factor
        if params["style"] == "bars":
            high = max(abs(low), abs(high))
            low = -high
        top, bottom = middle - max(-1.0, min(1.0, high)) * middle, middle - max(-1.0, min(1.0, low)) * middle
        draw.rectangle((x, round(top), min(width, x + bar) - 1, round(bottom)), fill=ink)
    return image


_PARAMS: dict[str, Any] = {
    "properties": {
        "width": {**side("Width", 1200), "minimum": 16},
        "height": {**side("Height", 240), "minimum": 16, "maximum": 2048},
        "style": {
            "type": "string",
            "title": "Style",
            "enum": ["solid", "bars"],
            "x-enum-titles": ["Solid", "Bars"],
            "default": "solid",
        },
        "colour": {**COLOUR, "default": "#7c5cff", "x-primary": True},
        "background": {**COLOUR, "title": "Background", "default": "#ffffff"},
        "transparent": {"type": "boolean", "title": "Transparent background", "default": True},
        "fill": {
            "type": "boolean",
            "title": "Fill the height",
            "description": "The loudest moment reaches the edge.",
            "default": False,
        },
    }
}

NODE = NodeType(
    type="audio.waveform",
    version=1,
    title="Waveform",
    category="media",
    description="Draws a sound, or the sound of a video, as a picture.",
    effect=Effect.PURE,
    lane=Lane.WORK,
    icon="audio-waveform",
    run=run,
    check=colours_checker(_PARAMS),
    limits=LIMITS,
    inputs=(Port("sound", PortType.ASSET, "Sound"),),
    outputs=(Port("image", PortType.IMAGE, "Image"),),
    params=_PARAMS,
)
