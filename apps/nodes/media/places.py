"""Where something goes in a picture, and at what size: parameters that several nodes share."""

from __future__ import annotations

from typing import Any

from PIL import Image, ImageOps

# How far from the left and from the top, in halves.
_AT = {
    "top-left": (0, 0),
    "top": (1, 0),
    "top-right": (2, 0),
    "left": (0, 1),
    "center": (1, 1),
    "right": (2, 1),
    "bottom-left": (0, 2),
    "bottom": (1, 2),
    "bottom-right": (2, 2),
}


def gravity_schema(title: str, default: str, **more: Any) -> dict[str, Any]:
    """The schema of a parameter that names one of nine places."""
    titles = [
        "Top left",
        "Top",
        "Top right",
        "Left",
        "Centre",
        "Right",
        "Bottom left",
        "Bottom",
        "Bottom right",
    ]
    return {
        "type": "string",
        "title": title,
        "enum": list(_AT),
        "x-enum-titles": titles,
        "default": default,
        **more,
    }


def pixels_schema(title: str, default: int, low: int, high: int, **more: Any) -> dict[str, Any]:
    """The schema of a parameter that is a length in whole pixels."""
    bounds = {"minimum": low, "maximum": high, "default": default, "x-unit": "px"}
    return {"type": "integer", "title": title, **bounds, **more}


def percent_schema(title: str, default: float, low: float, high: float, **more: Any) -> dict[str, Any]:
    """The schema of a parameter in percent."""
    bounds = {"minimum": low, "maximum": high, "default": default, "x-unit": "%"}
    return {"type": "number", "title": title, **bounds, **more}


def placed(
    outer: tuple[int, int], inner: tuple[int, int], gravity: str, away: tuple[int, int] = (0, 0)
) -> tuple[int, int]:
    """The left top corner of ``inner`` in ``outer``. ``away`` counts from the edges that ``gravity`` names."""
    x, y = (
        (outer[axis] - inner[axis]) * halves // 2 + (-away[axis] if halves == 2 else away[axis])
        for axis, halves in enumerate(_AT[gravity])
    )
    return x, y


def room(outer: tuple[int, int], gravity: str, away: tuple[int, int]) -> tuple[int, int]:
    """The largest size that can be placed ``away`` from the edges that ``gravity`` names."""
    x, y = (outer[axis] - away[axis] * (2 if halves == 1 else 1) for axis, halves in enumerate(_AT[gravity]))
    return x, y


def scaled(size: tuple[int, int], factor: float) -> tuple[int, int]:
    """``size`` times ``factor``, at least one pixel."""
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def fitted(image: Image.Image, size: tuple[int, int], fit: str) -> Image.Image:
    """The picture at ``size``: ``cover`` fills and crops, ``contain`` keeps it whole, ``stretch`` distorts."""
    if fit == "cover":
        return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
    if fit == "contain":
        factor = min(size[0] / image.width, size[1] / image.height)
        return image.resize(scaled(image.size, factor), Image.Resampling.LANCZOS)
    return image.resize(size, Image.Resampling.LANCZOS)


def margins(gravity: str, margin: int) -> tuple[int, int]:
    """How far away from the edges with this margin: what lies in the middle has no edge to keep away from."""
    across, down = _AT[gravity]
    return 0 if across == 1 else margin, 0 if down == 1 else margin


def laid(image: Image.Image, layer: Image.Image, at: tuple[int, int]) -> None:
    """Put a transparent layer on the image; what reaches beyond it is cut off."""
    if image.mode == "RGB":
        image.paste(layer, at, layer)
        return
    left, top = max(0, at[0]), max(0, at[1])
    image.alpha_composite(layer.crop((left - at[0], top - at[1], layer.width, layer.height)), (left, top))
