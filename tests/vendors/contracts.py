"""Vendors' official descriptions, read when a test runs: they are not part of this repository."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from email.parser import BytesParser
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from tests.vendors.server import Request

FOLDER = Path(os.environ.get("CONTRACTS_DIR") or Path(__file__).resolve().parents[3] / "shared" / "contracts")


def contract(name: str) -> dict[str, Any]:
    """One description as a document; the test is skipped where the folder does not hold it."""
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"{name} is not in {FOLDER}; set CONTRACTS_DIR to where the vendors' descriptions are")
    return _read(path)


@cache
def _read(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text) if path.suffix == ".yaml" else json.loads(text)
    return found


class Schemas:
    """The schemas of an OpenAPI document, by name."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._components = _alternatives(document["components"])
        self._validators: dict[str, Any] = {}

    def problems(self, name: str, value: Any) -> list[str]:
        """What keeps a value from being one of these."""
        if name not in self._validators:
            schema = {"$ref": f"#/components/schemas/{name}", "components": self._components}
            self._validators[name] = jsonschema_rs.Draft202012Validator(schema)
        return [str(error) for error in self._validators[name].iter_errors(value)]

    def unknown(self, name: str, value: Mapping[str, Any]) -> list[str]:
        """The members of a request that the description does not name, whether it forbids them or not."""
        return sorted(set(value) - self._names(self._components["schemas"][name]))

    def _names(self, schema: Mapping[str, Any]) -> set[str]:
        if "$ref" in schema:
            return self._names(self._components["schemas"][schema["$ref"].rsplit("/", 1)[1]])
        inherited = [self._names(part) for part in schema.get("allOf", ())]
        return set(schema.get("properties", {})).union(*inherited)


def _alternatives(schema: Any) -> Any:
    """ "One of" as "any of": a plain message is two of OpenAI's input items at once, told apart by a discriminator,
    which JSON Schema knows nothing of."""
    if isinstance(schema, list):
        return [_alternatives(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {"anyOf" if name == "oneOf" else name: _alternatives(value) for name, value in schema.items()}


def form_read(request: Request) -> tuple[dict[str, str], list[tuple[str, str, bytes]]]:
    """The fields of a multipart form, and its files as (field, type, bytes)."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    fields: dict[str, str] = {}
    files: list[tuple[str, str, bytes]] = []
    for part in BytesParser().parsebytes(head + request.body).walk():
        name, content = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(content, bytes):
            continue
        if part.get_filename():
            files.append((name, part.get_content_type(), content))
        else:
            fields[name] = content.decode()
    return fields, files
