"""The staff's catalogue entries, laid over those that come with the product, in every process within moments."""

from __future__ import annotations

import structlog

from apps.common.stamped import Stamped
from apps.generations.models import CatalogueEntry
from apps.providers.catalogue import models_replace
from apps.providers.entries import EntryInvalid

log = structlog.get_logger(__name__)


def _load() -> None:
    """One that cannot be used is left out with all others, and said in the log."""
    rows = CatalogueEntry.objects.filter(active=True).order_by("model", "version")
    try:
        models_replace({row.model: row.document for row in rows}.values())
    except EntryInvalid as error:
        log.error("catalogue entry refused", action="catalogue_load", error=str(error))


CATALOGUE = Stamped("generations.catalogue", _load)
