"""Messages reach a page that htmx changes only in part: as an ``HX-Trigger`` event that the page turns into toasts."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin
from django_htmx.http import trigger_client_event

LEVELS = {messages.SUCCESS: "success", messages.WARNING: "warning", messages.ERROR: "error"}


class ToastsMiddleware(MiddlewareMixin):
    """Hands waiting messages to htmx; a redirect keeps them for the page it leads to."""

    get_response: Callable[[HttpRequest], HttpResponse]

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Move the messages into the header."""
        if not request.headers.get("HX-Request") or response.status_code // 100 == 3:
            return response
        if "HX-Redirect" in response or "HX-Refresh" in response or "HX-Location" in response:
            return response
        # A whole page answered to htmx (a boosted link) shows its messages itself, and has used them up by now.
        waiting = messages.get_messages(request)
        items = [{"level": LEVELS.get(message.level, "info"), "text": str(message)} for message in waiting]
        if items:
            trigger_client_event(response, "toasts", {"items": items})
        return response
