from __future__ import annotations

from django.apps import AppConfig


class CommonConfig(AppConfig):
    name = "apps.common"
    label = "common"

    def ready(self) -> None:
        """Give engine, nodes and providers the site's languages; without a request they speak the site's own."""
        from django.utils.translation import gettext, ngettext

        from apps.wording import speak

        speak(gettext, ngettext)
