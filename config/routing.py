"""Every socket of the site, collected from the apps."""

from __future__ import annotations

from apps.billing import routing as billing
from apps.projects import routing as projects
from apps.runs import routing as runs

websocket_urlpatterns = [
    *projects.websocket_urlpatterns,
    *runs.websocket_urlpatterns,
    *billing.websocket_urlpatterns,
]
