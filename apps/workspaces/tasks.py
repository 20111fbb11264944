"""Celery shells of this app."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from celery.schedules import crontab
from django.utils import timezone

from apps.common.lanes import lane_task
from apps.common.tenancy import unscoped
from apps.workspaces.audit_chain import chain_check, workspaces_audited
from apps.workspaces.erasure import workspace_erase, workspaces_due
from apps.workspaces.forgetting import people_due, person_erase
from apps.workspaces.models import IdempotentAnswer
from apps.workspaces.posting import mail_post, mails_due, mails_forget

ANSWER_KEPT = timedelta(days=30)


@lane_task("io")
def mail_send(*, mail_id: str, **_: object) -> None:
    """Send one mail."""
    mail_post(UUID(mail_id))


@lane_task("control")
def mails_tick(**_: object) -> None:
    """Hand out the mails that are to be tried again, and those whose message was lost."""
    for mail_id in mails_due():
        mail_send.delay(mail_id=str(mail_id))


@lane_task("control")
def answers_forget(**_: object) -> None:
    """Drop remembered answers nobody will repeat any more, and mails of long ago."""
    mails_forget()
    with unscoped("housekeeping"):
        IdempotentAnswer.objects.filter(created_at__lt=timezone.now() - ANSWER_KEPT).delete()


@lane_task("io")
def audit_verify(*, workspace_id: str, **_: object) -> None:
    """Recompute one workspace's audit log from its beginning."""
    chain_check(UUID(workspace_id), whole=True)


@lane_task("io")
def audits_verify(*, whole: bool, **_: object) -> None:
    """Recompute the audit logs, or only what is new in each."""
    for workspace_id in workspaces_audited():
        chain_check(workspace_id, whole=whole)


@lane_task("control")
def erasures_begin(**_: object) -> None:
    """Hand out the workspaces and people whose days are over."""
    for workspace_id in workspaces_due():
        erase_workspace.delay(workspace_id=str(workspace_id))
    for user_id in people_due():
        person_erase(user_id)


@lane_task("io")
def erase_workspace(*, workspace_id: str, **_: object) -> None:
    """Erase one workspace; begun again where a worker was lost."""
    workspace_erase(UUID(workspace_id))


BEAT: dict[str, dict[str, Any]] = {
    "workspaces.mails_tick": {
        "task": "apps.workspaces.tasks.mails_tick",
        "schedule": 10.0,
        "options": {"expires": 20},
    },
    "workspaces.answers_forget": {
        "task": "apps.workspaces.tasks.answers_forget",
        "schedule": crontab(hour="3", minute="17"),
    },
    "workspaces.audits_verify": {
        "task": "apps.workspaces.tasks.audits_verify",
        "schedule": crontab(minute="*/30"),
        "kwargs": {"whole": False},
    },
    "workspaces.audits_verify_whole": {
        "task": "apps.workspaces.tasks.audits_verify",
        "schedule": crontab(hour="4", minute="11"),
        "kwargs": {"whole": True},
    },
    "workspaces.erasures_begin": {
        "task": "apps.workspaces.tasks.erasures_begin",
        "schedule": crontab(minute="23"),
    },
}
