"""A video as an animated image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port
from apps.engine.types import PortType
from apps.nodes.media.reels.declared import LIMITS, LONGEST_SOUND_S, percent, rate, seconds, side
from apps.wording import gettext as _

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from apps.nodes.media.reels.clip import Clip

LONGEST_S = 60
FRAMES_MAX = 1500


@dataclass(frozen=True)
class Loop:
    """The part of a clip that is shown: from ``start``, ``count`` frames of a size and rate."""

    clip: Clip
    start: float
    count: int
    size: tuple[int, int]
    rate: Fraction
    forever: bool
    quality: float

    def frames(self) -> Iterator[VideoFrame]:
        """The frames in colours (rgb24)."""
        from av.video.reformatter import VideoReformatter

        from apps.nodes.media.reels.clip import frames
        from apps.nodes.media.reels.planes import Conform

        conform, reformatter = Conform(self.clip, self.size, fit="stretch"), VideoReformatter()
        look = self.clip.look
        for number, frame in enumerate(frames(self.clip, self.rate, start=self.start, count=self.count)):
            shown = reformatter.reformat(
                conform(frame),
                format="rgb24",
                src_colorspace=look.matrix_for(self.size[1]),
                src_color_range=look.span,
                dst_color_range=2,
            )
            shown.pts, shown.time_base = number, 1 / self.rate
            yield shown


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """GIF in two rounds, the first for its 256 colours; WebP in one."""
    from apps.nodes.media.reels.work import clip_of, teller, workplace

    with clip_of(context, inputs["video"], picture=True) as clip, workplace() as folder:
        loop = _loop(clip, params)
        target = folder / f"animation.{params['format']}"
        (_gif if params["format"] == "gif" else _webp)(target, loop, teller(context))
        return {"image": context.asset_save(target, target.name)}


def _loop(clip: Clip, params: Mapping[str, Any]) -> Loop:
    from apps.nodes.media.reels.clip import even
    from apps.nodes.media.reels.film import count_of, rate_of

    start, speed = params["start"], rate_of(params["fps"])
    if start >= clip.seconds:
        said = {"start": f"{start:g}", "length": f"{clip.seconds:.2f}"}
        message = _("The start, %(start)s s, lies behind the end of the video, which is %(length)s s long.", **said)
        raise NodeFailure(message, code="bad-span")
    length = min(params["length"] or clip.seconds, clip.seconds - start)
    if length > LONGEST_S:
        said = {"length": f"{length:.0f}", "limit": f"{LONGEST_S}"}
        message = _("That would last %(length)s s; an animated image may last %(limit)s s at most.", **said)
        raise NodeFailure(message, code="too-long")
    count = count_of(length, speed)
    if count > FRAMES_MAX:
        message = _("That would be %(count)s frames; at most %(limit)s.", count=f"{count:,}", limit=f"{FRAMES_MAX:,}")
        raise NodeFailure(message, code="too-many")
    width = even(min(params["width"] or clip.width, 4096))
    size = width, even(round(width * clip.height / clip.width))
    return Loop(clip, start, count, size, speed, params["loop"], params["quality"])


def _gif(target: Path, loop: Loop, tell: Callable[[float], None]) -> None:
    import av

    from apps.nodes.media.reels.film import OPTIONS

    palette = _palette(loop, lambda part: tell(part * 0.4))
    options = {"loop": "0" if loop.forever else "-1", "fflags": OPTIONS["fflags"]}
    with av.open(str(target), "w", format="gif", options=options) as container:
        stream = container.add_stream("gif", rate=loop.rate)
        stream.width, stream.height = loop.size
        stream.pix_fmt = "pal8"
        for number, frame in enumerate(_paletted(loop, palette), 1):
            frame.pts, frame.time_base = number - 1, 1 / loop.rate
            container.mux(stream.encode(frame))
            tell(0.4 + 0.6 * number / loop.count)
        container.mux(stream.encode(None))


def _palette(loop: Loop, tell: Callable[[float], None]) -> VideoFrame:
    """The 256 colours that serve the whole of it best."""
    from av.filter import Graph

    graph = Graph()
    graph.threads = 1
    source = graph.add_buffer(width=loop.size[0], height=loop.size[1], format=_rgb(), time_base=1 / loop.rate)
    chosen = graph.add("palettegen", "reserve_transparent=0:stats_mode=full")
    graph.link_nodes(source, chosen, graph.add("buffersink")).configure()
    for number, frame in enumerate(loop.frames(), 1):
        graph.vpush(frame)
        tell(number / loop.count * 0.99)
    graph.vpush(None)
    return graph.vpull()


def _rgb() -> Any:
    from av.video.format import VideoFormat

    return VideoFormat("rgb24")


def _paletted(loop: Loop, palette: VideoFrame) -> Iterator[VideoFrame]:
    from av.error import BlockingIOError as Unready
    from av.error import EOFError as Ended
    from av.filter import Graph

    graph = Graph()
    graph.threads = 1
    tick = 1 / loop.rate
    source = graph.add_buffer(width=loop.size[0], height=loop.size[1], format=_rgb(), time_base=tick)
    colours = graph.add_buffer(width=palette.width, height=palette.height, format=palette.format, time_base=tick)
    use = graph.add("paletteuse", "dither=sierra2_4a:diff_mode=rectangle")
    source.link_to(use, 0, 0)
    colours.link_to(use, 0, 1)
    use.link_to(graph.add("buffersink"))
    graph.configure()
    palette.pts, palette.time_base = 0, tick
    graph.vpush(palette, 1)
    graph.vpush(None, 1)
    for frame in _and_end(loop.frames()):
        graph.vpush(frame, 0)
        with suppress(Unready, Ended):
            while True:
                yield graph.vpull()


def _and_end(frames: Iterator[VideoFrame]) -> Iterator[VideoFrame | None]:
    yield from frames
    yield None


def _webp(target: Path, loop: Loop, tell: Callable[[float], None]) -> None:
    import av

    from apps.nodes.media.reels.film import OPTIONS

    options = {"loop": "0" if loop.forever else "1", "fflags": OPTIONS["fflags"]}
    with av.open(str(target), "w", format="webp", options=options) as container:
        stream = container.add_stream("libwebp_anim", rate=loop.rate, options={"quality": f"{loop.quality:g}"})
        stream.width, stream.height = loop.size
        stream.pix_fmt = "bgra"
        for number, frame in enumerate(loop.frames(), 1):
            container.mux(stream.encode(frame))
            tell(number / loop.count)
        container.mux(stream.encode(None))


NODE = NodeType(
    type="video.animate",
    version=1,
    title="Video to GIF",
    category="media",
    description="Makes an animated GIF or WebP of a video.",
    effect=Effect.PURE,
    lane=Lane.WORK,
    icon="image-play",
    run=run,
    limits=LIMITS,
    inputs=(Port("video", PortType.VIDEO, "Video"),),
    outputs=(Port("image", PortType.IMAGE, "Image"),),
    params={
        "properties": {
            "format": {
                "type": "string",
                "title": "Format",
                "enum": ["gif", "webp"],
                "x-enum-titles": ["GIF", "WebP"],
                "default": "gif",
                "x-primary": True,
            },
            "width": {**side("Width", 480, "0: as the video."), "maximum": 1920},
            "fps": {**rate(12, least=1), "maximum": 50},
            "start": seconds("Start", 0, most=LONGEST_SOUND_S),
            "length": seconds("Length", 0, most=LONGEST_S, description="0: to the end of the video."),
            "loop": {"type": "boolean", "title": "Repeat for ever", "default": True},
            "quality": {**percent("Quality", 75), "description": "Of a WebP."},
        }
    },
)
