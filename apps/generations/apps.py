from __future__ import annotations

from django.apps import AppConfig


class GenerationsConfig(AppConfig):
    name = "apps.generations"
    label = "generations"

    def ready(self) -> None:
        """Tell the adapters their addresses and keys: they are pure Python and read no settings."""
        from django.conf import settings

        from apps.providers.registry import provider_register
        from apps.providers.sandbox import SandboxProvider

        provider_register(SandboxProvider(settings.SANDBOX_URL, settings.SANDBOX_KEY))
