"""What stands above every page: announcements, and whose eyes staff look through."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from apps.accounts.impersonation import is_impersonated
from apps.common.stamped import Stamped
from apps.console.models import Announcement

DISMISSED_COOKIE = "millrace_dismissed"
DISMISSED_MAX = 20


def banners(request: HttpRequest) -> dict[str, Any]:
    """``announcements`` that this browser has not closed, and ``impersonated``. For every template; no query."""
    return {
        "announcements": SimpleLazyObject(lambda: announcements_for(request)),
        "impersonated": SimpleLazyObject(lambda: is_impersonated(request)),
    }


def announcements_for(request: HttpRequest) -> list[Announcement]:
    """Those of this moment, the newest first."""
    now, closed = timezone.now(), dismissed(request)
    return [row for row in _rows if row.begins_at <= now and not _over(row) and str(row.id) not in closed]


def dismissed(request: HttpRequest) -> list[str]:
    """Ids that this browser has closed, the oldest first."""
    return [text for text in request.COOKIES.get(DISMISSED_COOKIE, "").split(".") if text][-DISMISSED_MAX:]


def dismissed_with(request: HttpRequest, announcement_id: UUID) -> str:
    """The cookie once this one is closed too."""
    kept = [text for text in dismissed(request) if text != str(announcement_id)]
    return ".".join([*kept, str(announcement_id)][-DISMISSED_MAX:])


def _over(row: Announcement) -> bool:
    return row.ends_at is not None and row.ends_at <= timezone.now()


_rows: list[Announcement] = []


def _load() -> None:
    global _rows
    _rows = [row for row in Announcement.objects.order_by("-begins_at")[:50] if not _over(row)]


ANNOUNCEMENTS = Stamped("console.announcements", _load)
