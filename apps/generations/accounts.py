"""Whose account a call is made with: the platform's, paid by credits, or a key of the workspace's own."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from apps.common.sealing import Unsealable
from apps.common.tenancy import unscoped
from apps.generations.keys import address_allowed, key_credentials, keys_for
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


def accounts_choose(
    *, workspace_id: UUID, project_id: UUID | None, providers: Collection[str], promised: Collection[str]
) -> dict[str, Account]:
    """By vendor: the project's key, else the workspace's, else the platform's account. Left out: who has none of them.

    ``promised``: the vendors that a price was told of with a key of the workspace's own. The platform's account never
    stands in there: credits would be charged that nobody agreed to.
    """
    own = keys_for(workspace_id=workspace_id, project_id=project_id)
    chosen = {name: Account(own[name].id) for name in providers if name in own}
    paid = {name: PLATFORM for name in providers if name not in promised and platform_credentials(name)}
    return paid | chosen


def account_of(generation: Generation) -> Credentials:
    """The credentials to ask about this call: its key, removed or not, or the one that took its place.

    Empty where the key was removed before the call was sent.
    """
    return accounts_of([generation])[generation.id]


def account_to_send(generation: Generation) -> Credentials:
    """The credentials to send this call with; empty where its key was removed."""
    keys = _keys({generation.key_id}) if generation.key_id else {}
    return _credentials(generation, {id_: key for id_, key in keys.items() if key.revoked_at is None})


def accounts_of(generations: Iterable[Generation]) -> dict[UUID, Credentials]:
    """The credentials to ask about many calls, by generation; the keys in one query."""
    rows = list(generations)
    wanted = {row.key_id for row in rows if row.key_id}
    keys = _keys(wanted) if wanted else {}
    return {row.id: _credentials(row, keys) for row in rows}


def _keys(wanted: set[UUID]) -> dict[UUID, ProviderKey]:
    """The keys by the ids that calls name. Where one was replaced, its successor: a vendor knows a job by account.

    A removed key that is not erased yet is among them.
    """
    with unscoped("each call names its own key"):
        named = {key.id: key for key in ProviderKey.objects.filter(id__in=wanted)}
        gone = [key for key in named.values() if key.revoked_at]
        places = {
            "workspace_id__in": {key.workspace_id for key in gone},
            "provider__in": {key.provider for key in gone},
        }
        kept = ProviderKey.objects.filter(**places).exclude(sealed=b"").order_by("id") if gone else ()
        # One per place has a secret to give, the newest: each that is kept has the one before it erased.
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
