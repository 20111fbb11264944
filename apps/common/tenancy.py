"""The tenant scope: fail-closed. Without a scope a query on tenant data is an error, never "everything"."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest

P = ParamSpec("P")
R = TypeVar("R")
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


def scope_text() -> str:
    """The scope as the database's policies read it: a workspace's id, ``*`` for all, "" for none."""
    value = _scope.get()
    return "" if value is _NONE else "*" if value is _ALL else str(value)


def is_open() -> bool:
    """Whether there is a scope, or :func:`unscoped`."""
    return _scope.get() is not _NONE


def scope_key() -> object:
    """The scope for :func:`again`; ScopeError outside of any."""
    current_workspace_id()
    return _scope.get()


@contextmanager
def again(key: object) -> Iterator[None]:
    """Enter the scope that :func:`scope_key` told (or a workspace's, by its id) once more."""
    token = _scope.set(key)
    try:
        yield
    finally:
        _scope.reset(token)


@contextmanager
def scope_or_unscoped(reason: str) -> Iterator[None]:
    """The scope that is open, whichever; without one as :func:`unscoped`: for what is found by an id of its own."""
    if is_open():
        yield
        return
    with unscoped(reason):
        yield


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


def scoped(function: Callable[P, R]) -> Callable[P, R]:
    """Have a function work in the scope of its keyword ``workspace_id``: what a task does for one workspace."""

    @wraps(function)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        workspace_id: Any = kwargs["workspace_id"]
        with scope(workspace_id):
            return function(*args, **kwargs)

    return inner


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
