"""Workflows that wait for an answer, and how people meet an approval: its pages and its mails."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from apps.projects.models import Workflow
from apps.runs import letters, services, tasks
from apps.runs.driver import advance
from apps.runs.models import Run, RunEvent, Step
from apps.workspaces.models import Workspace
from tests.runs.graphs import graph, node

Started = Callable[..., Run]
PORTS = ("approved", "rejected", "timeout", "decision")


def approval(**params: Any) -> dict[str, Any]:
    """A value, an approval, and a node on each of its outputs."""
    return graph(
        [
            node("words", "input.text", text="sea"),
            node("ask", "flow.approval", **params),
            *(node(port) for port in PORTS),
        ],
        ("words", "text", "ask", "value"),
        *(("ask", port, port, "value") for port in PORTS),
    )


def callback(**params: Any) -> dict[str, Any]:
    return graph(
        [node("call", "flow.callback", **params), node("body"), node("timeout")],
        ("call", "body", "body", "value"),
        ("call", "timeout", "timeout", "value"),
    )


def start(workflow: Workflow, **options: Any) -> Run:
    run = services.run_start(workflow=workflow, actor_id=None, **options)
    advance(run.id)
    return run


def step(run: Run, name: str = "ask") -> Step:
    found: Step = Step.objects.get(run=run, node=name)
    return found


def given(run: Run, name: str = "ask") -> dict[str, Any]:
    """What a step gave."""
    outputs: dict[str, Any] = step(run, name).outputs or {}
    return outputs


def states(run: Run) -> dict[str, str]:
    return dict(Step.objects.filter(run=run).values_list("node", "state"))


def kinds(run: Run, name: str) -> list[str]:
    rows = RunEvent.objects.filter(run=run, body__node=name).order_by("seq")
    return list(rows.values_list("kind", flat=True))


def ring(run: Run, *, ago_s: float = 1) -> None:
    """Let the time of everything that waits be over."""
    past = timezone.now() - timedelta(seconds=ago_s)
    Step.objects.filter(run=run, state="waiting").update(wake_at=past)
    Run.objects.filter(id=run.id).update(wake_at=past)


def pages(workspace: Workspace, run: Run) -> tuple[str, str]:
    base = f"/w/{workspace.slug}/approvals/{run.id}/ask/0/"
    return base, f"{base}answer/"


def post_letters() -> None:
    """What the sweep does, its messages delivered."""
    letters.approvals_ask()
    for letter_id in letters.letters_due():
        tasks.send_letter(letter_id=str(letter_id))


def link_in(message: Any) -> str:
    found = re.search(r"https?://[^/\s]+(/\S+)", message.body)
    assert found
    return found[1]
