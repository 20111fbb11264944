"""Catalogue entries: one document per model. A new model of a known vendor is one entry and no code.

``{"id": "vendor/name", "version": 1, "kind", "title", "description", "capabilities": […], "inputs": {…}, "params": {…},
"call": {…}, "price": {"terms": […], "counts": {…}, "source": address, "as_of": date}, "retired": false}``

``inputs`` and ``params`` are JSON Schemas by name; ``{"$use": "seed"}`` takes one of ``models/shared.json``, with the
members beside it laid over. ``call`` is the vendor adapter's own: which address, and what its names for things are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any, Literal, get_args

from apps.providers.prices import Price

Kind = Literal["image", "video", "audio", "text"]
Capability = Literal[
    "text-to-image",
    "image-edit",
    "image-upscale",
    "image-to-text",
    "text-to-video",
    "image-to-video",
    "video-extend",
    "text-to-text",
    "text-to-speech",
    "text-to-music",
    "workflow",
]
KINDS: tuple[str, ...] = get_args(Kind)
CAPABILITIES: tuple[str, ...] = get_args(Capability)
_NEEDED = ("id", "kind", "title", "description", "capabilities", "inputs", "params", "price")
_KNOWN = {*_NEEDED, "version", "call", "retired", "note"}


class EntryInvalid(ValueError):
    """This catalogue entry cannot be used; the message says what to change."""


def built_in() -> Iterator[dict[str, Any]]:
    """The entries that come with the product, vendor by vendor, in the order people see them."""
    folder = resources.files("apps.providers").joinpath("models")
    for file in sorted(folder.iterdir(), key=lambda file: (file.name != "sandbox.json", file.name)):
        if file.name.endswith(".json") and file.name != "shared.json":
            yield from json.loads(file.read_text(encoding="utf-8"))


def _shared() -> dict[str, Any]:
    file = resources.files("apps.providers").joinpath("models/shared.json")
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


SHARED = _shared()


def schemas(written: Mapping[str, Any]) -> dict[str, Any]:
    """Schemas by name with the shared ones filled in."""
    return {name: _schema(name, schema) for name, schema in written.items()}


def _schema(name: str, written: Mapping[str, Any]) -> dict[str, Any]:
    if "$use" not in written:
        return dict(written)
    if written["$use"] not in SHARED:
        raise EntryInvalid(f"{name}: there is no shared schema called {written['$use']}")
    own = {key: value for key, value in written.items() if key != "$use"}
    return {**SHARED[written["$use"]], **own}


def entry_check(entry: Mapping[str, Any]) -> None:
    """EntryInvalid when something needed is missing or what is there cannot be."""
    missing = [name for name in _NEEDED if name not in entry]
    if missing:
        raise EntryInvalid(f"missing: {', '.join(missing)}")
    if unknown := sorted(set(entry) - _KNOWN):
        raise EntryInvalid(f"not known: {', '.join(unknown)}")
    vendor, slash, name = str(entry["id"]).partition("/")
    if not (vendor and slash and name):
        raise EntryInvalid("id must be vendor/name")
    if entry["kind"] not in KINDS:
        raise EntryInvalid(f"kind must be one of {', '.join(KINDS)}")
    if strange := sorted(set(entry["capabilities"]) - set(CAPABILITIES)):
        raise EntryInvalid(f"capabilities: there is no {', '.join(strange)}")
    for where in ("params", "inputs"):
        for field, schema in schemas(entry[where]).items():
            if not schema.get("title"):
                raise EntryInvalid(f"{where}: {field} needs a title")
    try:
        Price.of(entry["price"])
    except (ValueError, KeyError, TypeError) as error:
        raise EntryInvalid(f"price: {error}") from error
