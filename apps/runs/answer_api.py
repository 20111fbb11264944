"""Deciding an approval over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from django.utils.translation import gettext as _
from ninja import Field, Router, Schema
from pydantic import AfterValidator

from apps.common.bodies import Body
from apps.common.problems import Problem, not_found
from apps.engine.operations import storable
from apps.runs import answers
from apps.workspaces.access import ApiRequest
from apps.workspaces.auth import api_auth

router = Router(tags=["runs"])


def _storable(text: str) -> str:
    storable(text)
    return text


class AnswerIn(Body):
    """A decision, with a comment that is kept with it."""

    decision: Literal["approve", "reject"]
    comment: Annotated[str, AfterValidator(_storable)] = Field(default="", max_length=answers.COMMENT_MAX)


class AnswerOut(Schema):
    """What was decided."""

    run: UUID
    node: str
    item: int
    decision: dict[str, Any]


@router.post("/runs/{run_id}/steps/{node}/{item}/answer", auth=api_auth("runs:write"), response=AnswerOut)
def step_answer(request: ApiRequest, run_id: UUID, node: str, item: int, body: AnswerIn) -> dict[str, Any]:
    """Approve or reject what a step waits for. The first decision counts."""
    step = answers.step_find(run_id, node, item)
    if step is None:
        raise not_found()
    try:
        made = answers.approval_answer(
            step=step, user=request.user, decision=body.decision, comment=body.comment, how="api"
        )
    except answers.NotApprover as error:
        raise Problem("not-approver", 403, _("Not allowed"), str(error)) from error
    except answers.NotWaiting as error:
        raise Problem("no-longer-waiting", 409, _("Not waiting"), str(error)) from error
    except answers.AlreadyAnswered as error:
        name = (error.decision.get("who") or {}).get("name", "")
        detail = _("%(name)s was first; your answer changed nothing.") % {"name": name}
        raise Problem("already-decided", 409, _("Already decided"), detail, decision=error.decision) from error
    return {"run": run_id, "node": step.node, "item": step.item, "decision": made}
