"""Whose account a call is made with: the platform's, paid by credits, or a key of the workspace's own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from apps.common.sealing import Unsealable
from apps.common.tenancy import unscoped
from apps.generations.keys import address_allowed, key_credentials, key_for
from apps.generations.models import Generation, ProviderKey
from apps.providers.base import Credentials, Provider
from apps.providers.registry import provider_get


@dataclass(frozen=True)
class Account:
    """Where the credentials of a call come from. ``key_id``: the workspace's own key; None: the platform's account."""

    key_id: UUID | None = None


PLATFORM = Account()


def platform_credentials(provider: str) -> Credentials | None:
    """The platform's own account with a vendor; None where it has none."""
    told = settings.PROVIDERS.get(provider)
    return Credentials(**told) if told and (told.get("key") or told.get("base_url")) else None


def account_choose(*, workspace_id: UUID, project_id: UUID | None, provider: str) -> Account | None:
    """The project's key, else the workspace's, else the platform's account; None when there is none of them."""
    own = key_for(workspace_id=workspace_id, project_id=project_id, provider=provider)
    if own is not None:
        return Account(own.id)
    return PLATFORM if platform_credentials(provider) else None


def account_of(generation: Generation) -> Credentials:
    """The credentials of this call: its key, or the one that took its place. Of a removed one they are empty."""
    return accounts_of([generation])[generation.id]


def accounts_of(generations: Iterable[Generation]) -> dict[UUID, Credentials]:
    """The credentials of many calls, by generation; the keys in one query."""
    rows = list(generations)
    wanted = {row.key_id for row in rows if row.key_id}
    keys = _keys(wanted) if wanted else {}
    return {row.id: _credentials(row, keys) for row in rows}


def _keys(wanted: set[UUID]) -> dict[UUID, ProviderKey]:
    """The keys by the ids that calls name. Where one was replaced, its successor: a vendor knows a job by account."""
    with unscoped("each call names its own key"):
        named = {key.id: key for key in ProviderKey.objects.filter(id__in=wanted)}
        gone = [key for key in named.values() if key.revoked_at]
        places = {
            "workspace_id__in": {key.workspace_id for key in gone},
            "provider__in": {key.provider for key in gone},
        }
        kept = ProviderKey.objects.filter(revoked_at=None, **places) if gone else ()
        now = {(key.workspace_id, key.provider, key.project_id): key for key in kept}
    found = {
        id_: now.get((key.workspace_id, key.provider, key.project_id)) if key.revoked_at else key
        for id_, key in named.items()
    }
    return {id_: key for id_, key in found.items() if key is not None}


def _credentials(row: Generation, keys: dict[UUID, ProviderKey]) -> Credentials:
    if row.key_id is None:
        return platform_credentials(row.provider) or Credentials()
    key = keys.get(row.key_id)
    if key is None or key.workspace_id != row.workspace_id:
        return Credentials()
    try:
        return key_credentials(key) if address_allowed(key) else Credentials()
    except Unsealable:
        return Credentials()


def provider_of(generation: Generation) -> Provider:
    """The adapter of this call's vendor, with its account."""
    return provider_get(generation.provider, account_of(generation))
