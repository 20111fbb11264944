"""Comments over HTTP, and who is in a project."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.utils.translation import gettext as _
from ninja import Router, Schema, Status
from pydantic import StringConstraints

from apps.common.bodies import Body, Id
from apps.common.paging import LIMIT_DEFAULT, keyset_page
from apps.common.problems import Problem, not_found
from apps.projects import comments, services
from apps.projects.models import Comment, Workflow
from apps.workspaces.access import ApiRequest
from apps.workspaces.auth import api_auth, forbidden
from apps.workspaces.models import Role

router = Router(tags=["comments"])
read_shared = api_auth("read", guests=True)
comment_write = api_auth("comments:write", guests=True)
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]


class CommentIn(Body):
    """What to say; of which node, or in answer to which comment."""

    body: Text
    node: Annotated[str, StringConstraints(max_length=64, pattern=r"^[^\x00]*$")] = ""
    parent: Id | None = None


class CommentPatch(Body):
    """Other words, or a thread settled or opened again."""

    body: Text | None = None
    resolved: bool | None = None


class CommentOut(Schema):
    """A comment. ``parent`` is the head of its thread."""

    id: UUID
    parent: UUID | None
    node: str
    author: UUID | None
    author_name: str
    body: str
    created_at: datetime
    edited_at: datetime | None
    resolved_at: datetime | None

    @classmethod
    def of(cls, row: Comment) -> dict[str, Any]:
        """From its row, with who wrote it."""
        same = {name: getattr(row, name) for name in ("id", "node", "body", "created_at", "edited_at", "resolved_at")}
        name = row.author.get_full_name() if row.author else ""
        return {**same, "parent": row.parent_id, "author": row.author_id, "author_name": name}


class CommentPage(Schema):
    """A page of comments."""

    items: list[CommentOut]
    next: str | None


def _workflow(workflow_id: UUID) -> Workflow:
    workflow = services.workflow_get(workflow_id)
    if workflow is None:
        raise not_found()
    return workflow


def _comment(workflow: Workflow, comment_id: UUID) -> Comment:
    row: Comment | None = comments.comments_shown(workflow).filter(id=comment_id).first()
    if row is None:
        raise not_found()
    row.workflow = workflow
    return row


def _refused(error: comments.CommentRefused) -> Problem:
    return Problem("comment", 422, _("Invalid request"), str(error))


@router.get("/workflows/{workflow_id}/comments", auth=read_shared, response=CommentPage)
def comment_list(
    request: ApiRequest, workflow_id: UUID, limit: int = LIMIT_DEFAULT, cursor: str | None = None
) -> dict[str, Any]:
    """The comments on a workflow, oldest first; answers name their `parent`."""
    rows = comments.comments_shown(_workflow(workflow_id))
    page, following = keyset_page(rows, limit=limit, cursor=cursor, order=("created_at", "id"))
    return {"items": [CommentOut.of(row) for row in page], "next": following}


@router.post("/workflows/{workflow_id}/comments", auth=comment_write, response={201: CommentOut})
def comment_add(request: ApiRequest, workflow_id: UUID, body: CommentIn) -> Status[Any]:
    """Comment on a workflow, on a node of it, or in a thread. `@Name` tells somebody."""
    said: dict[str, Any] = {"body": body.body, "node": body.node, "parent_id": body.parent}
    try:
        row = comments.comment_add(workflow=_workflow(workflow_id), author_id=request.user.id, **said)
    except comments.CommentRefused as error:
        raise _refused(error) from error
    except Comment.DoesNotExist as error:
        raise not_found() from error
    row.author = request.user
    return Status(201, CommentOut.of(row))


@router.patch("/workflows/{workflow_id}/comments/{comment}", auth=comment_write, response=CommentOut)
def comment_update(request: ApiRequest, workflow_id: UUID, comment: UUID, body: CommentPatch) -> dict[str, Any]:
    """Change one's own comment; settle a thread (who began it, and editors)."""
    row = _comment(_workflow(workflow_id), comment)
    own = row.author_id == request.user.id
    if not own and (body.body is not None or not request.role.includes(Role.EDITOR)):
        raise forbidden("comments:write")
    try:
        if body.body is not None:
            comments.comment_edit(comment=row, body=body.body)
        if body.resolved is not None:
            comments.thread_resolve(comment=row, actor_id=request.user.id, resolved=body.resolved)
    except comments.CommentRefused as error:
        raise _refused(error) from error
    return CommentOut.of(_comment(row.workflow, comment))


@router.delete("/workflows/{workflow_id}/comments/{comment}", auth=comment_write, response={204: None})
def comment_delete(request: ApiRequest, workflow_id: UUID, comment: UUID) -> Status[None]:
    """Delete one's own comment; admins of the project anybody's."""
    row = _comment(_workflow(workflow_id), comment)
    if row.author_id != request.user.id and not request.role.includes(Role.ADMIN):
        raise forbidden("comments:write")
    comments.comment_delete(comment=row)
    return Status(204, None)
