"""The adapters by name. Whoever knows the addresses and keys registers them at start-up."""

from __future__ import annotations

from collections.abc import Callable

from apps.providers.base import Provider

_providers: dict[str, Provider] = {}
_makers: dict[str, Callable[[], Provider]] = {}


class UnknownProvider(KeyError):
    """There is no provider with this name."""


def provider_register(name: str, make: Callable[[], Provider]) -> None:
    """Make an adapter known under its name. It is made when first asked for: few processes speak to a vendor."""
    _makers[name] = make
    _providers.pop(name, None)


def provider_get(name: str) -> Provider:
    """The adapter; raises UnknownProvider."""
    if name not in _providers:
        if name not in _makers:
            raise UnknownProvider(name)
        # Two threads may make one each; either will do.
        _providers[name] = _makers[name]()
    return _providers[name]
