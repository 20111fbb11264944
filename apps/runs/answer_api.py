"""Deciding an approval over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from django.utils.translation import gettext as _
from ninja import Field, Router, Schema, Status
from pydantic import AfterValidator

from apps.common.bodies import Body, NoBody
from apps.common.problems import Problem, not_found
from apps.engine.operations import storable
from apps.runs import answers, reminders
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
        detail = _("%(name)s answered first, so your answer was not used.") % {"name": name}
        raise Problem("already-decided", 409, _("Already decided"), detail, decision=error.decision) from error
    return {"run": run_id, "node": step.node, "item": step.item, "decision": made}


class Reminded(Schema):
    """How many letters are sent once more."""

    letters: int


@router.post("/runs/{run_id}/steps/{node}/{item}/remind", auth=api_auth("runs:write"), response={202: Reminded})
def step_remind(request: ApiRequest, run_id: UUID, node: str, item: int, body: NoBody | None = None) -> Status[Any]:
    """Send the letters of an approval that waits once more, each at most every five minutes and five times in all."""
    step = answers.step_find(run_id, node, item)
    if step is None:
        raise not_found()
    try:
        count = reminders.letters_again(step=step)
    except answers.NotWaiting as error:
        raise Problem("no-longer-waiting", 409, _("Not waiting"), str(error)) from error
    except reminders.TooManyLetters as error:
        raise _too_many(error) from error
    return Status(202, {"letters": count})


def _too_many(error: reminders.TooManyLetters) -> Problem:
    problem = Problem("too-many-letters", 429, _("Too many letters"), str(error))
    seconds = reminders.DAY_S if error.retry_after_s is None else error.retry_after_s
    problem.headers["Retry-After"] = str(seconds)
    problem.headers["RateLimit-Policy"] = f'"letters";q=1;w={int(reminders.PAUSE.total_seconds())}'
    problem.headers["RateLimit"] = f'"letters";r=0;t={seconds}'
    return problem
