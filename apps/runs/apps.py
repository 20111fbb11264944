from __future__ import annotations

from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "apps.runs"
    label = "runs"

    def ready(self) -> None:
        """Listen to the generations below."""
        from apps.runs import receivers  # noqa: F401
