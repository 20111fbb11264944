"""Hanging up on a client without a word, for the order that asks to lose its answer."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from typing import Any

from django.http import HttpRequest

DESCRIPTORS = 4096


def connection_drop(request: HttpRequest) -> bool:
    """Shut the client's connection of this request; False where it could not be found (behind a proxy, say)."""
    scope: dict[str, Any] = getattr(request, "scope", {})
    client = tuple(scope.get("client") or ())
    if len(client) < 2:
        return False
    for descriptor in range(3, DESCRIPTORS):
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode) and _peer(descriptor) == client[:2]:
                with socket.socket(fileno=os.dup(descriptor)) as connection:
                    connection.shutdown(socket.SHUT_RDWR)
                return True
    return False


def _peer(descriptor: int) -> tuple[Any, ...]:
    with socket.socket(fileno=os.dup(descriptor)) as connection:
        return tuple(connection.getpeername()[:2])
