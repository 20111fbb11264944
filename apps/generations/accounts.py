"""Whose account a call is made with: the platform's, paid by credits, or a key of the workspace's own."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.conf import settings

from apps.generations.models import Generation
from apps.providers.base import Credentials, Provider
from apps.providers.registry import provider_get


def platform_credentials(provider: str) -> Credentials | None:
    """The platform's own account with a vendor; None where it has none."""
    told = settings.PROVIDERS.get(provider)
    return Credentials(**told) if told and (told.get("key") or told.get("base_url")) else None


def account_of(generation: Generation) -> Credentials:
    """The account that this call is made with; without one the vendor itself will say so."""
    return platform_credentials(generation.provider) or Credentials()


def accounts_of(generations: Iterable[Generation]) -> dict[UUID, Credentials]:
    """The accounts of many calls, by generation."""
    return {generation.id: account_of(generation) for generation in generations}


def provider_of(generation: Generation) -> Provider:
    """The adapter of this call's vendor, with its account."""
    return provider_get(generation.provider, account_of(generation))
