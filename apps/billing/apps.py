from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class BillingConfig(AppConfig):
    name = "apps.billing"
    label = "billing"
    verbose_name = gettext_lazy("Money")
    walled = True

    def ready(self) -> None:
        """Listen to the workspaces below."""
        from apps.billing import receivers  # noqa: F401
