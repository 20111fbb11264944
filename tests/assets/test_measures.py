"""What the decoders say of files, honest and lying."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from apps.assets import kinds
from apps.assets.kinds import ACCEPTED
from apps.assets.measures import detect, measure
from apps.assets.refusals import Refused
from tests.assets import files


def _file(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
def test_image_kinds(tmp_path: Path, kind: str) -> None:
    path = _file(tmp_path / "x", files.picture(kind=kind))
    found = detect(path, "x")
    assert found.decoder == kind
    meta = measure(path, found).meta
    assert (meta["width"], meta["height"], meta["frames"]) == (96, 64, 1)


def test_image_orientation_counts(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = _file(tmp_path / "x.jpg", files.picture(kind="JPEG", exif=exif))
    meta = measure(path, ACCEPTED["image/jpeg"]).meta
    assert (meta["width"], meta["height"]) == (64, 96)


def test_video_is_measured(tmp_path: Path) -> None:
    path = files.video(tmp_path / "clip.mp4", sound=True)
    measured = measure(path, detect(path, "clip.mp4"))
    assert measured.content_type == "video/mp4"
    expected = {"width": 160, "height": 96, "fps": 24.0, "codec": "h264", "frames": 24, "has_audio": True}
    assert expected.items() <= measured.meta.items()
    assert measured.meta["duration"] == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.wav", "pcm_s16le", 44100),
        ("a.flac", "flac", 44100),
        ("a.ogg", "libopus", 48000),
        ("a.mp3", "libmp3lame", 44100),
    ],
)
def test_sound_is_measured(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    path = files.sound(tmp_path / name, codec, rate)
    measured = measure(path, detect(path, name))
    assert measured.kind == "audio"
    assert measured.meta["duration"] == pytest.approx(1.0, abs=0.15)


def test_mp4_without_picture_is_audio(tmp_path: Path) -> None:
    path = files.sound(tmp_path / "a.mp4", "aac")
    assert detect(path, "a.mp4").content_type == "audio/mp4"
    with pytest.raises(Refused) as refused:
        measure(path, ACCEPTED["video/mp4"])
    assert refused.value.refusal["code"] == "no_picture"


def test_tables(tmp_path: Path) -> None:
    path = _file(tmp_path / "sales.csv", "Stadt;Umsatz\nKöln;3\n".encode("cp1252"))
    meta = measure(path, detect(path, "sales.csv")).meta
    assert meta == {"encoding": "cp1252", "lines": 2, "delimiter": ";", "columns": ["Stadt", "Umsatz"]}


def _code(tmp_path: Path, data: bytes, content_type: str) -> str:
    with pytest.raises(Refused) as refused:
        measure(_file(tmp_path / "x", data), ACCEPTED[content_type])
    assert str(refused.value)
    return str(refused.value.refusal["code"])


@pytest.mark.parametrize(
    ("data", "content_type", "code"),
    [
        (files.picture(kind="JPEG"), "image/png", "type_mismatch"),
        (b"MZ" + b"\0" * 512, "image/png", "type_mismatch"),
        (b"just words", "video/mp4", "type_mismatch"),
        (files.picture(), "text/csv", "type_mismatch"),
        (files.SVG, "image/png", "active_content"),
        (b"<!doctype html><script>1</script>", "image/jpeg", "active_content"),
        (files.picture()[:900], "image/png", "damaged"),
        (files.picture(kind="JPEG")[:900], "image/jpeg", "damaged"),
        (b"a,b\n\0\1\2", "text/csv", "not_text"),
        (b'{"a": [1, 2', "application/json", "damaged"),
        (b"[" * 100_000, "application/json", "damaged"),
        (b'{"a":1}\n{"b"', "application/x-ndjson", "damaged"),
        (b"PAR1 cut short", "application/vnd.apache.parquet", "damaged"),
        (b"%PDF-1.7 cut short", "application/pdf", "damaged"),
        (b"", "text/plain", "empty"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav", "damaged"),
        (b"\xff\xfb" + b"\0" * 100, "audio/mpeg", "damaged"),
    ],
)
def test_lies_and_damage_are_refused(tmp_path: Path, data: bytes, content_type: str, code: str) -> None:
    assert _code(tmp_path, data, content_type) == code


@pytest.mark.parametrize("side", [10_001, 50_000])
def test_too_many_pixels_are_refused_by_the_header(tmp_path: Path, side: int) -> None:
    with pytest.raises(Refused) as refused:
        measure(_file(tmp_path / "x", files.png_header_only(side, side)), ACCEPTED["image/png"])
    assert refused.value.refusal == {"code": "too_many_pixels", "width": side, "height": side, "limit": 100}


def test_cut_short_video_is_refused(tmp_path: Path) -> None:
    whole = files.video(tmp_path / "clip.mp4", frames=72).read_bytes()
    for part in (0.97, 0.5, 0.02):
        assert _code(tmp_path, whole[: int(len(whole) * part)], "video/mp4") == "damaged"


@pytest.mark.parametrize(
    ("name", "announced"),
    [("a.srt", "application/x-subrip"), ("a.vtt", "text/vtt"), ("a.srt", ""), ("a.ass", "application/octet-stream")],
)
def test_subtitles_are_text(name: str, announced: str) -> None:
    accepted = kinds.accepted_for(name, announced)
    assert accepted and accepted.content_type == "text/plain"
