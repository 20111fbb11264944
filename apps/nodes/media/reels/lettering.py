"""Words as pictures, in fonts that come with the project, so that they look the same everywhere."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

FONTS = Path(__file__).parents[1] / "fonts"
FAMILIES = {
    "sans": ("DejaVuSans.ttf", "NotoSansSC-Regular.woff2"),
    "bold": ("DejaVuSans-Bold.ttf", "NotoSansSC-Bold.woff2"),
    "serif": ("DejaVuSerif.ttf", "NotoSansSC-Regular.woff2"),
    "mono": ("DejaVuSansMono.ttf", "NotoSansSC-Regular.woff2"),
}
Font = ImageFont.FreeTypeFont
# Planes 17 and above hold no characters: what a font draws for this one, it draws for all it has not.
_NOWHERE = "\U0010fffe"


@cache
def _fonts(family: str, size: int) -> tuple[Font, ...]:
    layout = ImageFont.Layout.BASIC
    return tuple(ImageFont.truetype(str(FONTS / name), size, layout_engine=layout) for name in FAMILIES[family])


@cache
def _font_of(family: str, size: int, letter: str) -> Font:
    """The first font that has the letter; the first one when none has."""
    for font in _fonts(family, size):
        if letter.isspace() or bytes(font.getmask(letter)) != bytes(font.getmask(_NOWHERE)):
            return font
    return _fonts(family, size)[0]


def _runs(line: str, family: str, size: int) -> list[tuple[Font, str]]:
    """Pieces of a line, each in one font."""
    found: list[tuple[Font, str]] = []
    for letter in line:
        font = _font_of(family, size, letter)
        if found and found[-1][0] is font:
            found[-1] = font, found[-1][1] + letter
        else:
            found.append((font, letter))
    return found


def _width(line: str, family: str, size: int) -> float:
    return sum(font.getlength(text) for font, text in _runs(line, family, size))


def wrapped(text: str, family: str, size: int, width: int) -> list[str]:
    """Lines that are not wider; a word that is, and scripts without spaces, are broken between letters."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            joined = f"{line} {word}" if line else word
            if _width(joined, family, size) <= width:
                line = joined
                continue
            lines += [line] if line else []
            line = ""
            for letter in word:
                if line and _width(line + letter, family, size) > width:
                    lines.append(line)
                    line = ""
                line += letter
        lines.append(line)
    return lines


def drawn(text: str, family: str, size: int, width: int, colours: tuple[str, str]) -> Image.Image:
    """A text of centred lines with an outline, transparent around it; ``colours`` of the letters and the outline."""
    lines = wrapped(text, family, size, width)
    edge, step = max(1, round(size / 12)), round(size * 1.25)
    widths = [_width(line, family, size) for line in lines]
    image = Image.new("RGBA", (round(max(widths)) + 4 * edge, step * len(lines) + 4 * edge), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    for number, (line, length) in enumerate(zip(lines, widths, strict=True)):
        x, baseline = (image.width - length) / 2, 2 * edge + step * number + size
        for font, piece in _runs(line, family, size):
            draw.text((x, baseline), piece, colours[0], font, anchor="ls", stroke_width=edge, stroke_fill=colours[1])
            x += font.getlength(piece)
    return image
