"""What is taken: every content type with its kind, its decoder, and how large it may be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from django.conf import settings
from django.utils.translation import gettext as _

from apps.assets.models import Kind

MB = 1024**2
# More than this many pixels cost more memory to decode than a worker has.
PIXELS_MAX: Final = 100_000_000
LIMITS: Final = {Kind.IMAGE: 100 * MB, Kind.AUDIO: 500 * MB, Kind.TABLE: 1024 * MB, Kind.FILE: 100 * MB}


@dataclass(frozen=True)
class Accepted:
    """A content type that is taken. ``family`` names the decoder; types of one family may stand for each other."""

    content_type: str
    name: str
    kind: Kind
    family: str
    extensions: tuple[str, ...]
    decoder: str = ""


def _image(content_type: str, name: str, decoder: str, *extensions: str) -> Accepted:
    return Accepted(content_type, name, Kind.IMAGE, decoder, extensions, decoder)


def _media(content_type: str, name: str, kind: Kind, demuxer: str, *extensions: str) -> Accepted:
    return Accepted(content_type, name, kind, demuxer, extensions, demuxer)


_ALL = (
    _image("image/png", "PNG", "PNG", ".png"),
    _image("image/jpeg", "JPEG", "JPEG", ".jpg", ".jpeg"),
    _image("image/webp", "WebP", "WEBP", ".webp"),
    _image("image/gif", "GIF", "GIF", ".gif"),
    _image("image/avif", "AVIF", "AVIF", ".avif"),
    _image("image/tiff", "TIFF", "TIFF", ".tif", ".tiff"),
    _image("image/bmp", "BMP", "BMP", ".bmp"),
    _media("video/mp4", "MP4", Kind.VIDEO, "mov", ".mp4", ".m4v"),
    _media("video/quicktime", "QuickTime", Kind.VIDEO, "mov", ".mov"),
    _media("audio/mp4", "M4A", Kind.AUDIO, "mov", ".m4a"),
    _media("video/webm", "WebM", Kind.VIDEO, "matroska", ".webm"),
    _media("video/x-matroska", "Matroska", Kind.VIDEO, "matroska", ".mkv"),
    _media("audio/mpeg", "MP3", Kind.AUDIO, "mp3", ".mp3"),
    _media("audio/wav", "WAV", Kind.AUDIO, "wav", ".wav"),
    _media("audio/flac", "FLAC", Kind.AUDIO, "flac", ".flac"),
    _media("audio/ogg", "Ogg", Kind.AUDIO, "ogg", ".ogg", ".oga", ".opus"),
    Accepted("text/csv", "CSV", Kind.TABLE, "text", (".csv",)),
    Accepted("text/tab-separated-values", "TSV", Kind.TABLE, "text", (".tsv",)),
    Accepted("application/x-ndjson", "JSON Lines", Kind.TABLE, "ndjson", (".jsonl", ".ndjson")),
    Accepted("application/vnd.apache.parquet", "Parquet", Kind.TABLE, "parquet", (".parquet",)),
    Accepted("application/vnd.apache.arrow.file", "Arrow", Kind.TABLE, "arrow", (".arrow", ".feather")),
    Accepted("application/json", "JSON", Kind.FILE, "json", (".json",)),
    Accepted("text/plain", "text", Kind.FILE, "text", (".txt", ".log", ".srt", ".vtt", ".ass", ".ssa")),
    Accepted("text/markdown", "Markdown", Kind.FILE, "text", (".md",)),
    Accepted("application/pdf", "PDF", Kind.FILE, "pdf", (".pdf",)),
)
ACCEPTED: Final = {accepted.content_type: accepted for accepted in _ALL}
# Bytes of our own making that are none of the above are kept as they are, for download only.
OPAQUE: Final = Accepted("application/octet-stream", "binary", Kind.FILE, "opaque", ())
ALIASES: Final = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-ms-bmp": "image/bmp",
    "video/x-m4v": "video/mp4",
    "audio/mp3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/x-m4a": "audio/mp4",
    "audio/opus": "audio/ogg",
    "application/ogg": "audio/ogg",
    "application/parquet": "application/vnd.apache.parquet",
    "application/x-parquet": "application/vnd.apache.parquet",
    "application/jsonl": "application/x-ndjson",
    "application/x-subrip": "text/plain",
    "text/srt": "text/plain",
    "text/vtt": "text/plain",
    "text/x-ssa": "text/plain",
}
# What browsers say when they do not know; the name decides then, and the bytes have the last word.
_VAGUE = {"", "application/octet-stream", "application/vnd.ms-excel"}
_BY_EXTENSION = {extension: accepted for accepted in _ALL for extension in accepted.extensions}
ACTIVE: Final = {"image/svg+xml": "SVG", "text/html": "HTML", "application/xhtml+xml": "HTML"}
ACTIVE_EXTENSIONS: Final = {".svg": "SVG", ".svgz": "SVG", ".html": "HTML", ".htm": "HTML", ".xhtml": "HTML"}


def accepted_for(filename: str, content_type: str) -> Accepted | None:
    """The type an upload announces, by its content type or, where that is vague, by its name; None is not taken."""
    plain = content_type.partition(";")[0].strip().lower()
    if plain in _VAGUE:
        return _BY_EXTENSION.get(PurePath(filename).suffix.lower())
    return ACCEPTED.get(ALIASES.get(plain, plain))


def active_name(filename: str, content_type: str) -> str | None:
    """``SVG`` or ``HTML`` when the upload announces one of them."""
    plain = content_type.partition(";")[0].strip().lower()
    return ACTIVE.get(plain) or ACTIVE_EXTENSIONS.get(PurePath(filename).suffix.lower())


def size_limit(kind: Kind) -> int:
    """The largest upload of a kind, bytes."""
    largest: int = settings.UPLOAD_MAX_BYTES
    return min(LIMITS.get(kind, largest), largest)


def _at(offset: int, magic: bytes, content_type: str) -> tuple[int, bytes, str]:
    return offset, magic, content_type


_SIGNATURES = (
    _at(0, b"\x89PNG\r\n\x1a\n", "image/png"),
    _at(0, b"\xff\xd8\xff", "image/jpeg"),
    _at(8, b"WEBP", "image/webp"),
    _at(0, b"GIF8", "image/gif"),
    _at(4, b"ftypavif", "image/avif"),
    _at(4, b"ftypavis", "image/avif"),
    _at(0, b"II*\0", "image/tiff"),
    _at(0, b"MM\0*", "image/tiff"),
    _at(0, b"BM", "image/bmp"),
    _at(4, b"ftypqt", "video/quicktime"),
    _at(4, b"ftypM4A", "audio/mp4"),
    _at(4, b"ftyphei", ""),
    _at(4, b"ftypmif1", ""),
    _at(4, b"ftyp", "video/mp4"),
    _at(4, b"moov", "video/quicktime"),
    _at(0, b"\x1aE\xdf\xa3", "video/webm"),
    _at(8, b"WAVE", "audio/wav"),
    _at(0, b"fLaC", "audio/flac"),
    _at(0, b"OggS", "audio/ogg"),
    _at(0, b"ID3", "audio/mpeg"),
    _at(0, b"\xff\xfb", "audio/mpeg"),
    _at(0, b"\xff\xf3", "audio/mpeg"),
    _at(0, b"\xff\xfa", "audio/mpeg"),
    _at(0, b"PAR1", "application/vnd.apache.parquet"),
    _at(0, b"ARROW1\0\0", "application/vnd.apache.arrow.file"),
    _at(0, b"%PDF-", "application/pdf"),
)


def signature_of(head: bytes) -> Accepted | None:
    """The type that the first bytes show; None for text and for what is not taken."""
    for offset, magic, content_type in _SIGNATURES:
        if head[offset : offset + len(magic)] == magic:
            return ACCEPTED.get(content_type)
    return None


def active_content(head: bytes) -> str | None:
    """``SVG`` or ``HTML`` when the bytes are markup a browser would run."""
    start = head[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<script")):
        return "HTML"
    if start.startswith((b"<svg", b"<?xml", b"<!doctype svg", b"<!--")) and b"<svg" in head[:65536].lower():
        return "SVG"
    return None


def describe(head: bytes) -> str:
    """A name for bytes that are not what they claim, for the sentence that refuses them."""
    known = signature_of(head)
    if known:
        return known.name
    active = active_content(head)
    if active:
        return active
    import puremagic  # a megabyte of signatures for a sentence that is rarely said

    try:
        guesses = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        guesses = []
    names = [guess.name for guess in guesses if guess.name and guess.confidence >= 0.2]
    if names:
        return str(names[0]).strip()
    return _("binary data") if b"\0" in head else _("text")
