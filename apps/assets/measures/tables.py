"""Tables and plain files: text must be text, JSON must parse, columnar files must have both their ends."""

from __future__ import annotations

import codecs
import csv
import json
from pathlib import Path
from typing import Any

from apps.assets.kinds import Accepted
from apps.assets.models import Kind
from apps.assets.refusals import Refused

_CHUNK = 1024 * 1024
_JSON_MAX = 50 * 1024 * 1024
_LINE_MAX = 10 * 1024 * 1024
_COLUMNS_MAX = 200


def measure(path: Path, announced: Accepted, head: bytes) -> dict[str, Any]:
    """``encoding, lines, delimiter, columns`` as far as the type has them. Raises Refused."""
    if announced.family == "text":
        return _text(path, announced, head)
    if announced.family in {"json", "ndjson"}:
        return _json(path, announced)
    if announced.family in {"parquet", "arrow", "pdf"}:
        _check_end(path, announced)
    return {}


def _text(path: Path, announced: Accepted, head: bytes) -> dict[str, Any]:
    encoding = _encoding(path)
    if encoding is None:
        raise Refused("not_text", declared=announced.name)
    with path.open("rb") as file:
        lines = sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(_CHUNK), b""))
    meta: dict[str, Any] = {"encoding": encoding, "lines": lines}
    if announced.kind == Kind.TABLE:
        meta.update(_columns(head.decode(encoding, errors="ignore"), announced))
    return meta


def _encoding(path: Path) -> str | None:
    """``utf-8-sig``, or ``cp1252`` as spreadsheets of older times write; None for bytes that are not text."""
    utf8 = codecs.getincrementaldecoder("utf-8-sig")()
    is_utf8 = True
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(_CHUNK), b""):
            if b"\0" in chunk:
                return None
            is_utf8 = is_utf8 and _decodes(utf8, chunk)
    if is_utf8 and _decodes(utf8, b"", final=True):
        return "utf-8-sig"
    return "cp1252"


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _columns(head: str, announced: Accepted) -> dict[str, Any]:
    delimiter = "\t" if announced.content_type == "text/tab-separated-values" else ","
    if announced.content_type == "text/csv":
        try:
            delimiter = csv.Sniffer().sniff(head[:8192], delimiters=",;\t|").delimiter
        except csv.Error:
            delimiter = ","  # one column
    try:
        first = next(csv.reader(head.splitlines(), delimiter=delimiter), [])
    except csv.Error as error:
        raise Refused("damaged", declared=announced.name) from error
    return {"delimiter": delimiter, "columns": [name[:100] for name in first[:_COLUMNS_MAX]]}


def _json(path: Path, announced: Accepted) -> dict[str, Any]:
    try:
        if announced.family == "ndjson":
            return {"lines": _json_lines(path)}
        if path.stat().st_size > _JSON_MAX:
            raise ValueError("too large to parse at once")
        with path.open("rb") as file:
            json.load(file)
    except (ValueError, RecursionError) as error:
        raise Refused("damaged", declared=announced.name) from error
    return {}


def _json_lines(path: Path) -> int:
    lines = 0
    with path.open("rb") as file:
        while line := file.readline(_LINE_MAX):
            if line.strip():
                json.loads(line)
                lines += 1
    return lines


_ENDS = {"parquet": b"PAR1", "arrow": b"ARROW1", "pdf": b"%%EOF"}


def _check_end(path: Path, announced: Accepted) -> None:
    """These formats close with a mark of their own, so a file cut short lacks it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 2048))
        tail = file.read()
    mark = _ENDS[announced.family]
    if mark not in tail if announced.family == "pdf" else not tail.endswith(mark):
        raise Refused("damaged", declared=announced.name)
