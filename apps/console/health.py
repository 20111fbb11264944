"""How providers do, from our own calls: how many, how many failed and by whose fault, how long they took."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from apps.common.tenancy import unscoped
from apps.generations.vendors import ILL, vendor_title
from apps.providers.catalogue import Model, offered
from apps.workspaces.switches import provider_switch, switch_on

# Settled calls are found by the index of providers and times; each provider is looked at for itself.
_SQL = """
    SELECT asked.provider, told.* FROM unnest(%(providers)s::text[]) AS asked (provider) CROSS JOIN LATERAL (
        SELECT
            count(*) FILTER (WHERE settled_at > now() - interval '1 hour'),
            count(*) FILTER (WHERE settled_at > now() - interval '1 hour' AND {ill}),
            percentile_disc(0.5) WITHIN GROUP (ORDER BY latency_ms)
                FILTER (WHERE settled_at > now() - interval '1 hour' AND state = 'succeeded'),
            percentile_disc(0.95) WITHIN GROUP (ORDER BY latency_ms)
                FILTER (WHERE settled_at > now() - interval '1 hour' AND state = 'succeeded'),
            count(*), count(*) FILTER (WHERE {ill}),
            percentile_disc(0.5) WITHIN GROUP (ORDER BY latency_ms) FILTER (WHERE state = 'succeeded'),
            percentile_disc(0.95) WITHIN GROUP (ORDER BY latency_ms) FILTER (WHERE state = 'succeeded'),
            max(settled_at) FILTER (WHERE {ill}),
            (array_agg(error ORDER BY settled_at DESC) FILTER (WHERE {ill}))[1]
        FROM generations_generation
        WHERE provider = asked.provider AND settled_at > now() - interval '1 day'
    ) AS told
""".replace("{ill}", "state IN ('failed', 'expired') AND error_code = ANY(%(ill)s)")


@dataclass(frozen=True)
class Window:
    """Settled calls of a stretch of time. Latencies in milliseconds, of those that succeeded; None where none did."""

    calls: int = 0
    failed: int = 0
    median_ms: int | None = None
    slow_ms: int | None = None

    @property
    def share(self) -> float:
        """How many of a hundred failed by the provider's fault."""
        return 100 * self.failed / self.calls if self.calls else 0.0

    @property
    def median(self) -> float | None:
        """In seconds."""
        return None if self.median_ms is None else self.median_ms / 1000

    @property
    def slow(self) -> float | None:
        """In seconds: 95 of 100 are faster."""
        return None if self.slow_ms is None else self.slow_ms / 1000


@dataclass(frozen=True)
class ProviderHealth:
    """One provider with its models."""

    name: str
    title: str
    on: bool
    switch: str
    models: list[Model]
    hour: Window = field(default_factory=Window)
    day: Window = field(default_factory=Window)
    failed_at: Any = None
    error: str = ""


def providers_health() -> list[ProviderHealth]:
    """Every provider that has models, those that fail most first."""
    models: dict[str, list[Model]] = {}
    for model in offered():
        models.setdefault(model.provider, []).append(model)
    with unscoped("the console looks at every workspace"), connection.cursor() as cursor:
        cursor.execute(_SQL, {"providers": sorted(models), "ill": sorted(ILL)})
        told = {row[0]: row[1:] for row in cursor.fetchall()}
    found = [_health(name, models[name], told.get(name)) for name in models]
    return sorted(found, key=lambda one: (-one.hour.share, -one.day.calls, one.title))


def _health(name: str, models: list[Model], row: tuple[Any, ...] | None) -> ProviderHealth:
    switch = provider_switch(name)
    more: dict[str, Any] = {
        "name": name,
        "title": vendor_title(name),
        "on": switch_on(switch),
        "switch": switch,
        "models": models,
    }
    if row is None:
        return ProviderHealth(**more)
    return ProviderHealth(
        **more, hour=Window(*row[:4]), day=Window(*row[4:8]), failed_at=row[8], error=(row[9] or "")[:200]
    )
