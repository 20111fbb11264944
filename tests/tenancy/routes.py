"""Every way into the site, walked; and the table that says who may use it, read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from apps.workspaces.models import Role

MATRIX = Path(__file__).with_name("matrix.txt")
_ARGUMENT = re.compile(r"[<{](?:\w+:)?(\w+)[>}]")


# Permissions that only admins have.
ADMINS = ("keys:write", "members:write", "billing:write", "audit:read")


@dataclass(frozen=True)
class Line:
    """One line of the matrix."""

    kind: str
    methods: tuple[str, ...]
    path: str
    need: str

    @property
    def arguments(self) -> list[str]:
        """Names of the ids in the path, the workspace left out."""
        return [name for name in _ARGUMENT.findall(self.path) if name != "workspace"]

    @property
    def scope(self) -> str:
        """The scope of an operation."""
        return self.need.removesuffix("+")

    @property
    def least(self) -> Role:
        """The lowest role whose members have an operation's scope; ``+`` lets guests in."""
        if self.need.endswith("+"):
            return Role.GUEST
        reading = {"read": Role.VIEWER, "comments:write": Role.VIEWER}
        return reading.get(self.need, Role.ADMIN if self.need in ADMINS else Role.EDITOR)

    @property
    def key(self) -> str:
        """What the bodies are kept under."""
        return f"{self.methods[0]} {self.path}"

    def __str__(self) -> str:
        return f"{','.join(self.methods)} {self.path}"

    def url(self, slug: str, values: dict[str, Any]) -> str:
        """The path with everything filled in."""
        filled = _ARGUMENT.sub(lambda found: str({**values, "workspace": slug}[found.group(1)]), self.path)
        return f"/api/v1{filled}" if self.kind == "api" else f"/{filled}"


def lines() -> list[Line]:
    """The matrix."""
    found = []
    for text in MATRIX.read_text().splitlines():
        if words := text.partition("#")[0].split():
            kind, methods, path, *need = words
            found.append(Line(kind, tuple(methods.split(",")), path.strip('"'), need[0] if need else ""))
    return found


def page_paths() -> Iterator[str]:
    """Every path of the URLconf, the API's operations left out."""
    yield from (path for path in _walk(get_resolver(), "") if not _is_operation(path))


def _walk(resolver: URLResolver, prefix: str) -> Iterator[str]:
    for entry in resolver.url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield path
        else:
            yield from _walk(entry, path)


def _is_operation(path: str) -> bool:
    return path.startswith("api/v1/") and path not in {"api/v1/", "api/v1/openapi.json", "api/v1/docs"}


def operations() -> Iterator[tuple[str, str, str]]:
    """Method, path and scope of every operation of the API. An operation without authentication has scope "".

    A ``+`` after the scope says that guests are let in.
    """
    from config.api import api

    for prefix, router in api._routers:
        for path, view in router.path_operations.items():
            for operation in view.operations:
                scopes = [
                    getattr(check, "scope", "") + "+" * getattr(check, "guests", False)
                    for check in operation.auth_callbacks or []
                ]
                for method in operation.methods:
                    plain = re.sub(r"\{\w+:(\w+)\}", r"{\1}", f"{prefix}{path}")
                    yield method, plain, scopes[0] if scopes else ""


def sockets() -> Iterator[str]:
    """The path of every socket."""
    from config.routing import websocket_urlpatterns

    yield from (str(entry.pattern) for entry in websocket_urlpatterns)


def is_named(path: str, table: set[str]) -> bool:
    """Whether the table has the path, itself or by a ``prefix/*``."""
    return path in table or any(name.endswith("*") and path.startswith(name[:-1]) for name in table)
