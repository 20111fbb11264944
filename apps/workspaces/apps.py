from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.utils.translation import gettext as _


class WorkspacesConfig(AppConfig):
    name = "apps.workspaces"
    label = "workspaces"

    def ready(self) -> None:
        """Everybody who signs up gets a workspace of their own."""
        from allauth.account.signals import user_signed_up

        user_signed_up.connect(_make_workspace, dispatch_uid="workspaces.make_workspace")


def _make_workspace(sender: Any, user: Any, **kwargs: Any) -> None:
    from apps.workspaces.services import workspace_create

    name = _("%(name)s's studio") % {"name": user.get_full_name()[:80]}
    workspace_create(name=name, owner_id=user.id, slug="")
