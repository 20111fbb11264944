"""How often may be asked: over the API, by strangers, at hooks and links; and what happens when nobody can say."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.test import Client

from apps.accounts.models import User
from apps.common import buckets
from apps.common.tenancy import scope
from apps.projects.models import Workflow
from apps.projects.services import project_create, workflow_create
from apps.runs.models import Run
from apps.workspaces.limits import address_of
from apps.workspaces.models import Invitation, Workspace
from apps.workspaces.plans import PLANS, PlanName

pytestmark = pytest.mark.django_db
Api = Callable[..., Client]
RUN = {"nodes": [{"id": "a", "type": "test.pass", "params": {}}], "edges": []}


@pytest.fixture
def small_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty requests at once, then one in a hundred seconds."""
    monkeypatch.setitem(PLANS, PlanName.FREE, replace(PLANS[PlanName.FREE], rate=0.01, burst=20))


@pytest.fixture
def redis_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The limiter's Redis is at a port where nobody listens; everything else has the real one."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setattr(settings, "LIMITS_REDIS_URL", f"redis://127.0.0.1:{unused.getsockname()[1]}/0")
        monkeypatch.setattr(buckets, "_breaker", buckets.Breaker())
        buckets._client.cache_clear()
        yield
    buckets._client.cache_clear()


@pytest.fixture
def workflow(workspace: Workspace, alice: User) -> Workflow:
    with scope(workspace.id):
        project = project_create(workspace_id=workspace.id, name="P", actor_id=alice.id)
        return workflow_create(workspace_id=workspace.id, project_id=project.id, name="W", graph=RUN, actor_id=alice.id)


def start(client: Client, workflow: Workflow) -> Any:
    return client.post(f"/api/v1/workflows/{workflow.id}/runs", "{}", content_type="application/json")


def numbers(field: str) -> dict[str, dict[str, int]]:
    """The list of a RateLimit field, by policy."""
    found = {}
    for item in field.split(", "):
        name, *rest = item.split(";")
        found[name.strip('"')] = {key: int(value) for key, value in (one.split("=") for one in rest)}
    return found


def test_every_answer_says_what_is_left(api: Api) -> None:
    client = api()
    answers = [client.get("/api/v1/me") for _ in range(2)]
    plan = PLANS[PlanName.FREE]
    policy = numbers(answers[0].headers["RateLimit-Policy"])
    assert policy == {
        "workspace": {"q": plan.burst, "w": 10},
        "person": {"q": int(plan.burst * 0.9), "w": 10},
        "token": {"q": int(plan.burst * 0.8), "w": 10},
    }
    left = [numbers(answer.headers["RateLimit"])["token"]["r"] for answer in answers]
    assert left[0] == policy["token"]["q"] - 1
    assert client.get("/api/v1/runs/no-such").headers["RateLimit"]  # refusals say it too


def test_over_the_limit(api: Api, small_plan: None) -> None:
    client = api()
    answers = [client.get("/api/v1/me") for _ in range(20)]
    assert [answer.status_code for answer in answers] == [200] * 16 + [429] * 4  # a token has eight tenths
    refused = answers[-1]
    problem = refused.json()
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert (problem["type"], problem["violated"]) == ("/problems/too-many-requests", ["token"])
    wait = int(refused.headers["Retry-After"])
    assert 100 < wait <= 125
    assert f"{wait} seconds" in problem["detail"]
    assert numbers(refused.headers["RateLimit"])["token"]["r"] == 0
    # What was refused took nothing from anybody.
    assert numbers(refused.headers["RateLimit"])["workspace"]["r"] == 4


def test_limits_are_the_plans_and_the_workspaces_own(
    api: Api, small_plan: None, workspace: Workspace, charlie: User, foreign_workspace: Workspace, token_for: Any
) -> None:
    client = api()
    while client.get("/api/v1/me").status_code == 200:
        pass
    assert Client(headers=bearer(token_for(charlie, foreign_workspace))).get("/api/v1/me").status_code == 200
    Workspace.objects.filter(id=workspace.id).update(plan=PlanName.TEAM)
    answer = client.get("/api/v1/me")
    assert numbers(answer.headers["RateLimit-Policy"])["workspace"]["q"] == PLANS[PlanName.TEAM].burst


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def test_two_tokens_of_one_person_share_that_persons_part(
    small_plan: None, token_for: Any, alice: User, bob: User, workspace: Workspace
) -> None:
    first, second, other = [Client(headers=bearer(token_for(person, workspace))) for person in (alice, alice, bob)]
    assert [first.get("/api/v1/me").status_code for _ in range(16)] == [200] * 16
    assert [second.get("/api/v1/me").status_code for _ in range(3)] == [200, 200, 429]
    assert [other.get("/api/v1/me").status_code for _ in range(3)] == [200, 200, 429]


