"""Webhooks: genuine ones make us look, forged ones learn nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from apps.generations.adapters import webhook_url
from apps.generations.models import Generation, GenerationState
from apps.generations.services import generation_look
from apps.workspaces.models import Workspace
from tests.generations.conftest import look, money, send
from tests.generations.vendor import Vendor

pytestmark = pytest.mark.django_db
Start = Callable[..., Generation]


def call(row: Generation, *, url: str = "", job: str = "job-1", signature: str = "genuine") -> Any:
    """What the vendor sends."""
    path = url or urlsplit(webhook_url("sandbox", row.id)).path
    body = json.dumps({"id": job})
    return Client().post(path, body, content_type="application/json", headers={"Vendor-Signature": signature})


def test_webhook_means_look_now(start: Start, vendor: Vendor) -> None:
    row = send(start())
    Generation.objects.for_workspace(row.workspace_id).update(poll_after=timezone.now() + timedelta(hours=1))
    assert call(row).status_code == 202
    row.refresh_from_db()
    assert row.poll_after <= timezone.now()
    assert row.state == GenerationState.SUBMITTED


def test_address_is_what_the_vendor_was_told(start: Start, vendor: Vendor) -> None:
    send(start())
    path = urlsplit(vendor.submissions[0]["webhook"]).path
    assert Client().post(path, '{"id": "job-1"}', content_type="application/json").status_code == 404
    assert path.startswith("/hooks/providers/sandbox/")


def test_webhook_twice_and_late_changes_nothing(start: Start, vendor: Vendor, rich: Workspace) -> None:
    row = send(start())
    vendor.finish()
    assert [call(row).status_code, call(row).status_code] == [202, 202]
    look(row)
    settled = row.settled_at
    assert call(row).status_code == 202
    look(row)
    assert (row.settled_at, row.state, money(rich)) == (settled, GenerationState.SUCCEEDED, (1_500_000, 0))


def test_forged_webhooks_are_all_answered_alike(start: Start, vendor: Vendor) -> None:
    row = send(start())
    other = send(start())
    path = urlsplit(webhook_url("sandbox", row.id)).path
    forged = [
        call(row, url=path.replace(path.split("/")[-2], "0" * 64)),
        call(row, url=urlsplit(webhook_url("sandbox", uuid4())).path),
        call(row, url=path.replace("/sandbox/", "/another/")),
        call(row, url=path.replace(str(row.id), str(other.id))),
        call(row, signature="forged"),
        call(row, job="job-2"),
    ]
    assert {(answer.status_code, answer.content) for answer in forged} == {(404, b"")}
    assert Client().get(path).status_code == 405


def test_webhook_finds_a_lost_answer(start: Start, vendor: Vendor) -> None:
    vendor.fault = "lost"
    row = send(start())
    assert call(row).status_code == 202
    assert look(row).provider_request_id == "job-1"


def test_a_flood_of_webhooks_is_four_looks_a_second(start: Start, vendor: Vendor) -> None:
    from apps.generations.execution.polling import poll_due

    row = send(start())
    polls = vendor.polls
    now = timezone.now()
    for milliseconds in range(0, 1000, 50):
        generation_look(generation=row)
        moment = now + timedelta(milliseconds=1000 + milliseconds)
        list(poll_due(lambda moment=moment: moment))  # type: ignore[misc]
    assert vendor.polls - polls <= 5
