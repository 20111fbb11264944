"""The door for versions: named moments of a workflow's log, one of them published."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.common.tenancy import scope
from apps.engine.validation import GraphProblem
from apps.projects.journal import document_read
from apps.projects.models import NAME_MAX, Workflow, WorkflowVersion
from apps.projects.services import AppliedOperations, document_set, text_clean, workflow_lock
from apps.projects.subflows import graph_problems
from apps.workspaces.audit import audit_row


class VersionCannotRun(ValueError):
    """A version whose graph has problems cannot be published. ``problems`` say where and why."""

    def __init__(self, number: int, problems: Sequence[GraphProblem]) -> None:
        parts = {"number": number, "problem": problems[0].message}
        super().__init__(_("Version %(number)s cannot be published, because it cannot run: %(problem)s") % parts)
        self.problems = list(problems)


def version_create(*, workflow: Workflow, actor_id: UUID | None, name: str = "", note: str = "") -> WorkflowVersion:
    """Name this moment of the workflow's log. Numbers count from 1. Raises WorkflowGone."""
    with transaction.atomic():
        locked = workflow_lock(workflow)
        document, seq = document_read(locked)
        mine = WorkflowVersion.objects.for_workspace(locked.workspace_id).filter(workflow=locked)
        number = (mine.aggregate(last=Max("number"))["last"] or 0) + 1
        version: WorkflowVersion = mine.create(
            workspace_id=locked.workspace_id,
            workflow=locked,
            number=number,
            seq=seq,
            name=text_clean(name)[:NAME_MAX],
            note=text_clean(note),
            document=document,
            created_by_id=actor_id,
        )
    return version


def version_publish(*, workflow: Workflow, number: int) -> WorkflowVersion:
    """Make version ``number`` the one that triggers and the API run, and that can be a node of other workflows.

    Raises WorkflowVersion.DoesNotExist, WorkflowGone, and VersionCannotRun with everything that is wrong with it.
    """
    with transaction.atomic():
        locked = workflow_lock(workflow)
        versions = WorkflowVersion.objects.for_workspace(locked.workspace_id).filter(workflow=locked)
        version: WorkflowVersion = versions.select_related("created_by").get(number=number)
        with scope(locked.workspace_id):
            problems = graph_problems(locked, version.document)
        if problems:
            raise VersionCannotRun(number, problems)
        version.published_at = timezone.now()
        version.save(update_fields=["published_at"])
        before, locked.published_version = locked.published_version, number
        locked.save(update_fields=["published_version"])
        audit_row("version_publish", locked, before={"version": before}, after={"version": number})
    return version


def version_restore(*, workflow: Workflow, number: int, actor_id: UUID | None) -> AppliedOperations:
    """Make the graph what version ``number`` was, by operations: nothing drawn since is lost from the log.

    Raises WorkflowVersion.DoesNotExist, WorkflowGone.
    """
    with transaction.atomic():
        locked = workflow_lock(workflow)
        versions = WorkflowVersion.objects.for_workspace(locked.workspace_id).filter(workflow=locked)
        wanted = versions.values_list("document", flat=True).get(number=number)
        before = locked.last_seq
        rows = document_set(locked, document_read(locked)[0], wanted, actor_id)
        now = {"seq": locked.last_seq, "version": number}
        audit_row("version_restore", locked, actor_id, before={"seq": before}, after=now)
    return AppliedOperations(seq=locked.last_seq, rows=rows)
