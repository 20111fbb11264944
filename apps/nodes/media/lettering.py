"""Text on pictures, with the fonts that lie beside this module and no others: the same pixels on every machine.

A line with Chinese, Japanese or full-width characters is set in Noto Sans SC, every other one in DejaVu. Direction and
the joining of letters are found by Raqm, so Arabic and Hebrew run from right to left. A character that the font of its
line does not have is refused by name rather than shown as a box.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from apps.engine.node_types import NodeFailure
from apps.nodes.media.colours import Colour
from apps.nodes.media.pictures import sides_check
from apps.wording import gettext as _

# The file for most scripts, and the one for lines with Chinese.
FACES = {
    "sans": ("DejaVuSans.ttf", "NotoSansSC-Regular.woff2"),
    "bold": ("DejaVuSans-Bold.ttf", "NotoSansSC-Bold.woff2"),
    "serif": ("DejaVuSerif.ttf", "NotoSansSC-Regular.woff2"),
    "mono": ("DejaVuSansMono.ttf", "NotoSansSC-Regular.woff2"),
}
TEXT_MAX = 2000
SIZE_MAX = 2000
_FOLDER = Path(__file__).parent / "fonts"
_WIDE = ((0x2E80, 0x9FFF), (0xF900, 0xFAFF), (0xFE30, 0xFE4F), (0xFF00, 0xFFEF), (0x20000, 0x3FFFF))
# A line does not begin with these.
_CLOSING = frozenset("，。、；：！？）》」』】〉”’…,.;:!?)]}%")
_NOBODYS = "\U0010fffe"


def text_schema(title: str, **more: Any) -> dict[str, Any]:
    """The schema of a parameter that is a text to be written."""
    return {"type": "string", "title": title, "format": "multiline", "default": "", "maxLength": TEXT_MAX, **more}


def font_schema() -> dict[str, Any]:
    """The schema of a parameter that names a font."""
    return {
        "type": "string",
        "title": "Font",
        "enum": list(FACES),
        "x-enum-titles": ["Sans", "Sans bold", "Serif", "Monospaced"],
        "default": "sans",
    }


@lru_cache(maxsize=64)
def _font(file: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_FOLDER / file, size, layout_engine=ImageFont.Layout.RAQM)


@lru_cache(maxsize=8192)
def _has(file: str, character: str) -> bool:
    font = _font(file, 16)
    return bytes(font.getmask(character)) != bytes(font.getmask(_NOBODYS))


def _is_wide(text: str) -> bool:
    return any(low <= ord(character) <= high for character in text for low, high in _WIDE)


@dataclass(frozen=True)
class Lettering:
    """How a text is written: face, size in pixels, colours, stroke in pixels, leading as a multiple of the size."""

    face: str
    size: int
    ink: Colour
    stroke: int = 0
    stroke_ink: Colour = (0, 0, 0, 255)
    leading: float = 1.25
    align: str = "left"

    def font(self, line: str) -> ImageFont.FreeTypeFont:
        """The font that a line is set in."""
        return _font(FACES[self.face][_is_wide(line)], self.size)

    def width(self, line: str) -> int:
        """How many pixels wide a line is, its stroke included."""
        left, _top, right, _bottom = self.font(line).getbbox(line, anchor="ls", stroke_width=self.stroke)
        return max(0, int(right) - int(left))

    def wrapped(self, text: str, width: int, most: int | None = None) -> list[str]:
        """The lines of ``text``, none wider than ``width`` pixels where it can be broken; not more than ``most``."""
        lines = (line for paragraph in text.split("\n") for line in self._broken(paragraph, width))
        return list(islice(lines, most))

    def lines_fitting(self, height: int) -> int:
        """How many lines ``height`` pixels have room for at most: the last one takes at least its size."""
        return 0 if height < self.size else (height - self.size) // self.step + 1

    @property
    def step(self) -> int:
        """Pixels from one line to the next."""
        return max(1, round(self.size * self.leading))

    def _broken(self, paragraph: str, width: int) -> Iterator[str]:
        line = ""
        for piece in chain.from_iterable(self._pieces(word, width) for word in _words(paragraph)):
            if line and self.width((line + piece).rstrip()) > width and piece.strip():
                yield line.rstrip()
                line = piece.lstrip()
            else:
                line += piece
        yield line.rstrip()

    def _pieces(self, word: str, width: int) -> Iterator[str]:
        """A word, or where it is wider than a line, as much of it as fits, and so on."""
        while len(word) > 1 and self.width(word.strip()) > width:
            low, high = 1, len(word) - 1
            while low < high:
                middle = (low + high + 1) // 2
                low, high = (middle, high) if self.width(word[:middle]) <= width else (low, middle - 1)
            yield word[:low]
            word = word[low:]
        yield word


def _words(paragraph: str) -> Iterator[str]:
    """Where a line may break: after spaces, and between Chinese characters, though not before what closes."""
    word = ""
    for character in paragraph:
        after_space = word[-1:].isspace() and not character.isspace()
        beside_wide = bool(word) and (_is_wide(character) or _is_wide(word[-1])) and not character.isspace()
        if after_space or (beside_wide and character not in _CLOSING):
            yield word
            word = ""
        word += character
    if word:
        yield word


@dataclass(frozen=True)
class Block:
    """Lines set one under the other; measured before a pixel is drawn."""

    lettering: Lettering
    lines: tuple[str, ...]

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        width = max((self.lettering.width(line) for line in self.lines), default=0)
        return max(1, width), self.lettering.step * (len(self.lines) - 1) + self._ascent + self._descent

    @cached_property
    def _ascent(self) -> int:
        return max(self.lettering.font(line).getmetrics()[0] for line in self.lines) + self.lettering.stroke

    @cached_property
    def _descent(self) -> int:
        return max(self.lettering.font(line).getmetrics()[1] for line in self.lines) + self.lettering.stroke

    def drawn(self) -> Image.Image:
        """The text on a transparent ground, as large as :attr:`size`."""
        sides_check(*self.size)
        how = self.lettering
        text = _inked(self._mask(0), how.ink)
        if not how.stroke:
            return text
        under = _inked(self._mask(how.stroke), how.stroke_ink)
        under.alpha_composite(text)
        return under

    def _mask(self, stroke: int) -> Image.Image:
        how, mask = self.lettering, Image.new("L", self.size)
        draw = ImageDraw.Draw(mask)
        for number, line in enumerate(self.lines):
            font = how.font(line)
            spare = self.size[0] - how.width(line)
            indent = {"left": 0, "center": spare // 2, "right": spare}[how.align]
            left = int(font.getbbox(line, anchor="ls", stroke_width=how.stroke)[0])
            at = (indent - left, self._ascent + number * how.step)
            draw.text(at, line, fill=255, font=font, anchor="ls", stroke_width=stroke)
        return mask


def _inked(mask: Image.Image, ink: Colour) -> Image.Image:
    """``ink`` where the mask is white; its colour has no dark edge where it ends."""
    layer = Image.new("RGBA", mask.size, (*ink[:3], 0))
    layer.putalpha(mask.point([round(shade * ink[3] / 255) for shade in range(256)]))
    return layer


def text_given(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> str:
    """The text at the port ``text``, else that in the form, with tabs and line ends of one kind."""
    text = str(inputs.get("text") or params["text"]).replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
    if len(text) > TEXT_MAX:
        message = _("The text has %(count)s characters; at most %(limit)s.", count=len(text), limit=TEXT_MAX)
        raise NodeFailure(message, code="text-too-long")
    return text.strip("\n")


def text_check(face: str, lines: Iterable[str]) -> None:
    """NodeFailure for a character that the font of its line does not have."""
    for line in lines:
        file = FACES[face][_is_wide(line)]
        for character in line:
            if unicodedata.category(character)[0] not in "ZCM" and not _has(file, character):
                message = _("This font has no “%(sign)s”: choose another one, or leave it out.", sign=character)
                raise NodeFailure(message, code="no-glyph")
