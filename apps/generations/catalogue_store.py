"""The staff's catalogue entries, laid over those that come with the product, in every process within moments."""

from __future__ import annotations

import time
from datetime import datetime
from threading import Lock
from typing import Any

import structlog
from django.db import DatabaseError
from django.db.models import Max

from apps.generations.models import CatalogueEntry
from apps.providers.catalogue import models_replace
from apps.providers.entries import EntryInvalid

log = structlog.get_logger(__name__)
# How old what a process knows may be.
EVERY_S = 3.0
_lock = Lock()
_looked = 0.0
_known: tuple[datetime | None, int] | None = None


def catalogue_sync(**_: Any) -> None:
    """Look whether an entry has changed, now and then; called before each request and task."""
    global _looked
    if time.monotonic() - _looked < EVERY_S or not _lock.acquire(blocking=False):
        return
    try:
        _looked = time.monotonic()
        _load_changed()
    except DatabaseError as error:
        log.warning("catalogue not read", action="catalogue_sync", error=str(error))
    finally:
        _lock.release()


def catalogue_forget() -> None:
    """Look again at the next chance."""
    global _looked, _known
    _looked, _known = 0.0, None


def _load_changed() -> None:
    global _known
    told = CatalogueEntry.objects.aggregate(newest=Max("changed_at"))
    stamp = (told["newest"], CatalogueEntry.objects.filter(active=True).count())
    if stamp == _known or (_known is None and stamp == (None, 0)):
        return
    newest = {
        row.model: row.document for row in CatalogueEntry.objects.filter(active=True).order_by("model", "version")
    }
    try:
        models_replace(newest.values())
    except EntryInvalid as error:
        log.error("catalogue entry refused", action="catalogue_sync", error=str(error))
    _known = stamp
