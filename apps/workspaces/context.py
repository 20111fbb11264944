"""What every template may show of the workspace, the person's other workspaces, and the theme they chose."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from apps.workspaces.models import Workspace

THEME_COOKIE = "millrace_theme"
THEMES = frozenset({"dark", "light"})


def _mine(request: HttpRequest) -> list[Workspace]:
    if request.user.pk is None:
        return []
    return list(Workspace.objects.filter(memberships__user_id=request.user.pk).order_by("name", "id")[:100])


def workspace(request: HttpRequest) -> dict[str, Any]:
    """``workspace`` and ``membership`` of this page, None on pages outside of one; ``theme`` is "" for the system's."""
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    return {
        "workspace": getattr(request, "workspace", None),
        "membership": getattr(request, "membership", None),
        "my_workspaces": SimpleLazyObject(lambda: _mine(request)),
        "theme": chosen if chosen in THEMES else "",
    }