def test_starts_have_a_limit_of_their_own(api: Api, small_plan: None, workflow: Workflow) -> None:
    client = api()
    answers = [start(client, workflow) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [202] * 10 + [429]
    assert answers[-1].json()["violated"] == ["starts"]
    assert client.get("/api/v1/me").status_code == 200


def test_a_page_says_it_where_the_person_is(
    alice_client: Client, workspace: Workspace, workflow: Workflow, small_plan: None, api: Api
) -> None:
    client = api()
    while start(client, workflow).status_code == 202:
        pass
    run = Run.objects.for_workspace(workspace.id).first()
    assert run is not None
    url = f"/w/{workspace.slug}/runs/{run.id}/again/"
    whole = alice_client.post(url)
    assert whole.status_code == 429
    assert b"Try again in" in whole.content
    part = alice_client.post(url, headers={"HX-Request": "true"})
    assert (part.status_code, part.json()["detail"][:18]) == (429, "Too many requests.")


def test_strangers_are_counted_by_address(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.workspaces.limits.address_limit.__kwdefaults__", {"rate": 0.01, "burst": 3})
    wrong = {"Authorization": "Bearer mr_wrong"}
    answers = [client.get("/api/v1/me", headers=wrong).status_code for _ in range(5)]
    assert answers == [401, 401, 401, 429, 429]
    assert client.get("/api/v1/me", headers=wrong, REMOTE_ADDR="192.0.2.7").status_code == 401
    # Links of invitations are tried by strangers too.
    page = client.get("/invitations/made-up/")
    assert page.status_code == 429


@pytest.mark.parametrize(
    ("remote", "forwarded", "proxies", "address"),
    [
        ("192.0.2.1", "", 0, "192.0.2.1"),
        ("192.0.2.1", "203.0.113.9", 0, "192.0.2.1"),  # nobody is believed who was not asked
        ("127.0.0.1", "198.51.100.1, 203.0.113.9", 1, "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "", 0, "2001:db8:1:2::"),
        ("::ffff:192.0.2.1", "", 0, "192.0.2.1"),
    ],
)
def test_whose_address(
    rf: Any, monkeypatch: pytest.MonkeyPatch, remote: str, forwarded: str, proxies: int, address: str
) -> None:
    monkeypatch.setattr(settings, "ALLAUTH_TRUSTED_PROXY_COUNT", proxies)
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert address_of(rf.get("/", REMOTE_ADDR=remote, headers=headers)) == address


def test_signing_in_is_limited(client: Client, alice: User) -> None:
    EmailAddress.objects.filter(user=alice).update(verified=True)
    form = {"login": alice.email, "password": "wrong"}
    address = f"198.51.100.{uuid4().int % 250}"
    texts = [client.post("/accounts/login/", form, REMOTE_ADDR=address).content.decode() for _ in range(6)]
    assert re.search("Too many failed", texts[-1])
    assert not re.search("Too many failed", texts[0])


def test_invitations_are_limited(alice_client: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.workspaces.views.INVITATION_BURST", 2)
    url = f"/w/{workspace.slug}/settings/members/invite/"
    answers = [alice_client.post(url, {"email": f"p{n}@example.org", "role": "editor"}) for n in range(3)]
    assert [answer.status_code for answer in answers] == [302, 302, 422]
    assert b"p2@example.org" in answers[-1].content  # what was typed is kept
    assert Invitation.objects.for_workspace(workspace.id).count() == 2


def test_without_redis_reads_pass_and_starts_do_not(api: Api, workflow: Workflow, redis_away: None) -> None:
    client = api()
    read = client.get(f"/api/v1/workflows/{workflow.id}")
    assert (read.status_code, "RateLimit" in read.headers) == (200, False)
    rename = client.patch(
        f"/api/v1/projects/{workflow.project_id}", json.dumps({"name": "Q"}), content_type="application/json"
    )
    assert rename.status_code == 200
    refused = start(client, workflow)
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/limiter-down")
    assert "nothing was charged" in refused.json()["detail"]
    assert refused.headers["Retry-After"]
    assert not Run.objects.for_workspace(workflow.workspace_id).exists()


def test_without_redis_a_page_still_opens_and_a_start_says_why_not(
    alice_client: Client, workspace: Workspace, workflow: Workflow, redis_away: None
) -> None:
    assert alice_client.get(f"/w/{workspace.slug}/settings/").status_code == 200
    answer = alice_client.post(f"/w/{workspace.slug}/tape/new/", {}, headers={"HX-Request": "true"})
    assert answer.status_code == 503
