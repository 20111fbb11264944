"""The adapters by name. Whoever knows the addresses and keys registers them at start-up."""

from __future__ import annotations

from apps.providers.base import Provider

_providers: dict[str, Provider] = {}


class UnknownProvider(KeyError):
    """There is no provider with this name."""


def provider_register(provider: Provider) -> None:
    """Make an adapter known under its name; a second one with that name replaces the first."""
    _providers[provider.name] = provider


def provider_get(name: str) -> Provider:
    """The adapter; raises UnknownProvider."""
    try:
        return _providers[name]
    except KeyError:
        raise UnknownProvider(name) from None
