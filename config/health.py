"""Is the process alive, and can it reach what it needs?"""

from __future__ import annotations

from collections.abc import Callable

import redis
import structlog
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse

from apps.common.object_requests import bucket_check
from apps.console.banners import ANNOUNCEMENTS
from apps.generations.catalogue_store import CATALOGUE
from apps.workspaces.switches import SWITCHES
from config.celery import app

log = structlog.get_logger(__name__)


def healthz(request: HttpRequest) -> JsonResponse:
    """200 as long as this process answers."""
    return JsonResponse({"ok": True})


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    # Whoever brings traffic here asks first whether we are ready: then what the staff keep (models, switches,
    # announcements) is known before it comes.
    CATALOGUE.first()
    SWITCHES.first()
    ANNOUNCEMENTS.first()


def _redis() -> None:
    redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2).ping()


def _lanes_heard(limit: int | None) -> set[str]:
    """The lanes that answering workers listen on. With ``limit`` it need not wait out the second."""
    answers = app.control.inspect(timeout=1, limit=limit).active_queues() or {}
    return {queue["name"] for queues in answers.values() for queue in queues}


def _workers() -> None:
    lanes = {"control", "io", "work"}
    # The first three answers are enough where there is one worker per lane; with more hosts all are heard.
    missing = lanes - _lanes_heard(len(lanes)) and lanes - _lanes_heard(None)
    if missing:
        raise RuntimeError(f"no worker listens on {', '.join(sorted(missing))}")


PARTS: dict[str, Callable[[], None]] = {
    "database": _database,
    "redis": _redis,
    "storage": bucket_check,
    "workers": _workers,
}


def readyz(request: HttpRequest) -> JsonResponse:
    """JSON per part; 503 when one cannot be reached."""
    answer: dict[str, object] = {}
    for name, probe in PARTS.items():
        try:
            probe()
            answer[name] = {"ok": True}
        except Exception as error:  # any failure of a part is the answer, not an accident
            log.warning("part not ready", action="readyz", part=name, error=str(error))
            answer[name] = {"ok": False, "error": type(error).__name__}
    ok = all(part["ok"] for part in answer.values() if isinstance(part, dict))
    return JsonResponse({"ok": ok, **answer}, status=200 if ok else 503)
