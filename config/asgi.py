"""The one entrance for HTTP and WebSockets."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import django
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core.handlers.asgi import ASGIHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)


class Handler(ASGIHandler):
    """Django's handler with its middleware in one thread.

    All views are synchronous, so they run in a thread anyway. Left to itself Django would call each middleware from
    the event loop, and hop to that thread and back for every one of them.
    """

    def load_middleware(self, is_async: bool = False) -> None:
        """The chain as under WSGI, called once per request from the loop."""
        super().load_middleware(is_async=False)
        chain: Any = self._middleware_chain  # type: ignore[has-type]
        self._middleware_chain = sync_to_async(chain, thread_sensitive=True)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request on a thread that others had before it; Django would begin and end one for each."""
        async with _threads.one():
            await self.handle(scope, receive, send)


class Threads:
    """Threads for requests, one each, kept for the next: as many as were ever needed at once."""

    def __init__(self) -> None:
        self._idle: list[ThreadPoolExecutor] = []

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """All synchronous code of this task runs on one thread. Only ever called on the event loop's thread."""
        executor = self._idle.pop() if self._idle else ThreadPoolExecutor(1, thread_name_prefix="request")
        try:
            async with ThreadSensitiveContext(executor=executor):
                yield
        finally:
            self._idle.append(executor)


_threads = Threads()

_http = Handler()

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from daphne import http_protocol  # noqa: E402

from apps.common.logs import configure  # noqa: E402
from config.routing import websocket_urlpatterns  # noqa: E402

# Twisted would read forms and uploads into memory, and the type of every body with the parser for mails (0.3 ms), for
# arguments that nobody asks it for: Django reads bodies itself.
_daphne: Any = http_protocol
_daphne.WebRequest = partial(http_protocol.WebRequest, parsePOSTFormSubmission=False)

configure()
application = ProtocolTypeRouter(
    {
        "http": _http,
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
