"""Where a person is signed in: noted at most every few minutes, so that reading pages writes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from allauth.usersessions.models import UserSession
from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.contrib.auth import logout
from django.http import HttpResponse

from apps.accounts.impersonation import impersonator, is_impersonated, refusal
from apps.accounts.models import User

NOTED_EVERY_S = 300
_NOTED = "session_noted_at"


class SessionMiddleware:
    """Notes address, browser and time of a signed-in session; a page that lists them reads ``UserSession``.

    Staff who look as somebody else are refused here what is not theirs (apps.accounts.impersonation).
    """

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
        return _refused_or_noted(request) or self.get_response(request)

    async def _async(self, request: Any) -> Any:
        refused = await sync_to_async(_refused_or_noted)(request) if request.COOKIES else None
        return refused or await self.get_response(request)


def _refused_or_noted(request: Any) -> HttpResponse | None:
    if request.COOKIES and is_impersonated(request):
        request.impersonator = impersonator(request.session)
        if request.impersonator is None:  # is no staff any more
            logout(request)
        return refusal(request)  # and not noted: it is not the person's browser
    _note(request)
    return None


def sessions_end(*, user: User) -> int:
    """Sign a person out of every browser; how many there were."""
    rows = list(UserSession.objects.filter(user=user))
    for row in rows:
        row.end()
    return len(rows)


def _note(request: Any) -> None:
    session = request.session
    if not session.session_key or session.get("_auth_user_id") is None:
        return
    now = int(time.time())
    if now - session.get(_NOTED, 0) < NOTED_EVERY_S or not request.user.is_authenticated:
        return
    session[_NOTED] = now
    UserSession.objects.create_from_request(request)
