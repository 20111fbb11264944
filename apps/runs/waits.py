"""A waiting step: where it is, the address an answer comes to, and how exactly one answer settles it.

A step that waits is a row and nothing else. Whoever answers (a person, another system) and the driver that finds the
time over may come at the same moment; the rules here let one of them win:

- an answer locks the run, then settles the step only while it waits, in time, in a run that is not being cancelled;
- the driver lets the time-out win only after :func:`wait_rings`, which waits for an answer under way.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.urls import reverse

from apps.common.live import poke
from apps.engine.states import StepState
from apps.runs.journal import events_record
from apps.runs.models import Step

APPROVAL = "approval"
CALLBACK = "callback"
_PLACE = struct.Struct(">16sIIH")
_SIGNATURE = 16


@dataclass(frozen=True)
class Place:
    """One try of one item of a step: what an answer is for."""

    run_id: UUID
    position: int
    item: int
    attempt: int


def place_of(step: Step) -> Place:
    """Where the step's present try waits."""
    return Place(step.run_id, step.position, step.item, step.attempt)


def _signature(packed: bytes) -> bytes:
    key = f"runs.callback:{settings.SECRET_KEY}".encode()
    return hmac.new(key, packed, hashlib.sha256).digest()[:_SIGNATURE]


def callback_token(place: Place) -> str:
    """The secret part of a callback's address: the place and 128 bits of its signature. Nothing of it is stored."""
    packed = _PLACE.pack(place.run_id.bytes, place.position, place.item, place.attempt)
    return base64.urlsafe_b64encode(packed + _signature(packed)).decode().rstrip("=")


def callback_place(token: str) -> Place | None:
    """The place that a token of ours names; None for anything else."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) != _PLACE.size + _SIGNATURE or base64.urlsafe_b64encode(raw).decode().rstrip("=") != token:
        return None
    packed, signature = raw[: _PLACE.size], raw[_PLACE.size :]
    if not hmac.compare_digest(signature, _signature(packed)):
        return None
    run, position, item, attempt = _PLACE.unpack(packed)
    return Place(UUID(bytes=run), position, item, attempt)


def callback_url(place: Place) -> str:
    """The whole address another system posts to."""
    return str(settings.WEBHOOK_URL).rstrip("/") + reverse("run_hooks:callback", args=[callback_token(place)])


def request_shown(place: Place, request: Mapping[str, Any] | None, *, may_answer: bool) -> dict[str, Any] | None:
    """What a step waits for, with the callback's address for those who may run things: it is worth an answer."""
    if request is None:
        return None
    if request.get("kind") == CALLBACK and may_answer:
        return {**request, "url": callback_url(place)}
    return dict(request)


def wait_settle(place: Place, outputs: Mapping[str, Any]) -> bool:
    """Settle a waiting step with an answer's outputs and wake its run; False when it does not wait any more.

    One transaction, the run's row first, as the driver and the lanes do it. The run's timer is set to now: the sweeper
    finds the run even when the message to its driver is lost.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE runs_run SET wake_at = clock_timestamp()
            WHERE id = %s AND finished_at IS NULL AND cancel_requested_at IS NULL
            """,
            [place.run_id],
        )
        if cursor.rowcount != 1:
            return False
        cursor.execute(
            """
            UPDATE runs_step
            SET state = 'completed', outputs = %s::jsonb, wake_at = NULL, finished_at = clock_timestamp()
            WHERE run_id = %s AND position = %s AND item = %s AND attempt = %s AND state = 'waiting'
                AND request IS NOT NULL AND wake_at > clock_timestamp()
            RETURNING node, type
            """,
            [json.dumps(outputs), place.run_id, place.position, place.item, place.attempt],
        )
        row = cursor.fetchone()
        if row is None:
            transaction.set_rollback(True)
            return False
        _answer_tell(place, row[0], row[1], outputs)
    return True


def _answer_tell(place: Place, node: str, type_: str, outputs: Mapping[str, Any]) -> None:
    body = {
        "node": node,
        "item": place.item,
        "type": type_,
        "state": StepState.COMPLETED.value,
        "attempt": place.attempt,
        "outputs": outputs,
    }
    seq = events_record(place.run_id, [("step_succeeded", body)], wake=True)
    poke(f"run.{place.run_id}", seq=seq)


def wait_rings(place: Place) -> bool:
    """Whether the time of a waiting step is over and no answer came before: from now on none can.

    The lock waits for an answer whose transaction is open; answers go by the same clock, the database's.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT wake_at <= clock_timestamp() FROM runs_step
            WHERE run_id = %s AND position = %s AND item = %s AND attempt = %s AND state = 'waiting' FOR UPDATE
            """,
            [place.run_id, place.position, place.item, place.attempt],
        )
        row = cursor.fetchone()
    return bool(row and row[0])
