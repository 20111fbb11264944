"""The tenant scope: fail-closed. Without a scope a query on tenant data is an error, never "everything"."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, cast
from uuid import UUID

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.db.models import Q, QuerySet
from django.http import HttpRequest

_NONE = object()
_ALL = object()
_scope: ContextVar[object] = ContextVar("tenant_scope", default=_NONE)


class Reader(Protocol):
    """A member whose sight of projects limits what queries answer. Tasks and sweepers read without one."""

    def seen(self, path: str) -> Q:
        """Rows whose project id, at the look-up ``path``, is one that the member sees."""

    def limit(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Only the rows that the member may see; a model says by ``PROJECT`` what its rows belong to."""


_reader: ContextVar[Reader | None] = ContextVar("tenant_reader", default=None)


class ScopeError(RuntimeError):
    """Tenant data was queried outside of any workspace scope."""


def current_workspace_id() -> UUID | None:
    """The workspace in scope; None inside :func:`unscoped`; ScopeError outside of both."""
    value = _scope.get()
    if value is _NONE:
        raise ScopeError(ScopeError.__doc__)
    # Whatever else it is, it is one workspace: an id that somebody passed as text must not mean all of them.
    return None if value is _ALL else cast(UUID, value)


def is_open() -> bool:
    """Whether there is a scope, or :func:`unscoped`."""
    return _scope.get() is not _NONE


def scope_text() -> str:
    """The scope as the database's policies read it: a workspace's id, or ``*`` for all; ScopeError outside of both."""
    workspace_id = current_workspace_id()
    if isinstance(workspace_id, UUID):
        return str(workspace_id)
    return "*" if workspace_id is None else str(UUID(workspace_id))


def scope_key() -> object:
    """The scope, for :func:`again`; None outside of any."""
    return _scope.get() if is_open() else None


@contextmanager
def again(key: object) -> Iterator[None]:
    """Enter the scope that :func:`scope_key` told (or a workspace's, by its id) once more; None changes nothing."""
    if key is None:
        yield
        return
    token = _scope.set(key)
    try:
        yield
    finally:
        _scope.reset(token)


def current_reader() -> Reader | None:
    """The member who reads; None for work of the site itself."""
    return _reader.get()


def scope_enter(workspace_id: UUID, reader: Reader | None) -> None:
    """Open the scope for the rest of this request, for ``reader``; prefer :func:`scope`."""
    _scope.set(workspace_id)
    _reader.set(reader)


@contextmanager
def scope(workspace_id: UUID, reader: Reader | None = None) -> Iterator[None]:
    """Limit every tenant query inside to one workspace, and to what ``reader`` sees.

    Inside of the same workspace's scope the reader stays who they were: a service cannot widen it by accident.
    """
    kept = _reader.get() if reader is None and _scope.get() == workspace_id else reader
    token, reading = _scope.set(workspace_id), _reader.set(kept)
    try:
        yield
    finally:
        _scope.reset(token)
        _reader.reset(reading)


@contextmanager
def all_projects(reason: str) -> Iterator[None]:
    """Let a member's request use what they need not see, inside of the same workspace; ``reason`` as for unscoped."""
    if not reason:
        raise ValueError("all_projects() needs a reason")
    reading = _reader.set(None)
    try:
        yield
    finally:
        _reader.reset(reading)


@contextmanager
def unscoped(reason: str) -> Iterator[None]:
    """Let a sweeper or a look-up by secret see all workspaces; ``reason`` is for whoever reads the code."""
    if not reason:
        raise ValueError("unscoped() needs a reason")
    token, reading = _scope.set(_ALL), _reader.set(None)
    try:
        yield
    finally:
        _scope.reset(token)
        _reader.reset(reading)


@contextmanager
def scope_or_unscoped(reason: str) -> Iterator[None]:
    """The scope that is open, whichever; without one as :func:`unscoped`: for what is found by an id of its own."""
    if is_open():
        yield
        return
    with unscoped(reason):
        yield


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
        token, reading = _scope.set(_NONE), _reader.set(None)
        try:
            return self.get_response(request)
        finally:
            _scope.reset(token)
            _reader.reset(reading)

    async def _async(self, request: HttpRequest) -> Any:
        _scope.set(_NONE)
        _reader.set(None)
        try:
            return await self.get_response(request)
        finally:
            # The token of another context cannot be reset here; setting is enough, each request has its own context.
            _scope.set(_NONE)
            _reader.set(None)
