from __future__ import annotations

from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "apps.billing"
    label = "billing"
    walled = True

    def ready(self) -> None:
        """Listen to the workspaces below."""
        from apps.billing import receivers  # noqa: F401
