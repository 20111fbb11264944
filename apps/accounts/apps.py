from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class AccountsConfig(AppConfig):
    name = "apps.accounts"
    label = "accounts"
    verbose_name = gettext_lazy("People")

    def ready(self) -> None:
        """Remember in which language a person reads."""
        from allauth.account.signals import user_logged_in

        user_logged_in.connect(_keep_language, dispatch_uid="accounts.language")


def _keep_language(sender: Any, user: Any, **kwargs: Any) -> None:
    from apps.accounts.languages import language_keep

    language_keep(user.id)
