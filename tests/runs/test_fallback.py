"""A run whose model is busy: another one answers, at its own price, and every place says who and why."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from django.urls import reverse

from apps.billing.services import balance_get
from apps.generations.execution import telling
from apps.generations.models import Generation
from apps.projects.models import Workflow
from apps.runs.driver import advance
from apps.runs.models import Run, RunEvent
from apps.workspaces.models import Workspace
from tests.runs.asking import start, states, step
from tests.runs.calls import get, post
from tests.runs.conftest import GRANTED
from tests.runs.graphs import graph, node
from tests.vendors.life import live
from tests.vendors.writing import WritingServer, two_writers

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("inside")]
Make = Callable[..., Workflow]


@pytest.fixture
def vendors(funded: Workspace) -> Iterator[tuple[WritingServer, WritingServer]]:
    """Two vendors that write."""
    with two_writers() as both:
        yield both


@pytest.fixture
def writes(make_workflow: Make) -> Workflow:
    """Asks Alpha, else Beta."""
    own = {"model": "alpha/writer", "tone": "warm", "$fallback": ["beta/writer"]}
    nodes = [node("words", "input.text", text="the sea"), node("ask", "text.generate", **own)]
    return make_workflow(graph(nodes, ("words", "text", "ask", "prompt")))


def _ended(run: Run, monkeypatch: pytest.MonkeyPatch) -> Generation:
    row = live(Generation.objects.for_workspace(run.workspace_id).get(run_id=run.id), monkeypatch)
    advance(run.id)
    run.refresh_from_db()
    return row


def test_a_busy_vendor_is_passed_over(
    vendors: tuple[WritingServer, WritingServer],
    writes: Workflow,
    workspace: Workspace,
    alice_client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vendors[0].script = "429"
    run = start(writes)
    assert balance_get(workspace_id=workspace.id).held == 3_000_000, "the dearest is held"
    row = _ended(run, monkeypatch)
    assert (run.state, row.model, run.cost) == ("completed", "beta/writer", 480_000)
    assert step(run).outputs == {"text": "The sea at dusk."}
    assert balance_get(workspace_id=workspace.id).held == 0
    lines = RunEvent.objects.filter(run=run, kind="step_log").order_by("seq").values_list("body__line", flat=True)
    assert list(lines)[1:] == [
        "Busy: Alpha writer answered 429. Asked Beta writer instead. Not used by Beta writer: Tone.",
        "beta/writer delivered: 0.48 credits.",
    ]
    panel = alice_client.get(reverse("runs:step_detail", args=[workspace.slug, run.id, "ask", 0])).content.decode()
    assert "Busy: Alpha writer answered 429." in panel
    assert "If the vendor is busy: asks Beta writer" in panel
    tape = alice_client.get(reverse("generations:generation_detail", args=[workspace.slug, row.id])).content.decode()
    assert "Busy: Alpha writer answered 429." in tape
    assert "The sea at dusk." in tape


@pytest.mark.django_db(transaction=True)
def test_words_reach_the_runs_watchers_while_they_are_written(
    vendors: tuple[WritingServer, WritingServer],
    writes: Workflow,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(telling, "EVERY_S", 0.0)
    run = start(writes)
    _ended(run, monkeypatch)
    told = list(RunEvent.objects.filter(run=run, kind="step_progress").values_list("body", flat=True))
    texts = [body["text"] for body in told if body.get("text")]
    assert texts
    assert all("The sea at dusk.".startswith(text) for text in texts)


def test_estimate_counts_the_dearest(
    vendors: tuple[WritingServer, WritingServer], writes: Workflow, alice_api: Client
) -> None:
    status, found = post(alice_api, f"/workflows/{writes.id}/estimate")
    assert (status, found["low"], found["high"]) == (200, 10_000, 3_000_000)


@pytest.mark.parametrize(
    ("names", "kind", "sentence"),
    [
        (["sandbox/image"], "text.generate", "Sandbox image cannot stand in for Alpha writer: it does something else."),
        (["beta/gone"], "text.generate", "There is no model “beta/gone”."),
        (["beta/writer", "beta/writer"], "text.generate", "Ask instead does not take this value."),
        (["beta/writer"], "flow.template", "This node asks no model. Leave this out."),
    ],
)
def test_who_cannot_stand_in_is_named_in_the_graph(
    vendors: tuple[WritingServer, WritingServer],
    make_workflow: Make,
    alice_api: Client,
    names: list[str],
    kind: str,
    sentence: str,
) -> None:
    own = {"model": "alpha/writer"} if kind == "text.generate" else {}
    nodes = [node("words", "input.text", text="x"), node("ask", kind, **own, **{"$fallback": names})]
    port = "prompt" if kind == "text.generate" else "values"
    workflow = make_workflow(graph(nodes, ("words", "text", "ask", port)))
    _status, found = post(alice_api, f"/workflows/{workflow.id}/validate")
    assert [(one["port"], one["message"]) for one in found["errors"]] == [("$fallback", sentence)]


def test_a_prompt_too_long_to_be_known_beforehand_is_priced_when_it_is_there(
    vendors: tuple[WritingServer, WritingServer], writes: Workflow, alice_api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(writes, max_credits=3_000_000)
    _ended(run, monkeypatch)
    assert states(run)["ask"] == "completed"
    status, steps = get(alice_api, f"/runs/{run.id}/steps")
    assert (status, [one["cost"] for one in steps["items"]]) == (200, [0, 160_000])
    assert GRANTED - balance_get(workspace_id=run.workspace_id).posted == 160_000
    assert json.dumps(steps["items"][1]["outputs"]) == '{"text": "The sea at dusk."}'
