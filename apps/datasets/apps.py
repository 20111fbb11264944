from __future__ import annotations

from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    name = "apps.datasets"
    label = "datasets"
    walled = True

    def ready(self) -> None:
        """Listen to the generations and assets below."""
        from apps.datasets import receivers  # noqa: F401
