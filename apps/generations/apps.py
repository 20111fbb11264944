from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from django.apps import AppConfig
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from apps.providers.base import Credentials, Provider


class GenerationsConfig(AppConfig):
    name = "apps.generations"
    label = "generations"

    def ready(self) -> None:
        """Make the adapters known by name, each loaded when first asked for, and keep the catalogue up to date."""
        from celery.signals import task_prerun
        from django.core.signals import request_started

        from apps.generations.catalogue_store import catalogue_sync
        from apps.providers.registry import provider_register

        for name, path in ADAPTERS.items():
            provider_register(name, partial(_adapter, path))
        request_started.connect(catalogue_sync, dispatch_uid="generations.catalogue")
        task_prerun.connect(catalogue_sync, dispatch_uid="generations.catalogue")


# The adapters by vendor: each takes its account.
ADAPTERS = {
    "sandbox": "apps.providers.sandbox.SandboxProvider",
    "openai": "apps.providers.openai.OpenAIProvider",
    "ollama": "apps.providers.ollama.OllamaProvider",
    "elevenlabs": "apps.providers.elevenlabs.ElevenLabsProvider",
    "fal": "apps.providers.fal.FalProvider",
    "replicate": "apps.providers.replicate.ReplicateProvider",
    "bfl": "apps.providers.bfl.BflProvider",
    "stability": "apps.providers.stability.StabilityProvider",
}


def _adapter(path: str, credentials: Credentials) -> Provider:
    make: Callable[[Credentials], Provider] = import_string(path)
    return make(credentials)
