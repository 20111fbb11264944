"""The one entrance for HTTP and WebSockets."""

from __future__ import annotations

import os
from typing import Any

import django
from asgiref.sync import sync_to_async
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


_http = Handler()

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402

from apps.common.logs import configure  # noqa: E402
from config.routing import websocket_urlpatterns  # noqa: E402

configure()
application = ProtocolTypeRouter(
    {
        "http": _http,
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
