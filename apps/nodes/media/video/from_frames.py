"""Images as a video."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port
from apps.engine.types import PortType
from apps.nodes.media.colours import colours_checker
from apps.nodes.media.reels.declared import COLOUR, FIT, IMAGES_MAX, LIMITS, QUALITY, length_check, rate, rgb, side
from apps.wording import gettext as _

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from PIL.Image import Image

    from apps.nodes.media.reels.film import Plan


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """One image after the other, each opened when its turn comes."""
    from apps.nodes.media.pictures import picture_open
    from apps.nodes.media.reels.clip import even
    from apps.nodes.media.reels.film import Plan, film_write, rate_of
    from apps.nodes.media.reels.work import teller, workplace

    refs = inputs["images"]
    if not refs:
        raise NodeFailure(_("There is no image in the list."), code="empty")
    if len(refs) > IMAGES_MAX:
        message = _("There are %(count)s images; at most %(limit)s.", count=len(refs), limit=IMAGES_MAX)
        raise NodeFailure(message, code="too-many")
    with workplace() as folder:
        size = picture_open(context, refs[0]).size
        wanted = even(params["width"] or min(4096, size[0])), even(params["height"] or min(4096, size[1]))
        speed = rate_of(params["fps"])
        length_check(float(len(refs) / speed))
        plan = Plan(wanted, speed, len(refs), quality=params["quality"])
        target = folder / "frames.mp4"
        film_write(target, plan, _shown(context, refs, plan, params), None, teller(context))
        return {"video": context.asset_save(target, "frames.mp4")}


def _shown(
    context: NodeContext, refs: Sequence[Mapping[str, Any]], plan: Plan, params: Mapping[str, Any]
) -> Iterator[VideoFrame]:
    from apps.nodes.media.pictures import picture_open
    from apps.nodes.media.reels.planes import from_picture

    for number, ref in enumerate(refs, 1):
        image = picture_open(context, ref)
        if params["fit"] == "refuse" and _even_size(image) != plan.size:
            said = {
                "number": number,
                "size": f"{image.width} × {image.height}",
                "wanted": f"{plan.size[0]} × {plan.size[1]}",
            }
            message = _("Image %(number)s is %(size)s, not %(wanted)s; choose how it should fit.", **said)
            raise NodeFailure(message, code="mixed-sizes")
        yield from_picture(fitted(image, plan.size, params["fit"], rgb(params["colour"])), plan.look)


def _even_size(image: Image) -> tuple[int, int]:
    return image.width - image.width % 2, image.height - image.height % 2


def fitted(image: Image, size: tuple[int, int], fit: str, colour: tuple[int, int, int]) -> Image:
    """An image of that size: cropped, distorted, or in the middle of a ``colour`` that also shows through it."""
    from PIL import Image as Images
    from PIL import ImageOps

    if fit == "cover":
        image = ImageOps.fit(image, size, Images.Resampling.LANCZOS)
    elif fit == "stretch":
        image = image.resize(size, Images.Resampling.LANCZOS)
    elif image.size != size:
        image = ImageOps.contain(image, size, Images.Resampling.LANCZOS)
    canvas = Images.new("RGB", size, colour)
    corner = ((size[0] - image.width) // 2, (size[1] - image.height) // 2)
    canvas.paste(image, corner, image if image.mode == "RGBA" else None)
    return canvas


_PARAMS: dict[str, Any] = {
    "properties": {
        "fps": {**rate(24, description="Images per second."), "x-primary": True},
        "width": side("Width", 0, "0: as the first image."),
        "height": side("Height", 0, "0: as the first image."),
        "fit": FIT,
        "colour": {**COLOUR, "title": "Background"},
        "quality": QUALITY,
    }
}

NODE = NodeType(
    type="video.from_frames",
    version=1,
    title="Images to video",
    category="media",
    description="Plays images as the frames of a video.",
    effect=Effect.PURE,
    lane=Lane.WORK,
    icon="film",
    run=run,
    check=colours_checker(_PARAMS),
    limits=LIMITS,
    inputs=(Port("images", PortType.IMAGE, "Images", many=True),),
    outputs=(Port("video", PortType.VIDEO, "Video"),),
    params=_PARAMS,
)
