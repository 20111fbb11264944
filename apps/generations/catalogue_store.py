"""The staff's catalogue entries, laid over those that come with the product, in every process within moments.

A process reads them when it gets ready, and again when the stamp in the cache has changed, which it looks at at times.
"""

from __future__ import annotations

import time
from threading import Lock
from typing import Any
from uuid import uuid4

import structlog
from django.core.cache import cache
from django.db import DatabaseError, transaction
from redis import RedisError

from apps.generations.models import CatalogueEntry
from apps.providers.catalogue import models_replace
from apps.providers.entries import EntryInvalid

log = structlog.get_logger(__name__)
# How old what a process knows may be.
EVERY_S = 3.0
STAMP = "generations.catalogue"
_lock = Lock()
_looked = 0.0
# The stamp of what this process has loaded; None when it could not.
_known: str | None = ""
_loaded = False


def catalogue_load() -> None:
    """Read the entries now. One that cannot be used is left out with all others, and said in the log."""
    global _known, _loaded
    try:
        stamp = _stamp()
        rows = CatalogueEntry.objects.filter(active=True).order_by("model", "version")
        models_replace({row.model: row.document for row in rows}.values())
        _known, _loaded = stamp, True
    except EntryInvalid as error:
        _known = stamp
        log.error("catalogue entry refused", action="catalogue_load", error=str(error))
    except DatabaseError as error:
        _known = None
        log.warning("catalogue not read", action="catalogue_load", error=str(error))


def catalogue_unread() -> None:
    """Load the entries before the next task."""
    global _known
    _known = None


def catalogue_first() -> None:
    """Load the entries unless this process has done so."""
    if not _loaded:
        catalogue_load()


def catalogue_sync(**_: Any) -> None:
    """Load the entries anew if one has changed; called before each request and task."""
    global _looked
    if time.monotonic() - _looked < EVERY_S or not _lock.acquire(blocking=False):
        return
    try:
        _looked = time.monotonic()
        if _stamp() != _known:
            catalogue_load()
    finally:
        _lock.release()


def catalogue_changed(**_: Any) -> None:
    """Tell every process that an entry was written, once that is committed."""
    transaction.on_commit(lambda: cache.set(STAMP, uuid4().hex, timeout=None))


def _stamp() -> str:
    try:
        return str(cache.get(STAMP) or "")
    except RedisError as error:
        log.warning("catalogue's stamp not read", action="catalogue_sync", error=str(error))
        return _known or ""
