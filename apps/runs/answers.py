"""Answering a waiting step: an approval by a person, a callback by another system. One answer wins."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.engine.states import StepState
from apps.runs.models import Run, Step
from apps.runs.tasks import advance_run
from apps.runs.waits import APPROVAL, CALLBACK, place_of, wait_settle
from apps.workspaces.audit import audit_record
from apps.workspaces.models import Membership, Role
from apps.workspaces.sight import MemberReader, role_in

Decision = Literal["approve", "reject"]
How = Literal["page", "mail", "api"]
COMMENT_MAX = 2000
_PORTS: dict[str, str] = {"approve": "approved", "reject": "rejected"}


class NotWaiting(Exception):
    """This step waits for no such answer, or not any more."""


class NotApprover(Exception):
    """This person may not decide this."""


class AlreadyAnswered(Exception):
    """Somebody was first. ``outputs`` is what the step gave."""

    def __init__(self, outputs: Mapping[str, Any]) -> None:
        super().__init__(AlreadyAnswered.__doc__)
        self.outputs = outputs

    @property
    def decision(self) -> Mapping[str, Any]:
        """Who decided, when, how; empty for a callback."""
        return self.outputs.get("decision") or {}


@dataclass(frozen=True)
class Person:
    """Who answers: a member (``user``), or the holder of a letter that was addressed to them by name."""

    email: str
    user: User | None = None

    def as_json(self) -> dict[str, Any]:
        """As the decision keeps it."""
        name = self.user.get_full_name() if self.user else self.email
        return {"id": str(self.user.id) if self.user else None, "name": name, "email": self.email}


def may_answer(request: Mapping[str, Any], *, email: str, role: Role | None) -> bool:
    """Whether a member with this address and role may decide; no role, no membership."""
    if role is None or not role.includes(Role.VIEWER):
        return False
    approvers = request.get("approvers") or []
    if not approvers:
        return role.includes(Role.EDITOR)
    return email.lower() in approvers or any(
        role.includes(Role(approver)) for approver in approvers if approver in Role.values
    )


def _proven(user: User) -> bool:
    """Whether the address is the person's own, so that being named by it counts."""
    from allauth.account.models import EmailAddress

    return bool(EmailAddress.objects.filter(user=user, email__iexact=user.email, verified=True).exists())


def member_may_answer(request: Mapping[str, Any], membership: Membership, project_id: UUID | None) -> bool:
    """:func:`may_answer` for a member, by their role in the run's project.

    An address that was never confirmed names nobody.
    """
    user = membership.user
    role = role_in(MemberReader.of(membership), project_id)
    if may_answer(request, email="", role=role):
        return True
    return may_answer(request, email=user.email, role=role) and _proven(user)


def approval_answer(
    *, step: Step, user: User, decision: Decision, comment: str = "", how: Literal["page", "api"]
) -> Mapping[str, Any]:
    """A member decides. NotApprover, NotWaiting, AlreadyAnswered. Answers the decision as it is kept."""
    request = _request(step)
    with transaction.atomic():
        # Locked, so that a role taken away counts from that moment on.
        people = Membership.objects.select_related("user").select_for_update(of=("self",))
        membership = people.filter(workspace_id=step.workspace_id, user_id=user.id, user__is_active=True).first()
        if membership is None or not member_may_answer(request, membership, step.run.project_id):
            raise NotApprover(_("You are not one of the approvers."))
        return _approval_settle(step, Person(user.email, user), decision, comment, how)


def approval_answer_by_letter(*, step: Step, address: str, decision: Decision, comment: str = "") -> Mapping[str, Any]:
    """The holder of a letter to a named address decides. The same refusals as :func:`approval_answer`."""
    request = _request(step)
    if address not in request.get("approvers", []):
        raise NotApprover(_("This address is not one of the approvers."))
    with transaction.atomic():
        return _approval_settle(step, Person(address), decision, comment, "mail")


def _request(step: Step) -> Mapping[str, Any]:
    request = step.request or {}
    if request.get("kind") != APPROVAL:
        raise NotWaiting(_("This step does not ask for approval."))
    return request


def _approval_settle(step: Step, who: Person, decision: Decision, comment: str, how: How) -> Mapping[str, Any]:
    made = {
        "decision": decision,
        "who": who.as_json(),
        "when": timezone.now().isoformat(),
        "comment": comment.strip()[:COMMENT_MAX],
        "how": how,
    }
    value = (step.inputs or {}).get("value")
    _settle(step, {_PORTS[decision]: value, "decision": made})
    audit_record(
        workspace_id=step.workspace_id,
        action="approval_answer",
        target=step.node,
        target_id=step.run_id,
        after={"decision": decision, "how": how, "item": step.item, "person": who.email},
        actor_id=None if who.user is None else who.user.pk,
    )
    return made


def callback_answer(*, step: Step, body: Any) -> bool:
    """Another system answers; False when it had given this very answer before. NotWaiting, AlreadyAnswered."""
    if (step.request or {}).get("kind") != CALLBACK:
        raise NotWaiting(_("This step is not waiting for a callback."))
    try:
        with transaction.atomic():
            _settle(step, {"body": body})
    except AlreadyAnswered as error:
        if _same(error.outputs.get("body"), body):
            return False
        raise
    return True


def _same(one: Any, other: Any) -> bool:
    """Whether two JSON values say the same; in Python alone 1 and true would."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _settle(step: Step, outputs: Mapping[str, Any]) -> None:
    place = place_of(step)
    if wait_settle(place, outputs):
        advance_run.delay_on_commit(run_id=str(step.run_id))
        return
    now: Step = Step.objects.get(run_id=place.run_id, position=place.position, item=place.item)
    answered = now.state == StepState.COMPLETED and now.attempt == place.attempt
    if answered and "timeout" not in (now.outputs or {}):
        raise AlreadyAnswered(now.outputs or {})
    raise NotWaiting(_over(now))


def _over(step: Step) -> str:
    """Why a step that has asked is not waiting any more."""
    run: Run = Run.objects.only("cancel_requested_at", "finished_at").get(id=step.run_id)
    if run.cancel_requested_at is not None:
        return _("The run was cancelled, so this no longer needs an answer.")
    if step.state == StepState.CANCELLED:
        return _("The run has failed, so this no longer needs an answer.")
    if step.request and step.state in (StepState.WAITING, StepState.COMPLETED):
        return _("The time to answer has passed.")
    return _("This step is not waiting.")


def step_find(run_id: UUID, node: str, item: int) -> Step | None:
    """The step of a run by its node; None when it has not begun or there is none."""
    found: Step | None = (
        Step.objects.select_related("run__workflow")
        .filter(run_id=run_id, node=node.replace("\0", " "), item=item)
        .first()
    )
    return found
