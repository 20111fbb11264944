"""The adapters by name. Whoever knows the addresses and keys registers them at start-up."""

from __future__ import annotations

from collections.abc import Callable

from apps.providers.base import Credentials, Provider

_providers: dict[tuple[str, Credentials], Provider] = {}
_makers: dict[str, Callable[[Credentials], Provider]] = {}
# Adapters of accounts kept ready; each is small, but a key that was taken away should not stay for long.
KEPT = 64


class UnknownProvider(KeyError):
    """There is no provider with this name."""


def provider_register(name: str, make: Callable[[Credentials], Provider]) -> None:
    """Make an adapter known under its name. It is made when first asked for: few processes speak to a vendor."""
    _makers[name] = make
    for known in [known for known in _providers if known[0] == name]:
        del _providers[known]


def provider_get(name: str, credentials: Credentials) -> Provider:
    """The adapter for this account; raises UnknownProvider."""
    known = _providers.get((name, credentials))
    if known is None:
        if name not in _makers:
            raise UnknownProvider(name)
        # Two threads may make one each; either will do.
        while len(_providers) >= KEPT:
            _providers.pop(next(iter(_providers)), None)
        known = _providers[(name, credentials)] = _makers[name](credentials)
    return known
