from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from apps.accounts.models import User
from apps.billing.services import (
    credits_clawback,
    credits_freeze,
    credits_grant,
    credits_hold,
    credits_topup,
    hold_capture,
)
from apps.common.ids import uuid7
from apps.workspaces.models import Workspace

pytestmark = pytest.mark.django_db
C = 1_000_000
LEDGER = "/w/mill/billing/"
PATHS = [LEDGER, "/w/mill/billing/balance/", "/w/mill/billing/ledger.csv"]


def grant(workspace: Workspace, times: int = 1, reason: str = "Welcome") -> None:
    for _ in range(times):
        credits_grant(workspace_id=workspace.id, amount=10 * C, reason=reason, source="test", source_id=str(uuid7()))


def charge(workspace: Workspace, micro: int, description: str) -> None:
    hold_id = uuid7()
    credits_hold(workspace_id=workspace.id, hold_id=hold_id, amount=micro, description="Quote")
    hold_capture(hold_id=hold_id, amount=micro, description=description)


@pytest.mark.parametrize("path", PATHS)
def test_every_member_may_look_and_nobody_else(
    path: str, alice_client: Client, victor_client: Client, charlie_client: Client
) -> None:
    assert alice_client.get(path).status_code == 200
    assert victor_client.get(path).status_code == 200
    assert charlie_client.get(path).status_code == 404
    assert Client().get(path).status_code == 302
    assert alice_client.post(path).status_code == 405


def test_an_empty_ledger_offers_the_next_step(alice_client: Client, workspace: Workspace) -> None:
    page = alice_client.get(LEDGER).content.decode()
    assert "Nothing was granted or spent yet" in page


def test_the_ledger_tells_what_it_went_to(alice_client: Client, workspace: Workspace) -> None:
    grant(workspace, 123)
    charge(workspace, 2_500_000, "sandbox/image: a <b>lighthouse</b>")
    credits_hold(workspace_id=workspace.id, hold_id=uuid7(), amount=7 * C, description="Postcard", run_id=uuid7())
    page = alice_client.get(LEDGER).content.decode()
    for words in ("1,220.5", "1,227.5", "−2.5", "a &lt;b&gt;lighthouse", "Held now", "Postcard", "tape/"):
        assert words in page
    assert "+10" in page


def test_pages_of_the_ledger(
    alice_client: Client, workspace: Workspace, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    grant(workspace, 60)
    first = alice_client.get(LEDGER)
    assert len(first.context["lines"]) == 50
    with django_assert_max_num_queries(8):
        rest = alice_client.get(LEDGER, {"cursor": first.context["next"]}, headers={"HX-Request": "true"})
    assert rest.content.decode().count("<tr>") == 10
    assert "<html" not in rest.content.decode()
    assert alice_client.get(LEDGER, {"cursor": "nonsense"}).status_code == 404


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("kind=capture", 1),
        ("words=LIGHT", 1),
        ("words=nothing", 0),
        ("since=2020-01-01&until=2020-01-02", 0),
        ("since=2020-01-01", 3),
        ("kind=theft", 3),
        ("run=not-an-id", 3),
        ("since=2020-01-02&until=2020-01-01", 3),
    ],
)
def test_filters(alice_client: Client, workspace: Workspace, query: str, count: int) -> None:
    grant(workspace, 2)
    charge(workspace, C, "sandbox/image: lighthouse")
    assert len(alice_client.get(f"{LEDGER}?{query}").context["lines"]) == count


def test_the_ledger_tells_who_and_from_which_credits_and_what_is_owed(
    alice: User, alice_client: Client, workspace: Workspace
) -> None:
    credits_topup(
        workspace_id=workspace.id,
        amount=10 * C,
        source="test",
        source_id="1",
        description="Small pack",
        actor_id=alice.id,
        expires_at=timezone.now() + timedelta(days=30),
    )
    grant(workspace)
    charge(workspace, 12 * C, "Film")
    credits_freeze(workspace_id=workspace.id, amount=3 * C, source="test", source_id="2", description="Contested")
    page = alice_client.get(LEDGER).content.decode()
    for words in ("alice@example.org", "Granted 10 · Bought 2", "3 credits are set aside", "What is left", "of 10"):
        assert words in page
    credits_clawback(workspace_id=workspace.id, amount=10 * C, source="test", source_id="3", description="Refunded")
    page = alice_client.get(LEDGER, {"kind": "refund"}).content.decode()
    assert "5 credits are owed" in page
    assert "5 were spent before" in page


def test_csv_is_exact_complete_and_harmless(alice_client: Client, workspace: Workspace) -> None:
    grant(workspace, 60, reason='=HYPERLINK("x")')
    charge(workspace, 1_234_567, "sandbox/image")
    response = alice_client.get("/w/mill/billing/ledger.csv")
    text = b"".join(response).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    assert len(rows) == 62
    assert rows[1][4:6] == ["-1.234567", "598.765433"]
    assert rows[2][3] == '\'=HYPERLINK("x")'
    assert (rows[0][8], rows[1][8:11]) == ("Project", ["", "0.000000", "Granted -1.234567"])


@pytest.mark.parametrize("wrong", ["kind=zz", "since=x", "run=x", "since=2026-11-02&until=2026-11-01"])
def test_a_wrong_filter_exports_nothing_but_leads_to_where_it_is_said(alice_client: Client, wrong: str) -> None:
    answer = alice_client.get(f"/w/mill/billing/ledger.csv?{wrong}")
    assert (answer.status_code, answer["Location"]) == (302, f"/w/mill/billing/?{wrong}")
    assert alice_client.get(answer["Location"]).status_code == 200


def test_the_balance_fragment(alice_client: Client, workspace: Workspace) -> None:
    grant(workspace, 988)
    credits_hold(workspace_id=workspace.id, hold_id=uuid7(), amount=12 * C, description="Quote")
    response = alice_client.get("/w/mill/billing/balance/")
    html = response.content.decode()
    assert html.startswith('<div id="balance"')
    assert "9,868 credits" in html
    assert "12 held" in html
    assert "hx-swap-oob" not in html
    assert "no-store" in response["Cache-Control"]
