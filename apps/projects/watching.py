"""What a watcher of a workflow may see, and the next piece of its log."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from apps.accounts.impersonation import impersonator, is_looked_through
from apps.accounts.models import User
from apps.common.tenancy import scope
from apps.projects.journal import row_json, rows_after
from apps.projects.models import Workflow
from apps.workspaces.models import Membership, Role
from apps.workspaces.sight import MemberReader, role_at
from apps.workspaces.single_sign_on import session_suffices

BATCH_ROWS = 200
# A frame stays well below what servers and browsers take in one piece.
BATCH_BYTES = 512 * 1024
# Whoever is further behind reads the document anew; that is less than its changes.
BEHIND_MAX = 5000


@dataclass(frozen=True)
class Watch:
    """A person who may see a workflow, and as what: ``role`` is theirs in its project.

    ``staff`` is who looks in truth, where staff look at the site as this person.
    """

    workflow: Workflow
    user_id: UUID
    user_name: str
    role: Role
    reader: MemberReader
    staff: User | None = None

    @property
    def workspace_id(self) -> UUID:
        """The tenant."""
        return self.workflow.workspace_id

    @property
    def group(self) -> str:
        """Where this workflow's pokes and presence arrive."""
        return f"workflow.{self.workflow.id}"


@dataclass(frozen=True)
class Batch:
    """A piece of the log: its rows, where the reader stands after it, and whether to ask again at once."""

    cursor: int
    rows: list[dict[str, Any]] = field(default_factory=list)
    more: bool = False
    reload: bool = False


def watch_find(session: Any, user_id: UUID, slug: str, workflow_id: UUID) -> Watch | None:
    """Find and authorise in one call. None when it is not theirs, not there, in the trash, or they signed out."""
    if session is not None and session.session_key and not session.exists(session.session_key):
        return None
    staff = impersonator(session)
    if staff is None and is_looked_through(session):
        return None
    members = Membership.objects.select_related("user", "workspace__single_sign_on")
    membership = members.filter(user_id=user_id, user__is_active=True, workspace__slug=slug).first()
    if membership is None or (session is not None and not session_suffices(membership, session)):
        return None
    reader = MemberReader.of(membership)
    with scope(membership.workspace_id, reader):
        rows = Workflow.objects.filter(Workflow.LIVE, id=workflow_id).defer(Workflow.HEAVY)
        workflow: Workflow | None = rows.first()
        role = role_at(reader, {"workflow": workflow_id})
    if workflow is None:
        return None
    return Watch(workflow, membership.user_id, membership.user.get_full_name(), role, reader, staff)


def batch_read(watch: Watch, cursor: int) -> Batch:
    """The rows after ``cursor``, at most BATCH_ROWS and about BATCH_BYTES of them; or that the reader must reload."""
    workflows = Workflow.objects.for_workspace(watch.workspace_id).filter(id=watch.workflow.id)
    last: int = workflows.values_list("last_seq", flat=True).get()
    if not cursor <= last <= cursor + BEHIND_MAX:
        return Batch(cursor=last, reload=True)
    if last == cursor:
        return Batch(cursor=cursor)
    rows: list[dict[str, Any]] = []
    size = 0
    for row in rows_after(watch.workspace_id, watch.workflow.id, cursor, BATCH_ROWS):
        rows.append(row_json(row))
        size += len(json.dumps(row.op))
        if size >= BATCH_BYTES:
            break
    return Batch(cursor=rows[-1]["seq"], rows=rows, more=rows[-1]["seq"] < last)
