"""Copying what a provider made into our storage, before anybody is told of the success."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.assets.models import Asset
from apps.assets.services import Refused, asset_local, asset_store
from apps.common.heartbeat import heartbeat
from apps.engine.types import kind_title
from apps.generations.accounts import provider_of
from apps.generations.execution import timing
from apps.generations.execution.answers import look_later
from apps.generations.execution.settlement import settle_success, settle_without_charge
from apps.generations.models import POLLED, Generation, GenerationState
from apps.providers.base import Output, ProviderError

log = structlog.get_logger(__name__)
# What each kind of model must have made, by our own measure of the bytes.
TEXT_MAX = 1024 * 1024
EXPECTED = {"image": "image", "video": "video", "audio": "audio"}


class BadOutput(Exception):
    """The delivered file is not what was asked for."""


def collect(*, workspace_id: UUID, generation_id: UUID) -> None:
    """Copy, check and settle. Safe to repeat: what is already copied is remembered, settling happens once."""
    generation = _claim(workspace_id, generation_id)
    if generation is None:
        return
    delivery = _delivery(generation)
    try:
        with heartbeat(partial(_renew, generation), every_s=timing.COLLECT_BEAT_S):
            assets = [_copy(generation, position) for position in range(len(delivery["outputs"]))]
            text = _text(generation, assets)
        if not assets and not text:
            raise BadOutput(_("there was nothing in it."))
    except BadOutput as error:
        now = timezone.now()
        settle_without_charge(generation, GenerationState.FAILED, code="bad_output", detail=str(error), now=now)
    except Exception:
        # Our storage, our disk or the transfer: the next look finds the job finished and brings us here again.
        log.exception("outputs not copied", action="generation_collect", generation=str(generation_id))
        _let_go(generation)
    else:
        now = timezone.now()
        settle_success(generation, assets, text=text, usage=delivery.get("usage") or {}, now=now)


def _claim(workspace_id: UUID, generation_id: UUID) -> Generation | None:
    now = timezone.now()
    rows = Generation.objects.for_workspace(workspace_id).filter(id=generation_id)
    free = rows.filter(Q(lease_until=None) | Q(lease_until__lt=now), state__in=POLLED, delivery__isnull=False)
    until = now + timing.COLLECT_CLAIM
    if not free.update(lease_until=until, poll_after=until, fence=F("fence") + 1):
        return None
    return rows.first()


def _renew(generation: Generation) -> None:
    rows = Generation.objects.for_workspace(generation.workspace_id).filter(id=generation.id, state__in=POLLED)
    until = timezone.now() + timing.COLLECT_CLAIM
    rows.filter(fence=generation.fence).update(lease_until=until, poll_after=until)


def _delivery(generation: Generation) -> dict[str, Any]:
    """``outputs`` (as the adapter told them), ``text``, ``usage``, ``stored`` (asset ids by position), ``tries``."""
    return cast("dict[str, Any]", generation.delivery)


def _let_go(generation: Generation) -> None:
    _delivery(generation)["tries"] += 1
    rows = Generation.objects.for_workspace(generation.workspace_id).filter(id=generation.id, state__in=POLLED)
    if rows.filter(fence=generation.fence).update(lease_until=None, delivery=generation.delivery):
        look_later(generation, timezone.now(), at_least_s=2)


def _copy(generation: Generation, position: int) -> Asset:
    """The output as an asset of ours, fetched unless an earlier try already stored it."""
    delivery = _delivery(generation)
    stored = delivery["stored"].get(str(position))
    known = Asset.objects.for_workspace(generation.workspace_id).filter(id=stored).first() if stored else None
    asset = known or _fetch(generation, Output(**delivery["outputs"][position]))
    expected = EXPECTED.get(generation.kind)
    if expected and asset.kind != expected:
        raise BadOutput(
            _("it is %(kind)s, not %(wanted)s.") % {"kind": kind_title(asset.kind), "wanted": kind_title(expected)}
        )
    if known is None:
        delivery["stored"][str(position)] = str(asset.id)
        rows = Generation.objects.for_workspace(generation.workspace_id)
        rows.filter(id=generation.id, fence=generation.fence, state__in=POLLED).update(delivery=generation.delivery)
    return asset


def _text(generation: Generation, assets: list[Asset]) -> str:
    """What a model that writes has written: in its answer, or in the file that it made."""
    told = _delivery(generation).get("text")
    if told is not None or generation.kind != "text" or not assets:
        return str(told or "")
    with asset_local(workspace_id=generation.workspace_id, asset_id=assets[0].id) as path, path.open("rb") as file:
        return file.read(TEXT_MAX).decode(errors="replace").replace("\0", "")


def _fetch(generation: Generation, output: Output) -> Asset:
    with tempfile.TemporaryDirectory(prefix="millrace-") as folder:
        path = Path(folder) / "output"
        try:
            provider_of(generation).fetch(output, path)
        except ProviderError as error:
            # An expired address may be renewed by the next look; a file that is never there is the vendor's fault.
            if error.permanent and (error.code != "not_found" or _delivery(generation)["tries"] >= timing.FETCH_TRIES):
                raise BadOutput(str(error)) from error
            raise
        size = path.stat().st_size
        if not 0 < size <= settings.UPLOAD_MAX_BYTES:
            raise BadOutput(_("the file has %(size)s bytes.") % {"size": f"{size:,}"})
        return _store(generation, path, output.filename)


def _store(generation: Generation, path: Path, filename: str) -> Asset:
    try:
        return asset_store(
            workspace_id=generation.workspace_id,
            path=path,
            filename=filename,
            source="generation",
            project_id=generation.project_id,
            created_by_id=generation.actor_id,
        )
    except Refused as error:
        raise BadOutput(str(error)) from error
