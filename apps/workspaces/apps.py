from __future__ import annotations

from functools import partial
from typing import Any

from django.apps import AppConfig
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


class WorkspacesConfig(AppConfig):
    name = "apps.workspaces"
    label = "workspaces"
    verbose_name = gettext_lazy("Workspaces")
    walled = ("DataKey",)
    # Read before the workspace is known; what is secret of them is a hash, or sealed with the data key.
    walled_writes = ("ApiToken", "SingleSignOn")

    def ready(self) -> None:
        """Everybody who signs up gets a workspace of their own; who comes through one's own sign-in is in that one."""
        from allauth.account import signals
        from allauth.socialaccount.signals import social_account_added, social_account_updated
        from celery.signals import task_prerun
        from django.core.signals import request_started

        from apps.workspaces.switches import SWITCHES

        for signal in (signals.user_logged_in, social_account_added, social_account_updated):
            signal.connect(_came_through, dispatch_uid="workspaces.came_through")
        signals.user_signed_up.connect(_make_workspace, dispatch_uid="workspaces.make_workspace")
        for signal, action in (
            (signals.user_logged_in, "session_begin"),
            (signals.password_changed, "password_change"),
            (signals.password_reset, "password_reset"),
        ):
            receiver = partial(_audit_person, action=action)
            signal.connect(receiver, weak=False, dispatch_uid=f"workspaces.audit.{action}")
        for moment in (request_started, task_prerun):
            moment.connect(SWITCHES.sync, dispatch_uid="workspaces.switches")


def _make_workspace(sender: Any, user: Any, **kwargs: Any) -> None:
    from apps.workspaces.models import SIGN_ON_PREFIX
    from apps.workspaces.services import workspace_create

    sociallogin = kwargs.get("sociallogin")
    if sociallogin is not None and sociallogin.account.provider.startswith(SIGN_ON_PREFIX):
        return  # they come to work in a workspace that is there
    name = _("%(name)s's studio") % {"name": user.get_full_name()[:80]}
    workspace_create(name=name, owner_id=user.id, slug="")


def _came_through(sender: Any, request: Any, sociallogin: Any = None, **kwargs: Any) -> None:
    from apps.workspaces.single_sign_on import came_through

    if sociallogin is not None:
        came_through(request, sociallogin)


def _audit_person(sender: Any, user: Any, action: str, **kwargs: Any) -> None:
    from apps.workspaces.services import person_audit

    person_audit(user=user, action=action)
