from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class ConsoleConfig(AppConfig):
    name = "apps.console"
    label = "console"
    verbose_name = gettext_lazy("Site")

    def ready(self) -> None:
        """Keep what stands above every page up to date."""
        from django.core.signals import request_started

        from apps.console.banners import ANNOUNCEMENTS

        request_started.connect(ANNOUNCEMENTS.sync, dispatch_uid="console.announcements")
