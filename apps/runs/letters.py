"""The mails that ask for an approval: written once per request and person, sent at most once by themselves.

A sweep finds the steps that ask and were not written about, so nothing depends on a message of the driver's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.core import signing
from django.core.mail import EmailMultiAlternatives
from django.db import connection, transaction
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from apps.common.mail import FAILURES, mail_backoff, mail_deliver, mail_may_go_again, mail_refusal
from apps.common.tenancy import scope, unscoped
from apps.projects.sight import people_with
from apps.runs.listing import run_titles
from apps.runs.models import APPROVAL_TYPE, Letter, Run, Step
from apps.workspaces.models import Membership, Role

log = structlog.get_logger(__name__)

SALT = "runs.letter"
BATCH = 100
MAX_TRIES = 8
# Beyond that a workspace's approvals wait on their page only: a graph must not become a mailing machine.
LETTERS_PER_HOUR = 200
# A role may be held by many.
MEMBERS_MAX = 20


def letter_token(letter: Letter) -> str:
    """The signed part of a letter's link."""
    return signing.dumps(letter.id.hex, salt=SALT)


def letter_find(token: str) -> Letter | None:
    """The letter of a link; None when the link is not ours, too old, or its letter decides nothing by itself."""
    try:
        name = signing.loads(token, salt=SALT, max_age=timedelta(days=31))
    except signing.BadSignature:
        return None
    with unscoped("a letter's link is what tells the workspace"):
        found: Letter | None = Letter.objects.select_related("workspace").filter(id=UUID(name), named=True).first()
    return found


def approvals_ask() -> None:
    """Write letters for approvals that began to wait since the last look."""
    with unscoped("a sweep over all workspaces"):
        steps = list(
            Step.objects.filter(type=APPROVAL_TYPE, state="waiting", asked_at=None).order_by("started_at")[:BATCH]
        )
    for step in steps:
        with scope(step.workspace_id), transaction.atomic():
            # Two sweeps at once: the second finds it asked, or its letters there.
            asked = Step.objects.filter(
                run_id=step.run_id, position=step.position, item=step.item, state="waiting", asked_at=None
            ).update(asked_at=timezone.now())
            if asked:
                letters_write(step)


def letters_write(step: Step) -> int:
    """Write the letters of a step that asks; how many. None in an hour in which there were too many."""
    recent = Letter.objects.filter(created_at__gt=timezone.now() - timedelta(hours=1)).count()
    addresses = _addresses(step, (step.request or {}).get("approvers") or [])
    if recent + len(addresses) > LETTERS_PER_HOUR:
        log.warning("too many letters", action="letters_write", run=str(step.run_id), workspace=str(step.workspace_id))
        return 0
    letters = [
        Letter(
            workspace_id=step.workspace_id,
            run_id=step.run_id,
            position=step.position,
            item=step.item,
            attempt=step.attempt,
            address=address,
            named=named,
        )
        for address, named in addresses.items()
    ]
    Letter.objects.bulk_create(letters, ignore_conflicts=True)
    return len(letters)


def _addresses(step: Step, approvers: list[str]) -> Mapping[str, bool]:
    """To whom to write, and whether the address was named; nobody is written to twice."""
    found = {approver: True for approver in approvers if approver not in Role.values}
    roles = [Role(approver) for approver in approvers if approver in Role.values]
    if roles or not approvers:
        least = min(roles, key=lambda role: role.rank, default=Role.EDITOR)
        members = _members(step, least).exclude(user__is_service=True)
        emails = members.order_by("created_at").values_list("user__email", flat=True)[:MEMBERS_MAX]
        found = {**{email.lower(): False for email in emails}, **found}
    return found


def _members(step: Step, least: Role) -> QuerySet[Membership]:
    if step.run.project is not None:
        return people_with(step.run.project, least)
    enough = [role.value for role in Role if role.includes(least)]
    return Membership.objects.filter(workspace_id=step.workspace_id, role__in=enough, user__is_active=True)


def letters_due() -> list[UUID]:
    """Letters to be sent, or whose message was lost; the next look at each is a minute away."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE runs_letter SET due_at = statement_timestamp() + interval '60 seconds' WHERE id IN (
                SELECT id FROM runs_letter WHERE due_at <= statement_timestamp()
                ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED
            ) RETURNING id
            """,
            [BATCH],
        )
        return [row[0] for row in cursor.fetchall()]


def letter_send(letter_id: UUID) -> None:
    """Send one letter, at most once: it is claimed first, and given back only when surely nothing was sent."""
    with unscoped("the message names the letter alone"):
        letter = Letter.objects.select_related("workspace").filter(id=letter_id).first()
    if letter is None:
        return
    with scope(letter.workspace_id):
        claimed = Letter.objects.filter(id=letter.id, due_at__isnull=False, sent_at=None).update(
            due_at=None, tries=letter.tries + 1
        )
        step = letter_step(letter)
        if not claimed or step is None or step.state != "waiting":
            return
        try:
            mail_deliver(letter_message(letter, step))
        except FAILURES as error:
            _failed(letter, error)
        else:
            Letter.objects.filter(id=letter.id).update(sent_at=timezone.now(), error="")


def letter_step(letter: Letter) -> Step | None:
    """The step that the letter asks about, in the try it asks about."""
    place = {"position": letter.position, "item": letter.item, "attempt": letter.attempt}
    found: Step | None = Step.objects.select_related("run__workflow").filter(run_id=letter.run_id, **place).first()
    return found


def _failed(letter: Letter, error: Exception) -> None:
    """Try again later what was surely not sent and may be taken then."""
    again = mail_may_go_again(error) and letter.tries + 1 < MAX_TRIES
    due = timezone.now() + mail_backoff(letter.tries) if again else None
    Letter.objects.filter(id=letter.id).update(due_at=due, error=mail_refusal(error) or type(error).__name__)
    log.warning("letter not sent", action="letter_send", letter=str(letter.id), error=type(error).__name__)


def letter_link(letter: Letter, step: Step) -> str:
    """Where the letter leads: a named address to its own page, a member to the workspace's."""
    if letter.named:
        path = reverse("approval_links:answer", args=[letter_token(letter)])
    else:
        path = reverse("runs:approval_detail", args=[letter.workspace.slug, step.run_id, step.node, step.item])
    return f"{settings.PUBLIC_URL}{path}"


def letter_message(letter: Letter, step: Step) -> EmailMultiAlternatives:
    """The mail in the site's language: nobody has told us another one."""
    run: Run = step.run
    request: dict[str, Any] = step.request or {}
    context = {
        "workspace": letter.workspace,
        "title": run_titles(run).get(step.node, step.node),
        "workflow": run.workflow.name if run.workflow else "",
        "message": request.get("message", ""),
        "value": _glimpse((step.inputs or {}).get("value")),
        "until": step.wake_at,
        "link": letter_link(letter, step),
        "named": letter.named,
        "address": letter.address,
    }
    subject = " ".join(render_to_string("runs/mail/approval_subject.txt", context).split())[:200]
    text = render_to_string("runs/mail/approval_message.txt", context)
    message = EmailMultiAlternatives(
        subject, text, None, [letter.address], headers={"Auto-Submitted": "auto-generated"}
    )
    message.attach_alternative(render_to_string("runs/mail/approval_message.html", context), "text/html")
    return message


def _glimpse(value: Any) -> str:
    """A short text as it is; anything else is seen on the page."""
    if isinstance(value, str):
        return value if len(value) <= 1000 else value[:1000] + "…"
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
