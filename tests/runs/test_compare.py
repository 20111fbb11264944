"""Comparing as people and scripts meet it: the grid, votes of several members, and which variant goes on."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.generations.models import Vote
from apps.projects.models import Workflow
from apps.runs.driver import advance
from apps.runs.models import Run
from apps.workspaces.models import Workspace
from tests.conftest import client_of
from tests.runs.asking import start
from tests.runs.calls import get, post, started
from tests.runs.comparing import LENGTHS, MODELS, Compare, Finish, Vendors, after, says, shown
from tests.runs.graphs import image

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("inside")]


def grid(client: Client, workspace: Workspace, run: Run) -> Any:
    return client.get(reverse("runs:compare", args=[workspace.slug, run.id, "ask"]))


def said(client: Client, workspace: Workspace, run: Run, what: str, place: int, **posted: str) -> Any:
    url = reverse(f"runs:variant_{what}", args=[workspace.slug, run.id, "ask", place])
    return client.post(url, posted, headers={"HX-Request": "true"})


def words(answer: Any) -> str:
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split()))


def test_over_the_api_variants_are_read_voted_for_and_chosen(
    compare: Compare, finish: Finish, alice_api: Client, vendors: Vendors
) -> None:
    says(vendors[1], "Waves.")
    workflow = compare(MODELS)
    run = finish(Run.objects.get(id=_run(alice_api, workflow)))
    path = f"/runs/{run.id}/variants"
    status, body = get(alice_api, path)
    assert status == 200
    assert [(each["node"], each["variant"], each["differs"], each["winner"]) for each in body["items"]] == [
        ("ask", 0, {"model": "alpha/writer"}, True),
        ("ask", 1, {"model": "beta/writer"}, False),
    ]
    assert [(each["cost"], each["votes"], each["outputs"]) for each in body["items"]] == [
        (160_000, 0, {"text": "The sea at dusk."}),
        (180_000, 0, {"text": "Waves."}),
    ]
    assert all(each["latency_ms"] is not None for each in body["items"])
    assert post(alice_api, f"{path}/ask/1/vote") == (200, {"votes": 1, "voted": True})
    assert post(alice_api, f"{path}/ask/1/vote") == (200, {"votes": 1, "voted": True})
    assert post(alice_api, f"{path}/ask/1/vote", {"vote": False}) == (200, {"votes": 0, "voted": False})
    status, then = post(alice_api, f"{path}/ask/1/choose", **{"Idempotency-Key": "one"})
    assert status == 202
    assert then["id"] != str(run.id)
    assert post(alice_api, f"{path}/ask/1/choose", **{"Idempotency-Key": "one"})[1] == then
    advance(UUID(then["id"]))
    assert after(Run.objects.get(id=then["id"])) == {"value": "Waves."}
    assert get(alice_api, f"{path}?node=words") == (200, {"items": [], "next": None})


def _run(client: Client, workflow: Workflow) -> str:
    run_id = started(client, workflow)
    advance(UUID(run_id))
    return run_id


def test_the_api_says_what_is_wrong_in_one_sentence(
    compare: Compare, finish: Finish, alice_api: Client, vendors: Vendors
) -> None:
    vendors[0].script = "refuses"
    workflow = compare(MODELS)
    run = Run.objects.get(id=_run(alice_api, workflow))
    path = f"/runs/{run.id}/variants/ask"
    status, body = post(alice_api, f"{path}/0/choose")
    assert (status, body["detail"]) == (409, "This variant is still being made.")
    finish(run)
    status, body = post(alice_api, f"{path}/0/choose")
    assert (status, body["detail"]) == (409, "This variant made nothing, so it cannot go on. Choose another one.")
    status, body = post(alice_api, f"{path}/0/vote")
    assert (status, body["detail"]) == (409, "This variant made nothing, so it cannot be voted for.")
    assert post(alice_api, f"{path}/2/vote")[0] == 404
    assert post(alice_api, f"/runs/{run.id}/variants/nobody/0/choose")[0] == 404
    assert post(alice_api, f"{path}/1/vote", {"vote": "perhaps"})[0] == 422
    failed = get(alice_api, f"/runs/{run.id}/variants")[1]["items"][0]
    assert (failed["state"], failed["cost"], failed["outputs"]) == ("failed", 0, None)
    assert failed["error"]["message"]


def test_a_graph_that_cannot_be_compared_is_refused_at_its_node(make_workflow: Compare, alice_api: Client) -> None:
    workflow = make_workflow(image(**{"$vary": {"seeds": 65}}))
    status, body = post(alice_api, f"/workflows/{workflow.id}/runs")
    assert status == 422
    (problem,) = body["errors"]
    assert (problem["node"], problem["port"]) == ("img", "$vary")
    assert problem["message"] == "These are 65 variants; at most 64 can be compared."


def test_the_grid_shows_what_differs_what_it_cost_and_who_goes_on(
    compare: Compare, finish: Finish, alice_client: Client, workspace: Workspace, vendors: Vendors
) -> None:
    run = finish(start(compare({**MODELS, "sweep": {"length": [1, 2]}})))
    page = grid(alice_client, workspace, run)
    text = words(page)
    assert "4 variants" in text
    assert text.count("The sea at dusk.") == 4
    assert "Alpha writer Length 1 0.16 credits" in text
    assert "Beta writer Length 2 0.48 credits" in text
    assert "The first that succeeded goes on." in text
    assert text.count("Goes on") == 1
    assert text.count("Use this one") == 3
    assert "data-live" not in page.content.decode()
    panel = reverse("runs:step_detail", args=[workspace.slug, run.id, "ask", 0])
    assert "See side by side" in words(alice_client.get(panel))


def test_a_failed_variant_says_why_and_that_it_was_not_charged(
    compare: Compare, finish: Finish, alice_client: Client, workspace: Workspace, vendors: Vendors
) -> None:
    vendors[0].script = "refuses"
    run = start(compare(MODELS))
    page = grid(alice_client, workspace, run)
    assert "data-live" in page.content.decode()
    assert "Use this one" not in words(page)
    finish(run)
    text = words(grid(alice_client, workspace, run))
    assert shown(run)[0].error["message"] in text
    assert "not charged" in text


def test_votes_of_several_members_are_counted_each_once(
    compare: Compare, finish: Finish, alice_client: Client, victor: User, workspace: Workspace
) -> None:
    run = finish(start(compare(LENGTHS)))
    viewer = client_of(victor)
    assert said(alice_client, workspace, run, "vote", 1).status_code == 200
    assert said(alice_client, workspace, run, "vote", 1).status_code == 200
    said(viewer, workspace, run, "vote", 1)
    assert [each.votes.count for each in shown(run)] == [0, 2, 0]
    said(viewer, workspace, run, "vote", 1, undo="1")
    assert Vote.objects.count() == 1
    assert said(alice_client, workspace, run, "vote", 7).status_code == 404
    # A viewer has an opinion, and decides nothing.
    assert "Use this one" not in words(grid(viewer, workspace, run))
    assert said(viewer, workspace, run, "choose", 1).status_code == 403


def test_choosing_on_the_page_starts_what_follows_and_tells_the_canvas(
    compare: Compare, finish: Finish, alice_client: Client, workspace: Workspace, vendors: Vendors
) -> None:
    says(vendors[1], "Waves.")
    run = finish(start(compare(MODELS)))
    answer = said(alice_client, workspace, run, "choose", 1)
    then = Run.objects.order_by("-created_at")[0]
    assert answer.status_code == 200
    assert str(then.id) in answer.headers["HX-Trigger"]
    assert f"/runs/{then.id}/compare/ask/" in answer.content.decode()
    advance(then.id)
    assert after(then) == {"value": "Waves."}
    refused = said(alice_client, workspace, run, "choose", 1)
    assert refused.status_code == 200


def test_a_refusal_stands_on_the_grid_and_nothing_is_lost(
    compare: Compare, finish: Finish, alice_client: Client, workspace: Workspace, vendors: Vendors
) -> None:
    vendors[0].script = "refuses"
    run = finish(start(compare(MODELS)))
    answer = said(alice_client, workspace, run, "choose", 0)
    assert answer.status_code == 422
    assert "This variant made nothing, so it cannot go on. Choose another one." in words(answer)
    assert words(answer).count("The sea at dusk.") == 1


def test_a_run_that_waits_says_so_and_goes_on_with_the_chosen_one(
    compare: Compare, finish: Finish, alice_client: Client, workspace: Workspace, vendors: Vendors
) -> None:
    says(vendors[1], "Waves.")
    run = finish(start(compare({**MODELS, "choose": "person"})))
    assert "The run waits: choose the one that goes on." in words(grid(alice_client, workspace, run))
    console = alice_client.get(reverse("runs:run_console", args=[workspace.slug, run.id])).content.decode()
    assert "&quot;kind&quot;: &quot;choice&quot;" in console
    assert said(alice_client, workspace, run, "choose", 1).status_code == 200
    advance(run.id)
    assert after(run) == {"value": "Waves."}
    assert "The chosen one goes on." in words(grid(alice_client, workspace, run))


def test_a_step_without_variants_has_no_grid(
    compare: Compare, finish: Finish, alice_client: Client, workspace: Workspace
) -> None:
    run = finish(start(compare(LENGTHS)))
    assert alice_client.get(reverse("runs:compare", args=[workspace.slug, run.id, "words"])).status_code == 404
