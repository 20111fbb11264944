"""A sound for a video."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port
from apps.engine.types import PortType
from apps.nodes.media.reels.declared import LIMITS, LONGEST_SOUND_S, QUALITY, length_check, percent, seconds
from apps.wording import gettext as _

if TYPE_CHECKING:
    from apps.nodes.media.reels.clip import Clip
    from apps.nodes.media.reels.sound import Samples, Tap


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The pictures are moved as they are where they can be; encoded anew only to be cut or for another codec."""
    from apps.nodes.media.reels.sound import Tap
    from apps.nodes.media.reels.work import clip_of, workplace

    with (
        clip_of(context, inputs["video"], picture=True) as clip,
        clip_of(context, inputs["audio"]) as sound,
        workplace() as folder,
    ):
        if not sound.has_sound:
            raise NodeFailure(_("The file has no sound in it."), code="no-sound")
        length = clip.seconds
        if params["length"] == "shortest":
            length = min(length, params["start"] + sound.seconds)
        length_check(length, LONGEST_SOUND_S)
        target = folder / "mux.mp4"
        _write(context, clip, target, Tap(_heard(clip, sound, params), 2), length, params["quality"])
        return {"video": context.asset_save(target, "mux.mp4")}


def _write(context: NodeContext, clip: Clip, target: Path, tap: Tap, length: float, quality: str) -> None:
    from apps.nodes.media.reels.clip import frames
    from apps.nodes.media.reels.copying import copies, copy_with_sound
    from apps.nodes.media.reels.film import Plan, count_of, film_write
    from apps.nodes.media.reels.planes import Conform
    from apps.nodes.media.reels.work import teller

    if length > clip.seconds - 0.5 / float(clip.rate) and copies(clip):
        copy_with_sound(clip, target, tap, length, teller(context))
        return
    length_check(length)
    plan = Plan(clip.size, clip.rate, count_of(length, clip.rate), clip.look, quality)
    film_write(target, plan, map(Conform(clip), frames(clip, clip.rate, count=plan.count)), tap, teller(context))


def _heard(clip: Clip, sound: Clip, params: Mapping[str, Any]) -> Iterator[Samples]:
    """The new sound from its start on, again and again if wanted, over the video's own if wanted."""
    import numpy as np

    from apps.nodes.media.reels.sound import RATE, silence, sound_of

    own = sound_of(clip) if params["sound"] == "mix" else silence()
    whole = max(1, round(sound.seconds * RATE))
    new, left = sound_of(sound), whole
    pause = round(params["start"] * RATE)
    gains = np.float32(params["own_volume"] / 100), np.float32(params["volume"] / 100)
    while True:
        size = min(4096, pause or left)
        added = np.zeros((2, size), np.float32) if pause else new.take(size)
        yield own.take(size) * gains[0] + added * gains[1]
        if pause:
            pause -= size
            continue
        left -= size
        if left == 0:
            left = whole
            new = sound_of(sound) if params["length"] == "loop" else silence()


NODE = NodeType(
    type="audio.mux",
    version=1,
    title="Sound for video",
    category="media",
    description="Gives a video a sound, in place of its own or over it.",
    effect=Effect.PURE,
    lane=Lane.WORK,
    icon="volume-2",
    run=run,
    limits=LIMITS,
    inputs=(Port("video", PortType.VIDEO, "Video"), Port("audio", PortType.ASSET, "Sound")),
    outputs=(Port("video", PortType.VIDEO, "Video"),),
    params={
        "properties": {
            "sound": {
                "type": "string",
                "title": "The video's own sound",
                "enum": ["replace", "mix"],
                "x-enum-titles": ["Replace it", "Mix both"],
                "default": "replace",
                "x-primary": True,
            },
            "length": {
                "type": "string",
                "title": "Length",
                "enum": ["video", "shortest", "loop"],
                "x-enum-titles": ["As the video", "As the shorter one", "As the video, the sound repeated"],
                "default": "video",
            },
            "start": seconds("Sound begins at", 0, most=LONGEST_SOUND_S),
            "volume": percent("Volume", 100, most=400),
            "own_volume": percent("Volume of the video's own sound", 100, most=400),
            "quality": {**QUALITY, "description": "Only where the video is cut or cannot be copied."},
        }
    },
)
