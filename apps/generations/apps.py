from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from django.apps import AppConfig
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from apps.providers.base import Credentials, Provider


class GenerationsConfig(AppConfig):
    name = "apps.generations"
    label = "generations"
    verbose_name = gettext_lazy("Paid calls")
    walled = True
    # The index of the tape: behind a policy its operator could not use it. What it finds are ids.
    unwalled = ("SearchWindow", "SearchRow")
    walled_functions = ("generations_search_put", "generations_search_rebuild")

    def ready(self) -> None:
        """Make the adapters known by name, each loaded when first asked for, and keep the catalogue up to date.

        And tell the workspaces which project a generation is of.
        """
        from celery.signals import task_prerun
        from django.core.signals import request_started
        from django.db.models.signals import post_delete, post_save

        from apps.generations import receivers  # noqa: F401
        from apps.generations.catalogue_store import CATALOGUE
        from apps.generations.models import CatalogueEntry
        from apps.providers.registry import provider_register
        from apps.workspaces import sight

        sight.project_finders["generation_id"] = _project_of
        for name, path in ADAPTERS.items():
            provider_register(name, partial(_adapter, path))
        for moment in (request_started, task_prerun):
            moment.connect(CATALOGUE.sync, dispatch_uid="generations.catalogue")
        for changed in (post_save, post_delete):
            changed.connect(CATALOGUE.changed, sender=CatalogueEntry, dispatch_uid="generations.catalogue")


def _project_of(generation_id: UUID) -> UUID | None:
    from apps.generations.models import Generation

    found: UUID | None = Generation.objects.filter(id=generation_id).values_list("project_id", flat=True).first()
    return found


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
    "google": "apps.providers.google.GoogleProvider",
    "runway": "apps.providers.runway.RunwayProvider",
    "luma": "apps.providers.luma.LumaProvider",
    "comfyui": "apps.providers.comfyui.ComfyUIProvider",
}


def _adapter(path: str, credentials: Credentials) -> Provider:
    make: Callable[[Credentials], Provider] = import_string(path)
    return make(credentials)
