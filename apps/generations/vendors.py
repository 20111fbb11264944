"""The vendors as people see them: what they are called, whether they can be used here, and how they are doing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.core.cache import cache
from django.db.models import Count, Max, Q
from django.utils import timezone

from apps.common.tenancy import unscoped
from apps.generations.accounts import platform_credentials
from apps.generations.keys import removed_in_use
from apps.generations.models import Generation, GenerationState, ProviderKey
from apps.providers.catalogue import offered

TITLES: Mapping[str, str] = {
    "sandbox": "Sandbox",
    "openai": "OpenAI",
    "fal": "fal",
    "replicate": "Replicate",
    "runway": "Runway",
    "google": "Google",
    "luma": "Luma",
    "stability": "Stability AI",
    "bfl": "Black Forest Labs",
    "elevenlabs": "ElevenLabs",
    "ollama": "Ollama",
    "comfyui": "ComfyUI",
}
# How a vendor is doing, by what it answered to our own calls of so long.
HEALTH_WINDOW = timedelta(minutes=30)
HEALTH_KEPT_S = 20
# What is the vendor's doing, and not the caller's.
ILL = ("unavailable", "rate_limited", "failed", "expired", "expired_unknown", "lost", "bad_output", "not_found")


@dataclass(frozen=True)
class Health:
    """Calls that ended in the last half hour, everybody's together."""

    calls: int = 0
    failed: int = 0
    last_failed_at: datetime | None = None

    @property
    def state(self) -> str:
        """``unknown`` (nobody asked), ``well``, ``shaky`` (from a tenth on) or ``ill`` (from half on)."""
        if not self.calls:
            return "unknown"
        part = self.failed / self.calls
        return "ill" if part >= 0.5 else "shaky" if part >= 0.1 else "well"


@dataclass(frozen=True)
class VendorView:
    """A vendor in one workspace."""

    name: str
    title: str
    models: int
    platform: bool
    key: ProviderKey | None
    project_keys: int
    # Calls under way with a key that was removed.
    removed_in_use: int
    health: Health

    @property
    def usable(self) -> bool:
        """Whether calls can be made: with a key of the workspace's own, or the platform's account."""
        return self.platform or self.key is not None


def vendor_title(name: str) -> str:
    """What people call it."""
    return TITLES.get(name, name.title())


def health_now() -> dict[str, Health]:
    """How each vendor is doing. From all workspaces, so it tells numbers only; kept for a moment."""
    known: dict[str, Health] | None = cache.get("generations.health")
    if known is None:
        known = _health(timezone.now() - HEALTH_WINDOW)
        cache.set("generations.health", known, HEALTH_KEPT_S)
    return known


def _health(since: datetime) -> dict[str, Health]:
    failed = Q(state__in=[GenerationState.FAILED, GenerationState.EXPIRED], error_code__in=ILL)
    with unscoped("how a vendor does is the same for all"):
        rows = Generation.objects.filter(settled_at__gte=since).order_by().values("provider")
        told = rows.annotate(
            calls=Count("id"), failed=Count("id", filter=failed), last=Max("settled_at", filter=failed)
        )
        return {row["provider"]: Health(row["calls"], row["failed"], row["last"]) for row in told}


def vendors_view(workspace_id: UUID) -> list[VendorView]:
    """Every vendor that has models, with what this workspace has of it."""
    counts: dict[str, int] = {}
    for model in offered():
        counts[model.provider] = counts.get(model.provider, 0) + 1
    keys = list(ProviderKey.objects.for_workspace(workspace_id).filter(revoked_at=None).select_related("created_by"))
    health, in_use = health_now(), removed_in_use(workspace_id)
    return [
        VendorView(
            name=name,
            title=vendor_title(name),
            models=count,
            platform=platform_credentials(name) is not None,
            key=next((key for key in keys if key.provider == name and key.project_id is None), None),
            project_keys=sum(key.provider == name and key.project_id is not None for key in keys),
            removed_in_use=in_use.get(name, 0),
            health=health.get(name, Health()),
        )
        for name, count in counts.items()
    ]
