"""Subtitles as they are written: SRT, WebVTT and the dialogue of ASS, read strictly. A mistake names its line."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from apps.engine.node_types import NodeFailure
from apps.wording import gettext as _

CUES_MAX = 10_000
TEXT_MAX = 2_000_000
_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s+.*)?\s*\Z")
_ASS_TIME = re.compile(r"\s*(\d{1,3}):(\d{1,2}):(\d{1,2})\.(\d{1,3})\s*\Z")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<\d[\d:.]*>|\{\\[^{}]*\}")
_ASS_OVERRIDE = re.compile(r"\{[^{}]*\}")
_SKIPPED = ("NOTE", "STYLE", "REGION")


@dataclass(frozen=True)
class Cue:
    """A text and when it is shown, seconds."""

    start: float
    end: float
    text: str


def cues_of(text: str) -> list[Cue]:
    """The cues in the order of their times. NodeFailure names the line that cannot be read."""
    if len(text) > TEXT_MAX:
        raise NodeFailure(_("The subtitles are longer than two million characters."), code="bad-subtitles")
    lines = text.lstrip("\ufeff").splitlines()
    is_ass = any(line.strip().lower() == "[events]" for line in lines)
    found = list(_ass(lines) if is_ass else _blocks(lines))
    if not found:
        raise NodeFailure(_("There is nothing to show in the subtitles."), code="empty")
    if len(found) > CUES_MAX:
        message = _("There are more than %(limit)s subtitles.", limit=f"{CUES_MAX:,}")
        raise NodeFailure(message, code="too-many")
    return sorted(found, key=lambda cue: (cue.start, cue.end))


def _wrong(line: int, message: str) -> NodeFailure:
    return NodeFailure(_("Subtitles, line %(line)s: %(problem)s", line=line, problem=message), code="bad-subtitles")


def _blocks(lines: list[str]) -> Iterator[Cue]:
    """SRT and WebVTT: a number or a name if there is one, the times, the text, an empty line."""
    at = 0
    if lines and lines[0].startswith("WEBVTT"):
        at = _after_block(lines, 0)
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        if lines[at].split(" ")[0].strip() in _SKIPPED and "-->" not in lines[at]:
            at = _after_block(lines, at)
            continue
        times = at if "-->" in lines[at] else at + 1
        start, end = _times(lines, times)
        last = _after_block(lines, times)
        text = html.unescape(_TAG.sub("", "\n".join(lines[times + 1 : last]))).strip()
        if text:
            yield Cue(start, end, text)
        at = last


def _after_block(lines: list[str], at: int) -> int:
    while at < len(lines) and lines[at].strip():
        at += 1
    return at


def _times(lines: list[str], at: int) -> tuple[float, float]:
    found = _TIMES.match(lines[at]) if at < len(lines) else None
    if not found:
        raise _wrong(at + 1, _("here should be times, as in 00:00:01,000 --> 00:00:02,500."))
    parts = found.groups()
    start, end = _seconds(*parts[:4]), _seconds(*parts[4:])
    if end <= start:
        raise _wrong(at + 1, _("it ends before it begins."))
    return start, end


def _seconds(hours: str | None, minutes: str, seconds: str, fraction: str) -> float:
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction}")


def _ass(lines: list[str]) -> Iterator[Cue]:
    """The dialogue lines of ASS and SSA; their styles are not obeyed."""
    fields: list[str] = []
    inside = False
    for number, line in enumerate(lines, 1):
        key, _colon, rest = line.partition(":")
        if line.strip().startswith("["):
            inside = line.strip().lower() == "[events]"
        elif inside and key.strip().lower() == "format":
            fields = [name.strip().lower() for name in rest.split(",")]
        elif inside and key.strip().lower() == "dialogue":
            cue = _dialogue(number, fields, rest)
            if cue.text:
                yield cue


def _dialogue(number: int, fields: list[str], rest: str) -> Cue:
    if not {"start", "end", "text"} <= set(fields) or fields[-1] != "text":
        raise _wrong(number, _("before it there should be a line “Format:” with Start, End and, at its end, Text."))
    values = rest.split(",", len(fields) - 1)
    if len(values) < len(fields):
        raise _wrong(number, _("it has fewer parts than the line “Format:” says."))
    row = dict(zip(fields, values, strict=True))
    times = [_ASS_TIME.match(row[name]) for name in ("start", "end")]
    if not times[0] or not times[1]:
        raise _wrong(number, _("here should be times, as in 0:00:01.00,0:00:02.50."))
    start, end = _seconds(*times[0].groups()), _seconds(*times[1].groups())
    if end <= start:
        raise _wrong(number, _("it ends before it begins."))
    text = _ASS_OVERRIDE.sub("", row["text"]).replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ")
    return Cue(start, end, text.strip())
