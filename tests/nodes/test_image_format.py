from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from apps.engine.node_types import NodeFailure
from apps.nodes.registry import node_type_get
from tests.nodes.context import FolderContext
from tests.nodes.pictures import noise, pixels, put, ramp, taken

Run = Callable[..., Any]
FORMATS = ["png", "jpeg", "webp", "avif"]


@pytest.mark.parametrize("kind", FORMATS)
def test_it_is_what_it_says_and_the_same_bytes_each_time(run_node: Run, context: FolderContext, kind: str) -> None:
    ref = put(context, noise(64, 48))
    made = []
    for _time in range(2):
        out = run_node("image.format", {"image": ref}, format=kind)
        made.append((context.folder / out["image"]["$asset"]).read_bytes())
    assert made[0] == made[1]
    image = taken(context, out["image"])
    assert (image.format, image.size) == (kind.upper(), (64, 48))


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_lossless_round_trip(run_node: Run, context: FolderContext, kind: str) -> None:
    picture = noise(64, 48, 4)
    out = run_node("image.format", {"image": put(context, picture)}, format=kind, lossless=True)
    back = run_node("image.format", {"image": out["image"]}, format="png")
    assert (pixels(context, back["image"]) == picture).all()


@pytest.mark.parametrize("kind", ["jpeg", "webp", "avif"])
def test_quality_costs_bytes_and_buys_likeness(run_node: Run, context: FolderContext, kind: str) -> None:
    picture = ramp(256, 64).copy()
    picture[:, :, 1] = picture[:, ::-1, 1]
    picture[16:48, 64:192] = noise(128, 32) // 2
    ref, sizes, errors = put(context, picture), [], []
    for quality in (10, 50, 95):
        out = run_node("image.format", {"image": ref}, format=kind, quality=quality)
        sizes.append((context.folder / out["image"]["$asset"]).stat().st_size)
        errors.append(np.abs(pixels(context, out["image"]).astype(int) - picture).mean())
    assert sizes[0] < sizes[1] < sizes[2]
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("kind", ["png", "webp", "avif"])
def test_transparency_stays_where_it_can(run_node: Run, context: FolderContext, kind: str) -> None:
    picture = np.zeros((32, 32, 4), np.uint8)
    picture[:, 16:] = (200, 100, 50, 255)
    out = run_node("image.format", {"image": put(context, picture)}, format=kind, quality=95)
    found = pixels(context, out["image"])
    assert (found[:, :12, 3] < 4).all()
    assert (found[:, 20:, 3] > 251).all()


def test_a_background_shows_through(run_node: Run, context: FolderContext) -> None:
    picture = np.zeros((32, 32, 4), np.uint8)
    picture[:, :, 3] = 51  # a fifth of black
    ref = put(context, picture)
    out = run_node("image.format", {"image": ref}, format="jpeg", background="#64c832", quality=100)
    assert np.abs(pixels(context, out["image"]).astype(int) - [80, 160, 40]).max() <= 2
    out = run_node("image.format", {"image": ref}, format="png", flatten=True, background="white")
    assert (pixels(context, out["image"]) == [204, 204, 204]).all()


def _taken_with_a_camera() -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Mill"
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.LensModel] = "Race 35mm"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    return exif


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("source", ["in.jpg", "in.png", "in.webp"])
def test_metadata_is_left_out_or_kept_without_the_orientation(
    run_node: Run, context: FolderContext, kind: str, source: str
) -> None:
    ref = put(context, Image.new("RGB", (40, 20), "red"), source, exif=_taken_with_a_camera())
    out = run_node("image.format", {"image": ref}, format=kind)
    assert dict(taken(context, out["image"]).getexif()) == {}
    out = run_node("image.format", {"image": ref}, format=kind, metadata="keep")
    image = taken(context, out["image"])
    exif = image.getexif()
    assert image.size == (20, 40), "it is upright already"
    assert exif.get(ExifTags.Base.Orientation, 1) == 1
    assert exif[ExifTags.Base.Make] == "Mill"
    assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.LensModel] == "Race 35mm"
    assert exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"


def test_a_side_too_long_for_the_format(run_node: Run, context: FolderContext) -> None:
    ref = put(context, Image.new("RGB", (17_000, 2)))
    with pytest.raises(NodeFailure, match="at most 16383 pixels long"):
        run_node("image.format", {"image": ref}, format="webp")
    assert pixels(context, run_node("image.format", {"image": ref}, format="jpeg")["image"]).shape == (2, 17_000, 3)


def test_more_pixels_than_an_encoder_has_memory_for(
    run_node: Run, context: FolderContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.nodes.media.format._AVIF_MAX", 1000)
    ref = put(context, Image.new("RGB", (40, 40)))
    with pytest.raises(NodeFailure, match="takes at most 0 megapixels"):
        run_node("image.format", {"image": ref}, format="avif")
    assert run_node("image.format", {"image": ref}, format="webp")


@pytest.mark.parametrize("colour", ["", "reddish", "#12", "rgb(1,2)", "#ggg"])
def test_what_is_no_colour_is_refused_before_the_run(colour: str) -> None:
    node = node_type_get("image.format")
    assert node
    said = "Background is not a colour: write it like #ff8800, navy or transparent."
    assert node.params_problems({"background": colour}) == [("background", said)]
    assert node.params_problems({"background": {"$variable": "ground"}}) == []
