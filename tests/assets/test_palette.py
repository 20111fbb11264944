"""Colours of pictures as entries of the palette."""

from __future__ import annotations

import io
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest
from django.core.management import call_command
from PIL import Image

from apps.assets.models import Blob
from apps.assets.palette import colour_parse, colours_near, colours_of, swatches
from apps.assets.previews import colours_fill, preview_draw
from apps.assets.services import asset_store
from apps.common.tenancy import scope
from apps.workspaces.models import Workspace


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


@pytest.mark.django_db
def test_pictures_drawn_before_colours_were_kept_get_theirs(workspace: Workspace, tmp_path: Path) -> None:
    blobs = []
    for colour in ("#d02020", "#2050d0", "#20a040"):
        path = tmp_path / f"{colour[1:]}.png"
        plain(colour).save(path)
        asset = asset_store(workspace_id=workspace.id, path=path, filename=path.name, source="upload")
        with scope(workspace.id):
            preview_draw(workspace_id=workspace.id, blob_id=cast(UUID, asset.blob_id))
            Blob.objects.filter(id=asset.blob_id).update(colours=[])
        blobs.append((asset.blob_id, colour))
    call_command("history_fill", stdout=io.StringIO())
    with scope(workspace.id):
        for blob_id, colour in blobs:
            assert Blob.objects.get(id=blob_id).colours[0] in colours_near(colour)
    assert colours_fill(None, count=2) is None, "none is left"


def test_swatches_find_themselves() -> None:
    assert len(set(swatches())) == len(swatches()) == 15
    for swatch in swatches():
        assert colour_parse(swatch) == swatch
        assert colours_near(swatch)
    assert [colour_parse(text) for text in ("", "red", "#12345", "#GGGGGG")] == [None] * 4
