"""The tenant scope: fail-closed. Without a scope a query on tenant data is an error, never "everything"."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any
from uuid import UUID

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest

_NONE = object()
_ALL = object()
_scope: ContextVar[object] = ContextVar("tenant_scope", default=_NONE)


class ScopeError(RuntimeError):
    """Tenant data was queried outside of any workspace scope."""


def current_workspace_id() -> UUID | None:
    """The workspace in scope; None inside :func:`unscoped`; ScopeError outside of both."""
    value = _scope.get()
    if value is _NONE:
        raise ScopeError(ScopeError.__doc__)
    return value if isinstance(value, UUID) else None


def scope_enter(workspace_id: UUID) -> Token[object]:
    """Open the scope for the rest of this request or task; prefer :func:`scope`."""
    return _scope.set(workspace_id)


@contextmanager
def scope(workspace_id: UUID) -> Iterator[None]:
    """Limit every tenant query inside to one workspace."""
    token = _scope.set(workspace_id)
    try:
        yield
    finally:
        _scope.reset(token)


@contextmanager
def unscoped(reason: str) -> Iterator[None]:
    """Let a sweeper or a look-up by secret see all workspaces; ``reason`` is for whoever reads the code."""
    if not reason:
        raise ValueError("unscoped() needs a reason")
    token = _scope.set(_ALL)
    try:
        yield
    finally:
        _scope.reset(token)


class TenancyMiddleware:
    """No scope survives a request: views and API authentication open it, this closes it."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if self._is_async:
            return self._async(request)
        token = _scope.set(_NONE)
        try:
            return self.get_response(request)
        finally:
            _scope.reset(token)

    async def _async(self, request: HttpRequest) -> Any:
        _scope.set(_NONE)
        try:
            return await self.get_response(request)
        finally:
            # The token of another context cannot be reset here; setting is enough, each request has its own context.
            _scope.set(_NONE)
