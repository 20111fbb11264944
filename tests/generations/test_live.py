"""The whole way on running processes: our API, our workers, and the sandbox vendor over HTTP with its own log."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from apps.accounts.models import User
from apps.billing.services import balance_get, ledger_audit
from apps.generations.models import Generation
from apps.sandbox.models import Submission
from apps.workspaces.models import Workspace
from apps.workspaces.plans import PlanName
from tests.generations.conftest import GRANTED, money
from tests.live_stack import LiveStack

IMAGE = {"prompt": "a quiet harbour", "width": 256, "height": 256}
SETTLED = {"succeeded", "failed", "cancelled", "expired"}


@pytest.fixture
def site(live_stack: LiveStack, alice: User, rich: Workspace, token_for: Callable[..., str]) -> httpx.Client:
    """The API with alice's token."""
    headers = {"Authorization": f"Bearer {token_for(alice, rich)}"}
    return httpx.Client(base_url=f"{live_stack.base_url}/api/v1", headers=headers, timeout=30, trust_env=False)


def begin(site: httpx.Client, model: str = "sandbox/image", **params: Any) -> dict[str, Any]:
    """One call."""
    answer = site.post("/generations", json={"model": model, "params": {**IMAGE, **params}})
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def follow(site: httpx.Client, begun: dict[str, Any], *until: str, limit_s: float = 60) -> dict[str, Any]:
    """Wait for one of these states (or any end)."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        found = dict(site.get(f"/generations/{begun['id']}").json())
        if found["state"] in (set(until) or SETTLED):
            return found
        time.sleep(0.1)
    raise AssertionError(f"still {found['state']} ({found['error']}) after {limit_s} s")


def sent(begun: dict[str, Any]) -> int:
    """How often the vendor's own log has this attempt."""
    return Submission.objects.filter(client_reference=begun["id"]).count()


def test_image_is_made_stored_and_paid(site: httpx.Client, rich: Workspace) -> None:
    made = follow(site, begin(site))
    assert (made["state"], made["cost"], sent(made)) == ("succeeded", 4_000_000, 1)
    (ref,) = made["outputs"]
    picture = httpx.get(ref["url"], trust_env=False)
    assert (picture.headers["Content-Type"], len(picture.content)) == ("image/png", ref["size"])
    assert money(rich) == (4_000_000, 0)


@pytest.mark.parametrize(
    ("fault", "state", "code", "count"),
    [
        ("refuse", "failed", "refused", 1),
        ("error", "failed", "failed", 1),
        ("moderated", "failed", "content_policy", 1),
        ("lost", "succeeded", None, 1),
    ],
)
def test_each_fault_ends_well(
    site: httpx.Client, rich: Workspace, fault: str, state: str, code: str | None, count: int
) -> None:
    made = follow(site, begin(site, fail=fault))
    assert (made["state"], made["error_code"], sent(made)) == (state, code, count)
    spent, held = money(rich)
    assert (spent, held) == (made["cost"], 0)
    assert (spent > 0) == (state == "succeeded")


def test_cancel_while_running_releases_what_was_held(site: httpx.Client, rich: Workspace) -> None:
    begun = begin(site, "sandbox/video", seconds=10, width=1280, height=720)
    follow(site, begun, "running")
    site.post(f"/generations/{begun['id']}/cancel")
    made = follow(site, begun)
    assert (made["state"], made["error_code"], money(rich)) == ("cancelled", "cancelled", (0, 0))


def test_waiting_jobs_hold_no_worker(site: httpx.Client, rich: Workspace) -> None:
    Workspace.objects.filter(id=rich.id).update(plan=PlanName.TEAM)  # others may not have so many under way
    waiting = [begin(site, latency_s=600) for _ in range(30)]
    for begun in waiting:
        follow(site, begun, "submitted", "running")
    made = follow(site, begin(site), limit_s=20)
    assert made["state"] == "succeeded"
    for begun in waiting:
        site.post(f"/generations/{begun['id']}/cancel")
    assert {follow(site, begun)["state"] for begun in waiting} == {"cancelled"}
    assert money(rich) == (4_000_000, 0)


def test_killed_worker_submits_nothing_twice(site: httpx.Client, live_stack: LiveStack, rich: Workspace) -> None:
    before = live_stack.await_part("io")
    begun = [begin(site, latency_s=1) for _ in range(4)]
    live_stack.kill("io")
    live_stack.await_part("io", not_pid=before)
    begun += [begin(site) for _ in range(2)]
    made = [follow(site, one, *SETTLED, "unknown", limit_s=90) for one in begun]
    assert max(sent(one) for one in begun) == 1
    for one in made:
        if one["state"] == "unknown":
            # Given up, or found at the vendor a moment before: either way it comes to an end.
            site.post(f"/generations/{one['id']}/give-up")
            follow(site, one, *SETTLED, limit_s=90)
    rows = Generation.objects.for_workspace(rich.id)
    spent = sum(rows.values_list("cost", flat=True))
    assert money(rich) == (spent, 0)
    assert balance_get(workspace_id=rich.id).posted == GRANTED - spent
    assert not ledger_audit()
