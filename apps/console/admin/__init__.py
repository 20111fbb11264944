"""The admin site's pages, by what they are about. Superusers only."""

from __future__ import annotations

from apps.console.admin import (
    announcements,
    catalogue,
    generations,
    money,
    people,
    purchases,
    runs,
    switches,
    workspaces,
)
from apps.console.admin.titles import titles_put

titles_put()

__all__ = [
    "announcements",
    "catalogue",
    "generations",
    "money",
    "people",
    "purchases",
    "runs",
    "switches",
    "workspaces",
]
