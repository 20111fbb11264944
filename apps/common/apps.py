from __future__ import annotations

from django.apps import AppConfig


class CommonConfig(AppConfig):
    name = "apps.common"
    label = "common"

    def ready(self) -> None:
        """Give engine, nodes and providers the site's languages; without a request they speak the site's own."""
        from django.core.checks import Tags, register
        from django.utils.translation import gettext, ngettext

        from apps.common.checks import database_role_check
        from apps.wording import speak

        speak(gettext, ngettext)
        register(database_role_check, Tags.database)
