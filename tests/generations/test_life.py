"""Every way through the life of a paid call, one moment at a time, against a vendor over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.assets.models import Asset
from apps.common.tenancy import scope
from apps.generations.adapters import submission_build
from apps.generations.execution import timing
from apps.generations.execution.cancellation import send_cancel
from apps.generations.execution.claims import waiting_count
from apps.generations.execution.collection import collect
from apps.generations.execution.submission import place_fill, submit, submitted
from apps.generations.execution.sweeping import sweep
from apps.generations.models import Generation, GenerationOutput, GenerationState
from apps.generations.services import (
    GenerationNotUnclear,
    generation_cancel,
    generation_give_up,
)
from apps.workspaces.models import Workspace
from tests.generations.conftest import PRICE_HIGH, look, money, send, tick
from tests.generations.vendor import Vendor, VendorAdapter, png

pytestmark = pytest.mark.django_db
Start = Callable[..., Generation]
STATE = GenerationState


def test_success_is_copied_then_charged(start: Start, vendor: Vendor, rich: Workspace) -> None:
    row = start()
    assert (row.state, money(rich)) == (STATE.PREPARED, (0, PRICE_HIGH))
    send(row)
    assert (row.state, row.provider_request_id) == (STATE.SUBMITTED, "job-1")
    assert vendor.submissions[0]["attempt"] == str(row.id)
    vendor.only_job().update(state="running", progress=0.4, message="drawing")
    look(row)
    assert (row.state, row.progress, row.progress_message) == (STATE.RUNNING, 0.4, "drawing")
    assert row.started_at
    vendor.finish()
    look(row)
    assert (row.state, row.cost, row.error, money(rich)) == (STATE.SUCCEEDED, 1_500_000, "", (1_500_000, 0))
    (ref,) = row.outputs
    assert (ref["kind"], ref["width"], ref["height"]) == ("image", 32, 24)
    with scope(rich.id):
        assert [str(asset.id) for asset in row.assets.all()] == [ref["$asset"]]
    assert row.latency_ms is not None
    assert row.settled_at


def test_charge_is_never_more_than_the_hold(start: Start, vendor: Vendor, rich: Workspace) -> None:
    row = send(start())
    vendor.finish(cost=50_000_000)
    look(row)
    assert (row.cost, money(rich)) == (PRICE_HIGH, (PRICE_HIGH, 0))


def test_without_a_known_cost_the_hold_is_charged(start: Start, vendor: Vendor, rich: Workspace) -> None:
    row = send(start())
    vendor.finish(cost=None)
    look(row)
    assert money(rich) == (PRICE_HIGH, 0)


def test_outputs_keep_their_order(start: Start, vendor: Vendor) -> None:
    vendor.files |= {"a.png": png(10, 10), "b.png": png(20, 10), "c.png": png(30, 10)}
    row = send(start())
    vendor.finish("c.png", "a.png", "b.png")
    look(row)
    assert [ref["width"] for ref in row.outputs] == [30, 10, 20]
    outputs = GenerationOutput.objects.for_workspace(row.workspace_id).order_by("position")
    assert [str(output.asset_id) for output in outputs] == [ref["$asset"] for ref in row.outputs]


def test_refusal_is_not_charged_and_says_why(start: Start, vendor: Vendor, rich: Workspace) -> None:
    vendor.fault = "refuse"
    row = send(start())
    assert (row.state, row.error_code, row.permanent, money(rich)) == (STATE.FAILED, "refused", True, (0, 0))
    assert "the prompt is too long." in row.error
    assert row.error.endswith("You were not charged.")


def test_moderated_is_not_charged(start: Start, vendor: Vendor, rich: Workspace) -> None:
    row = send(start())
    vendor.only_job().update(state="failed", code="content_policy", message="no")
    look(row)
    assert (row.state, row.error_code, row.permanent, money(rich)) == (STATE.FAILED, "content_policy", True, (0, 0))


def test_vendor_failure_is_not_charged(start: Start, vendor: Vendor, rich: Workspace) -> None:
    row = send(start())
    vendor.only_job().update(state="failed", message="the card caught fire")
    look(row)
    assert (row.state, row.error_code, row.permanent, money(rich)) == (STATE.FAILED, "failed", False, (0, 0))
    assert "the card caught fire." in row.error


def test_a_busy_vendor_is_waited_for_and_then_given_up(start: Start, vendor: Vendor, rich: Workspace) -> None:
    vendor.fault = "busy"
    row = start()
    for _try in range(timing.SUBMIT_TRIES + 2):
        send(row)
        assert (row.state, row.tries, row.error) == (STATE.PREPARED, 0, "")
    assert row.progress_message.startswith("Sandbox is busy. It is asked again in ")
    long_ago = timezone.now() - timing.BUSY_LIMIT
    Generation.objects.for_workspace(rich.id).filter(id=row.id).update(busy_since=long_ago)
    send(row)
    assert (row.state, row.error_code, money(rich)) == (STATE.FAILED, "rate_limited", (0, 0))


def test_a_busy_vendor_says_when_to_come_back(start: Start, vendor: Vendor, rich: Workspace) -> None:
    vendor.fault, vendor.retry_after = "busy", 300.0
    row = start()
    found = submit(workspace_id=rich.id, generation_id=row.id)
    row.refresh_from_db()
    wait = (row.poll_after - timezone.now()).total_seconds()
    assert (found, 250 < wait < 361) == (None, True), "the tick finds it when it is due"
    assert row.deadline_at - timezone.now() > timedelta(hours=23), "waiting does not use up its time"
    vendor.fault = ""
    send(row)
    assert (row.state, row.busy_since, len(vendor.submissions)) == (STATE.SUBMITTED, None, 1)
    assert row.deadline_at - timezone.now() < timedelta(minutes=11)


def test_a_busy_vendor_that_asks_for_too_long_is_not_waited_for(start: Start, vendor: Vendor, rich: Workspace) -> None:
    vendor.fault, vendor.retry_after = "busy", 7200.0
    row = send(start())
    assert (row.state, row.error_code, money(rich)) == (STATE.FAILED, "rate_limited", (0, 0))


def test_busy_vendor_then_success_submits_once(start: Start, vendor: Vendor) -> None:
    vendor.fault = "busy"
    row = send(start())
    vendor.fault = ""
    send(row)
    assert (row.state, len(vendor.submissions)) == (STATE.SUBMITTED, 1)


def test_unreachable_vendor_is_tried_again(start: Start, vendor: Vendor) -> None:
    vendor.stop()
    assert send(start()).state == STATE.PREPARED


def test_lost_answer_is_found_and_never_sent_again(start: Start, vendor: Vendor, rich: Workspace) -> None:
    vendor.fault = "lost"
    row = send(start())
    assert (row.state, money(rich)) == (STATE.UNKNOWN, (0, PRICE_HIGH))
    assert submit(workspace_id=rich.id, generation_id=row.id) is None
    look(row)
    assert (row.state, row.provider_request_id, len(vendor.submissions)) == (STATE.SUBMITTED, "job-1", 1)
    vendor.finish()
    assert look(row).state == STATE.SUCCEEDED


def test_an_order_that_never_arrived_is_over_once_the_vendor_surely_knows_nothing_of_it(
    start: Start, vendor: Vendor, rich: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor.fault = "lost-before"
    row = send(start())
    assert look(row).state == STATE.UNKNOWN
    monkeypatch.setattr(VendorAdapter, "lookup_complete", True)
    assert look(row).state == STATE.UNKNOWN
    rows = Generation.objects.for_workspace(rich.id).filter(id=row.id)
    rows.update(submitted_at=timezone.now() - timing.NEVER_ARRIVED)
    row = look(row)
    assert (row.state, row.error_code, row.permanent, money(rich)) == (STATE.FAILED, "lost", False, (0, 0))


def test_lost_before_the_vendor_took_it_stays_unclear_until_a_person_decides(
    start: Start, vendor: Vendor, rich: Workspace
) -> None:
    vendor.fault = "lost-before"
    row = send(start())
    assert look(row).state == STATE.UNKNOWN
    generation_give_up(workspace_id=rich.id, generation_id=row.id)
    row.refresh_from_db()
    assert (row.state, row.error_code, money(rich)) == (STATE.FAILED, "given_up", (0, 0))
    with pytest.raises(GenerationNotUnclear):
        generation_give_up(workspace_id=rich.id, generation_id=row.id)


def test_unclear_past_its_deadline_expires_without_charge(start: Start, vendor: Vendor, rich: Workspace) -> None:
    vendor.fault = "lost-before"
    row = send(start())
    sweep(row.deadline_at + timedelta(seconds=1))
    row.refresh_from_db()
    assert (row.state, row.error_code, money(rich)) == (STATE.EXPIRED, "expired_unknown", (0, 0))


def test_a_person_is_asked_about_a_lost_answer_in_time_to_decide(
    start: Start,
    vendor: Vendor,
    rich: Workspace,
    alice: User,
    bob_client: Client,
    victor_client: Client,
    api: Callable[..., Client],
) -> None:
    vendor.fault = "lost-before"
    row = look(send(start()))
    home, path = "/w/mill/tape/unclear/", f"/api/v1/generations/{row.id}"
    client = api(alice, rich)
    sweep(timezone.now() + timedelta(minutes=1))
    assert bob_client.get(home).content.strip() == b""
    assert client.get(path).json()["question"] is None
    due = min(timing.ASK_AFTER, (row.deadline_at - row.created_at) / 2)
    assert row.submitted_at
    sweep(row.submitted_at + due + timedelta(seconds=1))
    row.refresh_from_db()
    assert (row.state, row.asks) == (STATE.UNKNOWN, True)
    asked = row.asked_at
    sweep(row.submitted_at + due + timedelta(seconds=9))
    row.refresh_from_db()
    assert row.asked_at == asked, "asked once"
    page = bob_client.get(home).content.decode()
    assert "cannot say whether it took this job" in page
    assert "give-up" not in victor_client.get(home).content.decode(), "who looks on decides nothing"
    assert "Without an answer it counts as failed" in bob_client.get(f"/w/mill/tape/{row.id}/").content.decode()
    told = client.get(path).json()["question"]
    assert told["give_up"] == f"{path}/give-up"
    answer = client.post(told["give_up"]).json()
    assert (answer["state"], answer["error_code"], answer["question"]) == ("failed", "given_up", None)
    assert money(rich) == (0, 0)
    assert bob_client.get(home).content.strip() == b""


def test_worker_killed_between_the_commit_and_the_post(start: Start, vendor: Vendor, rich: Workspace) -> None:
    row = start()
    Generation.objects.for_workspace(rich.id).filter(id=row.id).update(
        state=STATE.SUBMITTING, submitted_at=timezone.now(), poll_after=timezone.now() + timing.SUBMIT_LIMIT
    )
    sweep(timezone.now() + timedelta(seconds=10))
    row.refresh_from_db()
    assert row.state == STATE.SUBMITTING
    sweep(timezone.now() + timing.SUBMIT_LIMIT + timedelta(seconds=1))
    row.refresh_from_db()
    assert (row.state, vendor.submissions) == (STATE.UNKNOWN, [])
    assert submit(workspace_id=rich.id, generation_id=row.id) is None
    assert vendor.submissions == []


def test_answer_that_comes_after_the_sweeper_counts(start: Start, vendor: Vendor, rich: Workspace) -> None:
    """The worker was only slow: its POST was answered, so the row follows that job."""
    row = start()
    job = VendorAdapter(vendor.url).submit(submission_build(row))
    Generation.objects.for_workspace(rich.id).filter(id=row.id).update(state=STATE.UNKNOWN)
    assert submitted(row, job, timezone.now())
    assert (row.state, row.provider_request_id) == (STATE.SUBMITTED, "job-1")


def test_lost_message_is_made_up_by_the_tick(start: Start, vendor: Vendor) -> None:
    assert waiting_count() == 0
    row = start()
    assert waiting_count() == 1
    assert list(place_fill(lambda: None))
    assert (waiting_count(), vendor.only_job()["attempt"]) == (0, str(row.id))


def test_two_workers_submit_once(start: Start, vendor: Vendor, rich: Workspace) -> None:
    row = start()
    send(row)
    assert submit(workspace_id=rich.id, generation_id=row.id) is None
    assert len(vendor.submissions) == 1


def test_cancel_before_sending_is_at_once(start: Start, vendor: Vendor, rich: Workspace) -> None:
    row = start()
    row = generation_cancel(workspace_id=rich.id, generation_id=row.id)
    assert (row.state, money(rich)) == (STATE.CANCELLED, (0, 0))
    send(row)
    assert vendor.submissions == []


def test_cancel_while_running_reaches_the_vendor_and_releases(start: Start, vendor: Vendor, rich: Workspace) -> None:
    row = send(start())
    vendor.only_job().update(state="running", progress=0.2)
    look(row)
    row = generation_cancel(workspace_id=rich.id, generation_id=row.id)
    assert (row.state, money(rich)) == (STATE.RUNNING, (0, PRICE_HIGH))
    following = send_cancel(workspace_id=rich.id, generation_id=row.id)
    assert following is not None
    assert (following.act, vendor.cancels) == ("poll", ["job-1"])
    look(row)
    assert (row.state, row.error_code, money(rich)) == (STATE.CANCELLED, "cancelled", (0, 0))


def test_cancel_that_came_too_late_is_a_success_and_charged(start: Start, vendor: Vendor, rich: Workspace) -> None:
    row = send(start())
    vendor.cancel_works = False
    generation_cancel(workspace_id=rich.id, generation_id=row.id)
    send_cancel(workspace_id=rich.id, generation_id=row.id)
    vendor.finish()
    assert (look(row).state, money(rich)) == (STATE.SUCCEEDED, (1_500_000, 0))


def test_cancel_that_did_not_reach_the_vendor_is_sent_with_the_next_look(
    start: Start, vendor: Vendor, rich: Workspace
) -> None:
    row = send(start())
    generation_cancel(workspace_id=rich.id, generation_id=row.id)
    (following,) = tick(row)
    assert following.act == "cancel"


def test_cancel_of_a_lost_answer_follows_its_discovery(start: Start, vendor: Vendor, rich: Workspace) -> None:
    vendor.fault = "lost"
    row = send(start())
    generation_cancel(workspace_id=rich.id, generation_id=row.id)
    assert send_cancel(workspace_id=rich.id, generation_id=row.id) is None
    (following,) = tick(row)
    assert following.act == "cancel"


def test_cancelled_by_the_vendor(start: Start, vendor: Vendor, rich: Workspace) -> None:
    row = send(start())
    vendor.only_job().update(state="cancelled", message="maintenance")
    look(row)
    assert (row.state, row.error_code, money(rich)) == (STATE.CANCELLED, "cancelled_by_provider", (0, 0))


def test_deadline_expires_releases_and_tells_the_vendor(start: Start, vendor: Vendor, rich: Workspace) -> None:
    row = send(start())
    (following,) = sweep(row.deadline_at + timedelta(seconds=1))
    row.refresh_from_db()
    assert (row.state, row.error_code, money(rich)) == (STATE.EXPIRED, "expired", (0, 0))
    assert following.act == "cancel"
    send_cancel(workspace_id=rich.id, generation_id=row.id)
    assert vendor.cancels == ["job-1"]


def test_job_that_the_vendor_forgot_fails(start: Start, vendor: Vendor, rich: Workspace) -> None:
    row = send(start())
    vendor.jobs.clear()
    look(row)
    assert (row.state, row.error_code, money(rich)) == (STATE.FAILED, "not_found", (0, 0))


def test_vendor_down_during_polls_is_waited_for(start: Start, vendor: Vendor, rich: Workspace) -> None:
    row = send(start())
    vendor.stop()
    look(row)
    assert (row.state, money(rich)) == (STATE.SUBMITTED, (0, PRICE_HIGH))
    assert row.poll_after > timezone.now()


def test_wrong_kind_of_output_is_not_charged(start: Start, vendor: Vendor, rich: Workspace) -> None:
    vendor.files["out.png"] = b"I am no picture"
    row = send(start())
    vendor.finish()
    look(row)
    assert (row.state, row.error_code, money(rich)) == (STATE.FAILED, "bad_output", (0, 0))
    assert GenerationOutput.objects.for_workspace(rich.id).count() == 0


def test_success_without_a_file_is_not_charged(start: Start, vendor: Vendor, rich: Workspace) -> None:
    row = send(start())
    vendor.only_job().update(state="succeeded", outputs=[])
    look(row)
    assert (row.state, row.error_code, money(rich)) == (STATE.FAILED, "bad_output", (0, 0))


def test_copy_that_failed_is_repeated_and_keeps_what_it_had(start: Start, vendor: Vendor, rich: Workspace) -> None:
    vendor.files["second.png"] = png(64, 64)
    row = send(start())
    vendor.finish("out.png", "second.png")
    kept = vendor.files.pop("second.png")
    look(row)
    assert (row.state, money(rich)) == (STATE.SUBMITTED, (0, PRICE_HIGH))
    vendor.files["second.png"] = kept
    assert look(row).state == STATE.SUCCEEDED
    assert (len(row.outputs), Asset.objects.for_workspace(rich.id).count()) == (2, 2)


def test_copier_that_was_given_up_settles_nothing(start: Start, vendor: Vendor, rich: Workspace) -> None:
    """Two copies at once: the second claim fences the first, and the row settles once."""
    row = send(start())
    vendor.finish()
    tick(row)
    collect(workspace_id=rich.id, generation_id=row.id)
    collect(workspace_id=rich.id, generation_id=row.id)
    row.refresh_from_db()
    assert (row.state, money(rich)) == (STATE.SUCCEEDED, (1_500_000, 0))
    assert GenerationOutput.objects.for_workspace(rich.id).count() == 1
