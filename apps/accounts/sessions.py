"""Where a person is signed in: noted at most every few minutes, so that reading pages writes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from allauth.usersessions.models import UserSession
from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async

NOTED_EVERY_S = 300
_NOTED = "session_noted_at"


class SessionMiddleware:
    """Notes address, browser and time of a signed-in session; a page that lists them reads ``UserSession``."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: Any) -> Any:
        if self._is_async:
            return self._async(request)
        _note(request)
        return self.get_response(request)

    async def _async(self, request: Any) -> Any:
        if request.COOKIES:
            await sync_to_async(_note)(request)
        return await self.get_response(request)


def _note(request: Any) -> None:
    session = request.session
    if not session.session_key or session.get("_auth_user_id") is None:
        return
    now = int(time.time())
    if now - session.get(_NOTED, 0) < NOTED_EVERY_S or not request.user.is_authenticated:
        return
    session[_NOTED] = now
    UserSession.objects.create_from_request(request)
