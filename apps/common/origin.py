"""Who asks, and from where: kept for the length of a request, so that what is written down of an act can say it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest

AGENT_MAX = 300


@dataclass(frozen=True)
class Origin:
    """Where an act comes from. ``person`` and ``token`` are rows, or None; whoever has neither is the system.

    ``staff``: who acts in truth, where staff look at the site as ``person``.
    """

    person: Any = None
    staff: Any = None
    token: Any = None
    address: str = ""
    agent: str = ""


@dataclass(frozen=True)
class _Asked:
    """A request, of which the person and the token are known only once it is authenticated."""

    request: HttpRequest = field(repr=False)

    def origin(self) -> Origin:
        person = getattr(self.request, "user", None)
        known = person is not None and person.is_authenticated
        return Origin(
            person=person if known else None,
            staff=getattr(self.request, "impersonator", None),
            token=getattr(self.request, "token", None),
            address=client_address(self.request.META),
            agent=self.request.META.get("HTTP_USER_AGENT", "")[:AGENT_MAX],
        )


_origin: ContextVar[_Asked | Origin | None] = ContextVar("origin", default=None)


def current_origin() -> Origin:
    """Who acts now; an empty one outside of any request."""
    value = _origin.get()
    return value.origin() if isinstance(value, _Asked) else value or Origin()


@contextmanager
def origin(value: Origin) -> Iterator[None]:
    """Act for somebody: what a socket or a command does."""
    token = _origin.set(value)
    try:
        yield
    finally:
        _origin.reset(token)


def client_address(meta: dict[str, Any]) -> str:
    """The client's address: as the last of our own proxies saw it, else that of the connection.

    Every proxy adds the address it was called from at the end of ``X-Forwarded-For``; what stands before the entries
    of our own (``TRUSTED_PROXY_COUNT`` of them) anybody can have written.
    """
    hops = [hop.strip() for hop in meta.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    trusted: int = settings.TRUSTED_PROXY_COUNT
    if trusted and len(hops) >= trusted:
        return str(hops[-trusted])[:45]
    return str(meta.get("REMOTE_ADDR") or "")[:45]


def socket_origin(scope: Any, *, staff: Any = None) -> Origin:
    """The origin of what a socket's client does, from its ASGI scope; ``staff`` as in :class:`Origin`."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope.get("headers", ())}
    meta = {
        "HTTP_X_FORWARDED_FOR": headers.get("x-forwarded-for", ""),
        "REMOTE_ADDR": (scope.get("client") or [""])[0],
    }
    agent = headers.get("user-agent", "")[:AGENT_MAX]
    person = scope.get("user")
    known = person is not None and person.is_authenticated
    return Origin(person=person if known else None, staff=staff, address=client_address(meta), agent=agent)


class OriginMiddleware:
    """Remembers the request while it is answered."""

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
        token = _origin.set(_Asked(request))
        try:
            return self.get_response(request)
        finally:
            _origin.reset(token)

    async def _async(self, request: HttpRequest) -> Any:
        _origin.set(_Asked(request))
        try:
            return await self.get_response(request)
        finally:
            _origin.set(None)
