"""Where generations meet the providers: which adapter, what it is told, and the address it calls back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac

from apps.assets.models import Asset
from apps.assets.services import asset_url
from apps.generations.models import Generation
from apps.providers.base import Submission
from apps.providers.catalogue import model_get, params_complete

# A provider may fetch an input late, after its own queue.
INPUT_URL_S = 6 * 3600


class InputMissing(Exception):
    """An input asset is no longer in the workspace."""


def webhook_token(provider: str, generation_id: UUID) -> str:
    """The secret part of a webhook's address: only who was told it can make us look."""
    return salted_hmac("generations.webhook", f"{provider}:{generation_id}", algorithm="sha256").hexdigest()


def webhook_token_valid(provider: str, generation_id: UUID, token: str) -> bool:
    """Compare in constant time."""
    return constant_time_compare(webhook_token(provider, generation_id), token)


def webhook_url(provider: str, generation_id: UUID) -> str:
    """The absolute address that the provider calls when something changed."""
    path = reverse("generation_hooks:provider", args=[provider, generation_id, webhook_token(provider, generation_id)])
    return f"{settings.WEBHOOK_URL}{path}"


def asset_ids(inputs: Mapping[str, Any]) -> list[UUID]:
    """The ids of every asset reference in ``inputs`` (values are references or lists of them)."""
    return [UUID(str(ref["$asset"])) for value in inputs.values() for ref in _refs(value)]


def submission_build(generation: Generation) -> Submission:
    """What the adapter sends. Input references get an expiring ``url``; raises InputMissing."""
    wanted = asset_ids(generation.inputs)
    assets = {asset.id: asset for asset in Asset.objects.for_workspace(generation.workspace_id).filter(id__in=wanted)}
    if missing := [found for found in wanted if found not in assets]:
        raise InputMissing(str(missing[0]))
    urls = {str(found): asset_url(asset, seconds=INPUT_URL_S) for found, asset in assets.items()}
    return Submission(
        model=generation.model,
        params=params_complete(generation.model, generation.params),
        inputs={name: _with_urls(value, urls) for name, value in generation.inputs.items()},
        attempt_id=str(generation.id),
        webhook_url=webhook_url(generation.provider, generation.id),
        call=model_get(generation.model).call,
    )


def _refs(value: Any) -> list[dict[str, Any]]:
    found = value if isinstance(value, list) else [value]
    return [ref for ref in found if isinstance(ref, dict) and "$asset" in ref]


def _with_urls(value: Any, urls: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_with_urls(one, urls) for one in value]
    if isinstance(value, dict) and "$asset" in value:
        return {**value, "url": urls[str(UUID(str(value["$asset"])))]}
    return value
