"""Approvals as people meet them: the pages of a workspace, and the API."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.common.tenancy import scope
from apps.runs import services
from apps.runs.driver import advance
from apps.runs.models import Step
from apps.workspaces.models import Membership, Workspace
from tests.runs.asking import Started, given, pages, ring, step

# --- Pages of the workspace -----------------------------------------------------------------------------------------


def test_an_empty_list_says_what_to_do(alice_client: Client, workspace: Workspace) -> None:
    page = alice_client.get(f"/w/{workspace.slug}/approvals/").content.decode()
    assert "Nothing is waiting for a decision" in page
    assert "Open projects" in page


def test_the_panel_of_the_step_leads_to_it_open_or_not(
    bob_client: Client, workspace: Workspace, started: Started
) -> None:
    run = started(message="Print the poster?")
    place, answer = pages(workspace, run)
    for _state in ("open", "decided"):
        panel = bob_client.get(f"/w/{workspace.slug}/runs/{run.id}/steps/ask/0/").content.decode()
        assert f'href="{place}"' in panel
        bob_client.post(answer, {"decision": "approve"})


def test_the_list_has_what_is_open_and_what_was_decided(
    bob_client: Client, bob: User, workspace: Workspace, started: Started
) -> None:
    run, other = started(message="Print the poster?"), started(message="Send it?")
    bob_client.post(pages(workspace, other)[1], {"decision": "approve"})
    page = bob_client.get(f"/w/{workspace.slug}/approvals/").content.decode()
    waiting, decided = page.split('id="approvals-past"')
    assert "Print the poster?" in waiting and "You can decide" in waiting
    assert "Send it?" in decided and "Approved" in decided and "Bob" in decided
    assert pages(workspace, run)[0] in waiting


def test_the_list_of_one_run(bob_client: Client, bob: User, workspace: Workspace, started: Started) -> None:
    run, other = started(message="Print the poster?"), started(message="Send it?")
    text = bob_client.get(f"/w/{workspace.slug}/approvals/?run={run.id}").content.decode()
    assert "Print the poster?" in text and "Send it?" not in text
    assert "Approvals of one run." in text and pages(workspace, other)[0] not in text
    assert bob_client.get(f"/w/{workspace.slug}/approvals/?run=nonsense").status_code == 404


def test_history_is_paged(bob_client: Client, bob: User, workspace: Workspace, started: Started) -> None:
    run = started(message="First?")
    bob_client.post(pages(workspace, run)[1], {"decision": "reject"})
    with scope(workspace.id):
        row = step(run)
        Step.objects.bulk_create(
            [
                Step(
                    workspace_id=workspace.id, run_id=run.id, position=row.position, item=n, node="ask",
                    type="flow.approval", state="completed", request=row.request, outputs=row.outputs,
                    inputs=row.inputs, started_at=timezone.now() + timedelta(seconds=n), finished_at=timezone.now(),
                )
                for n in range(1, 41)
            ]
        )  # fmt: skip
    first = bob_client.get(f"/w/{workspace.slug}/approvals/").content.decode()
    more = re.search(r'hx-get="([^"]+cursor[^"]+)"', first)
    assert more
    second = bob_client.get(more[1].replace("&amp;", "&"), headers={"HX-Request": "true"}).content.decode()
    rows = re.compile(r"approvals/[0-9a-f-]{36}/ask/(\d+)/")
    assert sorted(int(n) for n in rows.findall(first) + rows.findall(second)) == list(range(41))
    assert bob_client.get(f"/w/{workspace.slug}/approvals/?cursor=nonsense").status_code == 404


def test_the_navigation_counts(alice_client: Client, workspace: Workspace, started: Started, see: Any) -> None:
    count = f"/w/{workspace.slug}/approvals/count/"
    assert alice_client.get(count).content.decode().strip() == ""
    run = started()
    started()
    assert "2 approvals waiting" in alice_client.get(count).content.decode()
    with scope(workspace.id):
        services.run_cancel(run=run)
    assert "1 approval waiting" in alice_client.get(count).content.decode()
    assert count in alice_client.get(f"/w/{workspace.slug}/approvals/").content.decode()


def test_deciding_on_the_page(
    bob_client: Client, victor_client: Client, workspace: Workspace, started: Started, see: Any
) -> None:
    run = started(message="Print <b>it</b>?")
    page, answer = pages(workspace, run)
    text = bob_client.get(page).content.decode()
    assert "Print &lt;b&gt;it&lt;/b&gt;?" in text
    assert "sea" in text
    assert ">Approve<" in text.replace("</svg>", ">").replace(">>", ">")
    assert "Only any editor" not in text
    assert "any editor" in victor_client.get(page).content.decode()
    assert victor_client.post(answer, {"decision": "approve"}).status_code == 403
    assert bob_client.get(answer).status_code == 405, "a GET decides nothing"
    done = bob_client.post(answer, {"decision": "approve", "comment": "Go on"}, follow=True)
    text = done.content.decode()
    assert "Approved" in text and "by Bob on this site" in text and "Go on" in text
    late = bob_client.post(answer, {"decision": "reject"}, follow=True).content.decode()
    assert "Bob answered first" in late
    assert see(given, run)["decision"]["decision"] == "approve"


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({}, "Choose Approve or Reject."),
        ({"decision": "maybe"}, "Choose Approve or Reject."),
        ({"decision": "approve", "comment": "x" * 2001}, "2000"),
        ({"decision": "approve", "comment": "a\x00b"}, "Null characters"),
    ],
)
def test_bad_forms(
    bob_client: Client, workspace: Workspace, started: Started, see: Any, form: dict[str, str], said: str
) -> None:
    run = started()
    answer = bob_client.post(pages(workspace, run)[1], form)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert see(step, run).state == "waiting"


def test_expired_and_cancelled_pages_say_so(
    bob_client: Client, workspace: Workspace, started: Started, see: Any
) -> None:
    late, gone = started(), started()
    see(ring, late)
    with scope(workspace.id):
        services.run_cancel(run=gone)
    for run, said in ((late, "Nobody answered in time"), (gone, "The run was cancelled")):
        for _ in range(2):
            text = bob_client.get(pages(workspace, run)[0]).content.decode()
            assert said in text
            assert 'value="approve"' not in text
            see(advance, run.id)
    told = bob_client.post(pages(workspace, late)[1], {"decision": "approve"}, follow=True).content.decode()
    assert "time to answer has passed" in told


def test_the_console_leads_there_and_tells_who_decided(
    bob_client: Client, workspace: Workspace, started: Started, see: Any
) -> None:
    run = started()
    console = f"/w/{workspace.slug}/runs/{run.id}/"
    assert pages(workspace, run)[0] in bob_client.get(console).content.decode()
    panel = bob_client.get(f"{console}steps/ask/0/").content.decode()
    assert pages(workspace, run)[0] in panel and "Nobody answered" not in panel
    bob_client.post(pages(workspace, run)[1], {"decision": "reject", "comment": "too blue"})
    see(advance, run.id)
    text = bob_client.get(console).content.decode()
    assert "Rejected by Bob on this site." in text and "too blue" in text
    panel = bob_client.get(f"{console}steps/ask/0/").content.decode()
    assert "Rejected by Bob on this site." in panel and pages(workspace, run)[0] in panel


def test_unknown_places(bob_client: Client, workspace: Workspace, started: Started) -> None:
    run = started()
    base = f"/w/{workspace.slug}/approvals"
    for path in (f"{base}/{run.id}/words/0/", f"{base}/{run.id}/ask/1/", f"{base}/{workspace.id}/ask/0/"):
        assert bob_client.get(path).status_code == 404
        assert bob_client.post(f"{path}answer/", {"decision": "approve"}).status_code == 404
    assert bob_client.get(f"{base}/{run.id}/ask/99999999999999/").status_code == 404


# --- API ------------------------------------------------------------------------------------------------------------


def test_deciding_over_the_api(
    api: Callable[..., Client], bob: User, token_for: Any, workspace: Workspace, started: Started, see: Any
) -> None:
    run = started()
    path = f"/api/v1/runs/{run.id}/steps/ask/0/answer"
    client = api(token_for(bob, workspace))
    answer = client.post(path, {"decision": "approve", "comment": "ok"}, "application/json")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["run"], body["node"], body["item"]) == (str(run.id), "ask", 0)
    assert (body["decision"]["who"]["name"], body["decision"]["how"]) == ("Bob", "api")
    late = client.post(path, {"decision": "reject"}, "application/json")
    assert (late.status_code, late.json()["type"]) == (409, "/problems/already-decided")
    assert late.json()["decision"] == body["decision"]
    see(advance, run.id)
    assert see(step, run, "approved").state == "completed"


@pytest.mark.parametrize(
    "body",
    [
        {}, {"decision": "maybe"}, {"decision": None}, {"decision": ["approve"]},
        {"decision": "approve", "comment": 7}, {"decision": "approve", "comment": "x" * 2001},
        {"decision": "approve", "comment": "a\u0000b"},
    ],
)  # fmt: skip
def test_bad_bodies(api: Callable[..., Client], started: Started, see: Any, body: Any) -> None:
    run = started()
    answer = api().post(f"/api/v1/runs/{run.id}/steps/ask/0/answer", body, "application/json")
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")
    assert see(step, run).state == "waiting"


def test_a_body_that_is_no_object(api: Callable[..., Client], started: Started, see: Any) -> None:
    run = started()
    answer = api().post(f"/api/v1/runs/{run.id}/steps/ask/0/answer", [], "application/json")
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/bad-request")
    assert see(step, run).state == "waiting"


def test_who_may_over_the_api(
    api: Callable[..., Client], token_for: Any, bob: User, charlie: User, foreign_workspace: Workspace,
    workspace: Workspace, started: Started, see: Any,
) -> None:  # fmt: skip
    run = started(approvers=["admin"])
    body, path = {"decision": "approve"}, f"/api/v1/runs/{run.id}/steps/ask/0/answer"

    def status(token: str, at: str = path) -> int:
        return api(token).post(at, body, "application/json").status_code

    refused = api(token_for(bob, workspace)).post(path, body, "application/json")
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/not-approver")
    assert status(token_for(charlie, foreign_workspace)) == 404
    assert status(token_for(bob, workspace, scopes=["read", "projects:write"])) == 403
    assert status(token_for(bob, workspace), path.replace("/ask/0/", "/ask/1/")) == 404
    assert status(token_for(bob, workspace), path.replace("/ask/", "/nothing/")) == 404
    assert status(token_for(bob, workspace), path.replace("/ask/", "/words/")) == 409
    secret = token_for(bob, workspace)
    Membership.objects.filter(user=bob).delete()
    assert status(secret) == 401
    assert see(step, run).state == "waiting"


def test_a_step_says_what_it_waits_for(api: Callable[..., Client], started: Started) -> None:
    run = started(message="Print it?", approvers=["admin"])
    items = api().get(f"/api/v1/runs/{run.id}/steps").json()["items"]
    asked = next(item for item in items if item["node"] == "ask")
    assert asked["state"] == "waiting"
    assert asked["outputs"] is None
    assert asked["request"] == {"kind": "approval", "message": "Print it?", "approvers": ["admin"]}
