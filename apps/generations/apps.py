from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import AppConfig

if TYPE_CHECKING:
    from apps.providers.base import Provider


class GenerationsConfig(AppConfig):
    name = "apps.generations"
    label = "generations"

    def ready(self) -> None:
        """Tell the adapters their addresses and keys: they are pure Python and read no settings."""
        from apps.providers.registry import provider_register

        provider_register("sandbox", _sandbox)


def _sandbox() -> Provider:
    from django.conf import settings

    from apps.providers.sandbox import SandboxProvider

    return SandboxProvider(settings.SANDBOX_URL, settings.SANDBOX_KEY)
