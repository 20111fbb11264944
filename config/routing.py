"""Every socket of the site, collected from the apps."""

from __future__ import annotations

from typing import Any

from apps.billing import routing as billing
from apps.projects import routing as projects
from apps.runs import routing as runs

websocket_urlpatterns: list[Any] = [
    *projects.websocket_urlpatterns,
    *runs.websocket_urlpatterns,
    *billing.websocket_urlpatterns,
]
