"""Runs on the running site: what watchers receive, what dies and comes back, what is submitted and charged."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.test import Client
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from apps.accounts.models import User
from apps.projects.models import Workflow
from apps.runs.models import Run
from apps.sandbox.models import Submission
from apps.workspaces.models import Workspace
from tests.conftest import client_of
from tests.live_stack import LiveStack
from tests.runs.conftest import GRANTED
from tests.runs.graphs import chain, film, graph, image, node, waits
from tests.runs.live import Api, Event, balance, consistent, gapless, wait_for

Make = Callable[[dict[str, Any]], Workflow]
CREDIT = 1_000_000


# Server-Sent Events


def test_stream_is_gapless_and_ends(site: Api, make_workflow: Make) -> None:
    run = site.started(make_workflow(chain(20, sleep_ms=30)))
    events = list(site.stream(run))
    assert gapless([event.seq for event in events])
    assert events[-1].kind == "run_finished"
    assert events[-1].body["state"] == "completed"
    assert sum(event.kind == "step_succeeded" for event in events) == 20
    consistent(site, run)


def test_stream_resumes_where_it_broke_off(site: Api, make_workflow: Make) -> None:
    run = site.started(make_workflow(chain(30, sleep_ms=30)))
    first: list[Event] = []
    for event in site.stream(run):
        first.append(event)
        if event.seq == 7:
            break  # the connection is cut in the middle of the run
    rest = list(site.stream(run, last_event_id=7))
    assert gapless([event.seq for event in first + rest])
    assert rest[-1].kind == "run_finished"
    assert [event.seq for event in site.stream(run, after=7)] == [event.seq for event in rest]
    assert list(site.stream(run, last_event_id=rest[-1].seq)) == []


# The run's socket


@contextmanager
def socket(stack: LiveStack, client: Client, slug: str, run: str) -> Iterator[ClientConnection]:
    """The socket as the browser of ``client`` opens it."""
    found = client.cookies.get(settings.SESSION_COOKIE_NAME)
    cookie = f"{settings.SESSION_COOKIE_NAME}={found.value}" if found else ""
    address = f"{stack.websocket_url}/ws/w/{slug}/runs/{run}/"
    origin: Any = stack.base_url
    with connect(address, additional_headers={"Cookie": cookie}, origin=origin, proxy=None) as opened:
        yield opened


def cursor_of(fragment: str) -> int:
    found = re.search(r'data-run-cursor="(\d+)"', fragment)
    assert found, fragment
    return int(found[1])


def fragments(opened: ClientConnection, last_seq: int) -> list[str]:
    """What arrives until the reader has seen ``last_seq``."""
    found: list[str] = []
    while not found or cursor_of(found[-1]) < last_seq:
        found.append(str(opened.recv(timeout=20)))
    return found


def test_socket_sends_fragments_and_goes_on_after_a_reconnect(
    live_stack: LiveStack, site: Api, make_workflow: Make, funded: Workspace, alice_client: Client
) -> None:
    run = site.started(make_workflow(chain(30, sleep_ms=50)))
    with socket(live_stack, alice_client, funded.slug, run) as opened:
        opened.send('{"after": 0}')
        first = str(opened.recv(timeout=20))
    seen = cursor_of(first)
    assert "hx-swap-oob" in first
    last = site.end(run)["last_seq"]
    assert 0 < seen < last
    with socket(live_stack, alice_client, funded.slug, run) as opened:
        opened.send(f'{{"after": {seen}}}')
        rest = fragments(opened, last)
        with pytest.raises(TimeoutError):
            opened.recv(timeout=0.5)
    settled = set(re.findall(r'<node-status node="(n\d+)" state="completed"', "".join([first, *rest])))
    assert settled == {f"n{number}" for number in range(30)}
    # Nothing that was seen is sent again: n0 had settled before the first cursor.
    assert '<node-status node="n0"' in first
    assert '<node-status node="n0"' not in "".join(rest)


def test_last_word_of_a_paid_node_is_how_it_ended(
    live_stack: LiveStack, site: Api, make_workflow: Make, funded: Workspace, alice_client: Client
) -> None:
    run = site.started(make_workflow(film()))
    last = site.end(run)["last_seq"]
    with socket(live_stack, alice_client, funded.slug, run) as opened:
        opened.send('{"after": 0}')
        told = "".join(fragments(opened, last))
    assert re.findall(r'<node-status node="film" state="(\w+)"', told)[-1] == "completed"


def test_socket_refuses_strangers(
    live_stack: LiveStack,
    site: Api,
    make_workflow: Make,
    funded: Workspace,
    charlie: User,
    foreign_workspace: Workspace,
) -> None:
    run = site.started(make_workflow(chain(1)))
    for client, slug in [
        (client_of(charlie), funded.slug),
        (client_of(charlie), foreign_workspace.slug),  # his own workspace, somebody else's run
        (Client(), funded.slug),
    ]:
        with socket(live_stack, client, slug, run) as opened, pytest.raises(ConnectionClosed) as closed:
            opened.send('{"after": 0}')
            opened.recv(timeout=10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4404
    site.end(run)


# What dies


def test_driver_killed_in_the_middle(live_stack: LiveStack, site: Api, make_workflow: Make) -> None:
    run = site.started(make_workflow(chain(60, sleep_ms=50)))
    wait_for(lambda: site.run(run)["last_seq"] > 20 or None)
    before = live_stack.await_part("control")
    live_stack.kill("control")
    assert site.run(run)["state"] == "running"
    live_stack.await_part("control", not_pid=before)
    assert site.end(run)["state"] == "completed"
    consistent(site, run)
    assert {step["attempt"] for step in site.steps(run).values()} == {1}


def test_lane_killed_in_the_middle(live_stack: LiveStack, site: Api, make_workflow: Make) -> None:
    sizes = range(6)
    document = image()
    document["nodes"] += [node(f"r{i}", "image.resize", width=900 + i, height=900) for i in sizes]
    document["edges"] += [
        {"id": f"r{i}", "source": "img", "source_port": "image", "target": f"r{i}", "target_port": "image"}
        for i in sizes
    ]
    run = site.started(make_workflow(document))
    # Some are done, some are in a process, some are still in the queue.
    wait_for(lambda: sum(s["state"] == "completed" for s in site.steps(run).values()) > 2 or None)
    before = live_stack.await_part("work")
    live_stack.kill("work")
    states = {step["state"] for step in site.steps(run).values()}
    live_stack.await_part("work", not_pid=before)
    assert states & {"running", "ready"}
    assert site.end(run, timeout_s=90)["state"] == "completed"
    found = consistent(site, run)
    assert balance(site) == GRANTED - found["cost"]
    assert Submission.objects.count() == 1


def test_io_lane_killed_around_a_submission(live_stack: LiveStack, site: Api, make_workflow: Make) -> None:
    run = site.started(make_workflow(film(latency_s=2)))
    wait_for(lambda: Submission.objects.first())
    before = live_stack.await_part("io")
    live_stack.kill("io")
    live_stack.await_part("io", not_pid=before)
    assert site.end(run)["state"] == "completed"
    found = consistent(site, run)
    assert balance(site) == GRANTED - found["cost"]
    assert Submission.objects.count() == 1


# Cancelling


def test_cancel_while_the_film_is_in_flight(site: Api, make_workflow: Make) -> None:
    run = site.started(make_workflow(film(latency_s=60)))
    wait_for(lambda: Submission.objects.first())
    wait_for(lambda: site.get("/generations")["items"][0]["state"] == "submitted" or None)
    assert site.run(run)["held"] == 5 * CREDIT
    began = time.monotonic()
    site.cancel(run)
    site.cancel(run)  # once more changes nothing
    wait_for(lambda: any(event["kind"] == "run_cancelling" for event in site.stored(run)) or None)
    assert site.end(run)["state"] == "cancelled"
    assert time.monotonic() - began < 50, "before the vendor would have begun"
    found = consistent(site, run)
    assert (found["cost"], balance(site)) == (0, GRANTED)
    step = site.steps(run)["film"]
    assert (step["state"], step["cost"]) == ("cancelled", 0)
    assert [row.accepted for row in Submission.objects.all()] == [True]


def test_cancel_while_a_process_works(site: Api, make_workflow: Make) -> None:
    document = image()
    document["nodes"].append(node("large", "image.resize", width=3000, height=3000))
    edge = {"id": "x", "source": "img", "source_port": "image", "target": "large", "target_port": "image"}
    document["edges"].append(edge)
    run = site.started(make_workflow(document))
    wait_for(lambda: site.steps(run)["large"]["state"] == "running" or None)
    site.cancel(run)
    assert site.end(run)["state"] == "cancelled"
    found = consistent(site, run)
    assert site.steps(run)["large"]["state"] == "cancelled"
    assert balance(site) == GRANTED - found["cost"] == GRANTED - 4 * CREDIT  # the picture was made
    time.sleep(3)  # the process comes to its end, and what it brings is dropped
    assert consistent(site, run) == found


def test_cancel_while_waiting(site: Api, make_workflow: Make) -> None:
    run = site.started(make_workflow(waits(600)))
    wait_for(lambda: site.run(run)["state"] == "waiting" or None)
    site.cancel(run)
    assert site.end(run)["state"] == "cancelled"
    consistent(site, run)


# Pressing Run twice


def test_double_click_is_one_run(site: Api, make_workflow: Make, funded: Workspace) -> None:
    workflow = make_workflow(image())
    first = site.start(workflow, key="click")
    second = site.start(workflow, key="click")
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.content == second.content
    assert second.headers["Idempotency-Replayed"] == "true"
    other = site.start(workflow, key="click", variables={"x": 1})
    assert (other.status_code, other.json()["type"]) == (409, "/problems/idempotency-conflict")
    _one_run(site, funded, first.json()["id"])


def test_concurrent_posts_with_one_key_are_one_run(site: Api, make_workflow: Make, funded: Workspace) -> None:
    workflow = make_workflow(image())
    together = threading.Barrier(6)

    def click(_: int) -> Any:
        together.wait()
        return site.start(workflow, key="clicks").json()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(click, range(6)))
    assert len({answer["id"] for answer in answers}) == 1
    _one_run(site, funded, answers[0]["id"])


def _one_run(site: Api, workspace: Workspace, run: str) -> None:
    assert [found.id for found in Run.objects.for_workspace(workspace.id)] == [UUID(run)]
    assert site.end(run)["state"] == "completed"
    found = consistent(site, run)
    assert balance(site) == GRANTED - found["cost"]
    assert Submission.objects.count() == 1


# Money and a vendor that misbehaves


def test_what_succeeded_is_charged(site: Api, make_workflow: Make) -> None:
    workflow = make_workflow(image())
    price = site.http.post(f"/workflows/{workflow.id}/estimate", json={}).json()
    run = site.started(workflow)
    assert site.end(run)["state"] == "completed"
    found = consistent(site, run)
    assert price["low"] <= found["cost"] <= price["high"]
    assert balance(site) == GRANTED - found["cost"]
    charges = [entry for entry in site.get("/credits/entries")["items"] if entry["amount"] < 0]
    assert [-entry["amount"] for entry in charges] == [found["cost"]]
    step = site.steps(run)["img"]
    assert (step["cost"], step["outputs"]["image"]["width"]) == (found["cost"], 256)


def test_lost_answer_is_never_sent_again(site: Api, make_workflow: Make) -> None:
    run = site.started(make_workflow(image(fail="lost")))
    assert site.end(run)["state"] == "completed"
    found = consistent(site, run)
    assert [(row.accepted, row.answered) for row in Submission.objects.all()] == [(True, False)]
    assert balance(site) == GRANTED - found["cost"]


@pytest.mark.parametrize(
    ("fault", "code"), [("refuse", "refused"), ("error", "failed"), ("moderated", "content_policy")]
)
def test_failure_is_told_and_not_charged(site: Api, make_workflow: Make, fault: str, code: str) -> None:
    run = site.started(make_workflow(image(fail=fault)))
    found = site.end(run)
    assert (found["state"], found["cost"]) == ("failed", 0)
    consistent(site, run)
    step = site.steps(run)["img"]
    assert (step["state"], step["error"]["code"], step["cost"]) == ("failed", code, 0)
    sentence = step["error"]["message"]
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert sentence in found["error"]["message"]
    assert balance(site) == GRANTED
    assert Submission.objects.count() == 1


def test_too_few_credits_refuse_before_anything_is_submitted(site: Api, make_workflow: Make, funded: Workspace) -> None:
    nodes, edges = [node("words", "input.text", text="sea")], []
    for number in range(3):
        own = {"model": "sandbox/video", "width": 512, "height": 288, "seconds": 10}
        nodes.append(node(f"film{number}", "video.generate", **own))
        edges.append(("words", "text", f"film{number}", "prompt"))
    response = site.start(make_workflow(graph(nodes, *edges)))
    assert (response.status_code, response.headers["content-type"]) == (402, "application/problem+json")
    problem = response.json()
    assert problem["type"] == "/problems/insufficient-credits"
    assert (problem["missing"], problem["available"]) == (50 * CREDIT, GRANTED)
    assert "50" in problem["detail"]
    assert Run.objects.for_workspace(funded.id).count() == Submission.objects.count() == 0
    assert site.get("/credits")["held"] == 0


# Flow


@pytest.mark.parametrize(("number", "taken", "silent"), [(3, "yes", "no"), (1, "no", "yes")])
def test_condition_takes_one_branch(site: Api, make_workflow: Make, number: int, taken: str, silent: str) -> None:
    document = graph(
        [
            node("n", "input.number", number=number),
            node("if", "flow.condition", expression="value > 2"),
            *[node(name) for name in ("yes", "no", "after-yes", "after-no")],
        ],
        ("n", "number", "if", "value"),
        ("if", "true", "yes", "value"),
        ("if", "false", "no", "value"),
        ("yes", "value", "after-yes", "value"),
        ("no", "value", "after-no", "value"),
    )
    run = site.started(make_workflow(document))
    assert site.end(run)["state"] == "completed"
    steps = site.steps(run)
    assert {name: step["state"] for name, step in steps.items()} == {
        "n": "completed",
        "if": "completed",
        taken: "completed",
        f"after-{taken}": "completed",
        silent: "skipped",
        f"after-{silent}": "skipped",
    }
    assert steps[f"after-{taken}"]["outputs"] == {"value": number}
    assert steps[silent]["error"]["message"]
    consistent(site, run)


def test_wait_wakes_on_time(site: Api, make_workflow: Make) -> None:
    run = site.started(make_workflow(waits(3)))
    assert site.end(run)["state"] == "completed"
    assert "step_waiting" in {event["kind"] for event in site.stored(run)}
    step = site.steps(run)["wait"]
    took = datetime.fromisoformat(step["finished_at"]) - datetime.fromisoformat(step["started_at"])
    assert 3 <= took.total_seconds() <= 5
    consistent(site, run)
