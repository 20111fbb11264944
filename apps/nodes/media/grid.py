"""Many images on one sheet."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from apps.engine.node_types import Effect, Lane, NodeContext, NodeFailure, NodeType, Port
from apps.engine.types import PortType
from apps.nodes.media.colours import colour, colour_schema, colours_checker
from apps.nodes.media.lettering import Block, Lettering, font_schema, text_check
from apps.nodes.media.pictures import picture_open, picture_save, sides_check, too_many
from apps.nodes.media.places import fitted, laid, pixels_schema, placed
from apps.wording import gettext as _

IMAGES_MAX = 1000
_CAPTION_MAX = 300
_CUT = "…"


def _captions(inputs: Mapping[str, Any], params: Mapping[str, Any], count: int) -> list[str]:
    given: Sequence[Any] = inputs.get("captions") or []
    if given and len(given) != count:
        counts = {"captions": len(given), "images": count}
        message = _("Each image needs one caption: %(captions)s captions, %(images)s images.", **counts)
        raise NodeFailure(message, code="unequal-lists")
    texts = [" ".join(str(text).split())[:_CAPTION_MAX] for text in given] or [""] * count
    if params["numbers"]:
        texts = [f"{number} {text}".strip() for number, text in enumerate(texts, 1)]
    return texts


def _cut(how: Lettering, text: str, width: int) -> str:
    """One line of the text, shortened to what fits."""
    if how.width(text) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if how.width(text[:middle].rstrip() + _CUT) <= width else (low, middle - 1)
    return text[:low].rstrip() + _CUT


def _cell(context: NodeContext, ref: Mapping[str, Any], params: Mapping[str, Any]) -> Image.Image:
    size = (params["cell_width"], params["cell_height"])
    # With room to spare, so that the decoder's coarse shrinking leaves no trace.
    picture = picture_open(context, ref, around=(2 * size[0], 2 * size[1]))
    return fitted(picture, size, params["fit"]).convert("RGBA")


def _frame(count: int, captioned: bool, params: Mapping[str, Any]) -> tuple[int, int, tuple[int, int]]:
    """Columns, the height of a caption, and the size of the sheet; NodeFailure when that is too large."""
    columns = min(params["columns"] or math.ceil(math.sqrt(count)), count)
    caption = round(params["caption_size"] * 1.6) if captioned else 0
    gap, margin = params["gap"], params["margin"]
    width = columns * (params["cell_width"] + gap) - gap + 2 * margin
    height = math.ceil(count / columns) * (params["cell_height"] + caption + gap) - gap + 2 * margin
    sides_check(width, height)
    return columns, caption, (width, height)


def _centred(sheet: Image.Image, picture: Image.Image, corner: tuple[int, int], room: tuple[int, int]) -> None:
    x, y = placed(room, picture.size, "center")
    laid(sheet, picture, (corner[0] + x, corner[1] + y))


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Each image is decoded, drawn and dropped: the sheet and one image are in memory, however many there are."""
    images = inputs["images"]
    if not images:
        raise NodeFailure(_("There is no image to put on the sheet."), code="no-images")
    if len(images) > IMAGES_MAX:
        raise too_many(len(images), IMAGES_MAX)
    captions = _captions(inputs, params, len(images))
    text_check(params["font"], captions)
    columns, below, size = _frame(len(images), any(captions), params)
    background = colour(params["background"])
    sheet = Image.new("RGBA", size, background)
    how = Lettering(params["font"], params["caption_size"], colour(params["caption_colour"]))
    wide, high = params["cell_width"], params["cell_height"]
    for number, ref in enumerate(images):
        row, column = divmod(number, columns)
        left = params["margin"] + column * (wide + params["gap"])
        top = params["margin"] + row * (high + below + params["gap"])
        _centred(sheet, _cell(context, ref, params), (left, top), (wide, high))
        if captions[number]:
            line = Block(how, (_cut(how, captions[number], wide),)).drawn()
            _centred(sheet, line, (left, top + high), (wide, below))
        context.progress(0.9 * (number + 1) / len(images))
    finished = sheet.convert("RGB") if background[3] == 255 else sheet
    return {"image": picture_save(context, finished, "grid.png")}


_PARAMS = {
    "properties": {
        "columns": {
            "type": "integer",
            "title": "Columns",
            "description": "0: about as many as rows.",
            "minimum": 0,
            "maximum": 100,
            "default": 0,
            "x-primary": True,
        },
        "cell_width": pixels_schema("Cell width", 320, 8, 4096),
        "cell_height": pixels_schema("Cell height", 320, 8, 4096),
        "fit": {
            "type": "string",
            "title": "Fit",
            "enum": ["contain", "cover", "stretch"],
            "x-enum-titles": ["Fit inside", "Fill and crop", "Stretch"],
            "default": "contain",
        },
        "gap": pixels_schema("Gap", 16, 0, 1000),
        "margin": pixels_schema("Margin", 16, 0, 1000),
        "background": colour_schema("Background", "white"),
        "numbers": {"type": "boolean", "title": "Number the images", "default": False},
        "font": font_schema(),
        "caption_size": pixels_schema("Size of captions", 20, 6, 400),
        "caption_colour": colour_schema("Colour of captions", "#222222"),
    }
}

NODE = NodeType(
    type="image.grid",
    version=1,
    title="Contact sheet",
    category="media",
    description="Puts many images on one sheet, in columns, with captions if you like.",
    effect=Effect.PURE,
    lane=Lane.WORK,
    icon="layout-grid",
    run=run,
    check=colours_checker(_PARAMS),
    inputs=(
        Port("images", PortType.IMAGE, "Images", many=True),
        Port("captions", PortType.TEXT, "Captions", required=False, many=True),
    ),
    outputs=(Port("image", PortType.IMAGE, "Image"),),
    params=_PARAMS,
)
