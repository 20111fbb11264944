from __future__ import annotations

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "apps.console"
    label = "console"

    def ready(self) -> None:
        """Keep what stands above every page up to date."""
        from django.core.signals import request_started

        from apps.console.banners import ANNOUNCEMENTS

        request_started.connect(ANNOUNCEMENTS.sync, dispatch_uid="console.announcements")
