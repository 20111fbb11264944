"""The short form of `make chaos`: each worker killed once and the queue emptied under load; every promise is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from django.conf import settings
from django.test import Client

from apps.accounts.models import User
from apps.billing.services import credits_grant
from apps.common.tenancy import scope
from apps.projects.services import project_create, workflow_create
from apps.workspaces.models import Workspace
from chaos.breaker import Breaker
from chaos.session import Place, session
from chaos.watchers import Sight, sight_problem
from deploy.stack.layout import Layout
from tests.live_stack import LiveStack

SECONDS = 18
PLAN = [(2.0, "kill control"), (5.0, "flush valkey"), (8.0, "kill io"), (11.0, "kill work")]


@pytest.fixture
def place(
    live_stack: LiveStack, workspace: Workspace, alice: User, alice_client: Client, token_for: Callable[..., str]
) -> Place:
    credits_grant(workspace_id=workspace.id, amount=10**12, reason="test", source="test", source_id="chaos")
    with scope(workspace.id):
        project = project_create(workspace_id=workspace.id, name="Chaos", actor_id=alice.id)
        made = workflow_create(
            workspace_id=workspace.id, project_id=project.id, name="chaos", graph=None, actor_id=alice.id
        )
    name = settings.SESSION_COOKIE_NAME
    cookie = f"{name}={alice_client.cookies[name].value}"
    return Place(live_stack.base_url, token_for(alice, workspace), cookie, str(made.id))


@pytest.mark.timeout(300)
def test_nothing_is_lost_or_doubled_when_workers_die(place: Place, live_stack: LiveStack) -> None:
    layout = Layout(var=live_stack.var, web_port=int(place.url.rpartition(":")[2]))
    breaker = Breaker(layout, settings.REDIS_URL)
    report = asyncio.run(session(place, breaker, PLAN, seed=1, seconds=SECONDS))
    assert report["kept"], {rule: found for rule, found in report["verdicts"].items() if found != "kept"}
    assert sum(report["runs"].values()) >= 5, "hardly anything ran, so hardly anything was proved"


@pytest.mark.parametrize(
    ("by", "seen", "told"),
    [
        ("sse", [1, 2, 3], ""),
        ("sse", [1, 2, 2, 3], "doubled [2]"),
        ("sse", [1, 3], "missing [2]"),
        ("socket", [2, 3], ""),
        ("socket", [3, 2], "cursors [3, 2]"),
        ("socket", [2], "last event 3"),
    ],
)
def test_watchers_are_judged(by: str, seen: list[int], told: str) -> None:
    problem = sight_problem(Sight("run", by, seen, done=True), 3)
    assert told in problem and bool(problem) == bool(told)
