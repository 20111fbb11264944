"""Colours of pictures as entries of the palette."""

from __future__ import annotations

import pytest
from PIL import Image

from apps.assets.palette import colour_parse, colours_near, colours_of, swatches


def plain(colour: str, size: tuple[int, int] = (40, 30)) -> Image.Image:
    return Image.new("RGB", size, colour)


@pytest.mark.parametrize("colour", ["#d02020", "#2050d0", "#20a040", "#e0c020", "#000000", "#ffffff", "#808080"])
def test_a_plain_picture_is_found_by_its_colour(colour: str) -> None:
    found = colours_of(plain(colour))
    assert len(found) == 1
    assert found[0] in colours_near(colour)


def test_what_looks_different_is_not_near() -> None:
    assert not set(colours_of(plain("#d02020"))) & set(colours_near("#2050d0"))
    assert not set(colours_of(plain("#ffffff"))) & set(colours_near("#000000"))


def test_small_parts_do_not_count_and_large_ones_lead() -> None:
    image = plain("#2050d0", (100, 100))
    image.paste("#d02020", (0, 0, 30, 100))
    image.paste("#ffffff", (90, 90, 95, 95))
    assert colours_of(image) == [colours_near("#2050d0")[0], colours_near("#d02020")[0]]


def test_clear_parts_do_not_count() -> None:
    image = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    assert colours_of(image) == []
    image.paste((208, 32, 32, 255), (0, 0, 40, 8))
    assert colours_of(image) == [colours_near("#d02020")[0]]


def test_swatches_find_themselves() -> None:
    assert len(set(swatches())) == len(swatches()) == 15
    for swatch in swatches():
        assert colour_parse(swatch) == swatch
        assert colours_near(swatch)
    assert [colour_parse(text) for text in ("", "red", "#12345", "#GGGGGG")] == [None] * 4
