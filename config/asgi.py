"""The one entrance for HTTP and WebSockets."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import django
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.signals import request_started
from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)


class Handler(ASGIHandler):
    """Django's handler with a request's synchronous part in one go, on one thread.

    All views are synchronous, so they run in a thread anyway. Left to itself Django would hop to that thread and back
    for what it does before a request, for each middleware, and for what it does after.
    """

    def load_middleware(self, is_async: bool = False) -> None:
        """The chain as under WSGI."""
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request on a thread that others had before it; Django would begin and end one for each."""
        async with _threads.one():
            await self.handle(scope, receive, send)

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        """Read the request, have it answered, send the answer."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        try:
            response = await sync_to_async(self._answer, thread_sensitive=True)(scope, body)
            if response.streaming:
                await self._stream(response, receive, send)
            else:
                await self.send_response(response, send)
        finally:
            body.close()

    def _answer(self, scope: Any, body: Any) -> HttpResponseBase:
        """From the signal that a request begins to the one that it has ended, which a stream gives later."""
        set_script_prefix(get_script_prefix(scope))
        request_started.send(sender=type(self), scope=scope)
        request, refusal = self.create_request(scope, body)
        response: Any = self.get_response(request) if request is not None else refusal
        response._handler_class = type(self)
        if isinstance(response, FileResponse):
            response.block_size = self.chunk_size
        if not response.streaming:
            response.close()
        answer: HttpResponseBase = response
        return answer

    async def _stream(self, response: Any, receive: Any, send: Any) -> None:
        """Send until it ends or nobody listens any more."""
        sending = asyncio.create_task(self.send_response(response, send))
        gone = asyncio.create_task(self.listen_for_disconnect(receive))
        try:
            await asyncio.wait((sending, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, gone):
                task.cancel()
            sent, _gone = await asyncio.gather(sending, gone, return_exceptions=True)
            await sync_to_async(response.close, thread_sensitive=True)()
        if isinstance(sent, Exception):
            raise sent


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
