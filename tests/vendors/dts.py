"""TypeScript's type declarations as JSON Schemas: as much of the language as fal's list of endpoints uses."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

_TYPE = re.compile(r"^export (?:declare )?type (\w+) = (.*?);\n(?=export |declare |\Z)", re.S | re.M)
_ENDPOINT = re.compile(r'"([^"]+)": \{\s*input: (\w+);\s*output: (\w+);')
_COMMENT = re.compile(r"/\*.*?\*/", re.S)
_MEMBER = re.compile(r'\s*(?:"([^"]+)"|(\w+))(\?)?:\s*')
_PLAIN: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "null": {"type": "null"},
    "unknown": {},
    "any": {},
    "true": {"const": True},
    "false": {"const": False},
}


class Endpoints:
    """What each endpoint takes and gives."""

    def __init__(self, text: str) -> None:
        self._types = {found[1]: found[2] for found in _TYPE.finditer(_COMMENT.sub("", text))}
        self._named = {found[1]: (found[2], found[3]) for found in _ENDPOINT.finditer(text)}

    def __contains__(self, endpoint: str) -> bool:
        return endpoint in self._named

    def input(self, endpoint: str) -> dict[str, Any]:
        """JSON Schema of a request."""
        return self._whole(self._named[endpoint][0])

    def output(self, endpoint: str) -> dict[str, Any]:
        """JSON Schema of a result."""
        return self._whole(self._named[endpoint][1])

    def _whole(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        left = [name]
        while left:
            one = left.pop()
            if one not in found:
                found[one] = _read(self._types[one])
                left += re.findall(r'"#/\$defs/(\w+)"', json.dumps(found[one]))
        return {"$ref": f"#/$defs/{name}", "$defs": found}


def _read(text: str) -> dict[str, Any]:
    members = _split(text.strip(), "|")
    if len(members) > 1:
        # Files and blobs are uploaded by the vendor's own client first.
        return {"anyOf": [_read(one) for one in members if one not in ("Blob", "File") or "string" not in members]}
    return _single(members[0])


def _single(text: str) -> dict[str, Any]:
    if text in _PLAIN:
        return _PLAIN[text]
    if text.startswith('"'):
        return {"const": json.loads(text)}
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return {"const": float(text)}
    if text.startswith("Array<"):
        return {"type": "array", "items": _read(text[6:-1])}
    if text.startswith("Record<"):
        return {"type": "object", "additionalProperties": _read(_split(text[7:-1], ",")[1])}
    if text.startswith("{"):
        return _object(text[1:-1])
    if text.startswith("("):
        return _read(text[1:-1])
    assert re.fullmatch(r"\w+", text), text
    return {"$ref": f"#/$defs/{text}"}


def _object(text: str) -> dict[str, Any]:
    properties, required = {}, []
    for member in _split(text, ";"):
        found = _MEMBER.match(member)
        if found is None:
            continue
        name = found[1] or found[2]
        properties[name] = _read(member[found.end() :])
        if not found[3]:
            required.append(name)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _split(text: str, by: str) -> list[str]:
    """Parts at the top level, outside of brackets and quotes."""
    parts, depth, quoted, start = [], 0, False, 0
    for at, sign in enumerate(text):
        if sign == '"':
            quoted = not quoted
        elif not quoted and sign in "{(<[":
            depth += 1
        elif not quoted and sign in "})>]":
            depth -= 1
        elif not quoted and sign == by and not depth:
            parts.append(text[start:at].strip())
            start = at + 1
    return [part for part in (*parts, text[start:].strip()) if part]


@cache
def endpoints(path: Path) -> Endpoints:
    """Read once."""
    return Endpoints(path.read_text(encoding="utf-8"))
