"""Workflows inside workflows, for the tests of runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.projects.models import Workflow
from apps.projects.services import graph_replace
from apps.projects.versions import version_create, version_publish
from apps.runs import services
from apps.runs.claims import claim_next
from apps.runs.drive import Dispatch, Ring
from apps.runs.driver import advance
from apps.runs.execution import Bells, execute
from apps.runs.models import Run, Step
from tests.runs.graphs import graph, node

Make = Callable[[dict[str, Any]], Workflow]


def given(name: str = "text", kind: str = "text", **params: Any) -> dict[str, Any]:
    """A `flow.input` whose node has the name of its port."""
    return {"id": f"in-{name}", "type": "flow.input", "params": {"name": name, "type": kind, **params}}


def gives(name: str = "text") -> dict[str, Any]:
    """A `flow.output` whose node has the name of its port."""
    return {"id": f"out-{name}", "type": "flow.output", "params": {"name": name}}


def shout(template: str = "{{ value }}!") -> dict[str, Any]:
    """Takes `text`, gives `text` with something around it."""
    nodes = [given(), node("t", "flow.template", template=template), gives()]
    return graph(nodes, ("in-text", "value", "t", "values"), ("t", "text", "out-text", "value"))


def use(
    workflow: Workflow, name: str = "sub", *, version: int = 1, settings: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A node that is a version of a workflow."""
    return {"id": name, "type": f"workflow.{workflow.id.hex}", "params": settings or {}, "version": version}


def around(workflow: Workflow, *, version: int = 1) -> dict[str, Any]:
    """Takes `text`, hands it to a workflow, gives its `text`."""
    nodes = [given(), use(workflow, version=version), gives()]
    return graph(nodes, ("in-text", "value", "sub", "text"), ("sub", "text", "out-text", "value"))


def top(workflow: Workflow, settings: dict[str, Any] | None = None, *, version: int = 1) -> dict[str, Any]:
    """A text, handed to a workflow with these settings of the node, and what comes of it."""
    nodes = [node("words", "input.text", text="sea"), use(workflow, version=version, settings=settings), node("after")]
    return graph(nodes, ("words", "text", "sub", "text"), ("sub", "text", "after", "value"))


def publish(workflow: Workflow, document: dict[str, Any] | None = None, name: str | None = None) -> int:
    """Keep the graph as a version, publish it, and answer its number."""
    if document is not None:
        workflow.refresh_from_db()
        graph_replace(workflow=workflow, base_seq=workflow.last_seq, graph=document, actor_id=None)
    if name is not None:
        Workflow.objects.for_workspace(workflow.workspace_id).filter(id=workflow.id).update(name=name)
    version = version_create(workflow=workflow, actor_id=None)
    return version_publish(workflow=workflow, number=version.number).number


def drive(*run_ids: UUID, rounds: int = 200) -> None:
    """Do what the tasks do, one after the other, until nothing is handed out any more."""
    waiting: list[Dispatch | Ring] = [Ring(run_id) for run_id in run_ids]
    while waiting and rounds:
        rounds -= 1
        due = waiting.pop(0)
        if isinstance(due, Ring):
            waiting += [] if due.in_s else advance(due.run_id)
        elif (claim := claim_next(due.lane)) is not None:
            settled: list[UUID] = []
            execute(claim, Bells(settled.append, lambda: None))
            waiting += [Ring(run_id) for run_id in settled]
    assert rounds, "It never ends."


def children(run: Run) -> list[Run]:
    return list(Run.objects.filter(parent=run).order_by("parent_position", "parent_item", "parent_attempt"))


def committed() -> Any:
    """A block of its own, so that what it refuses leaves the test's transaction usable."""
    return transaction.atomic()


def start(workflow: Workflow, **options: Any) -> Run:
    return services.run_start(workflow=workflow, actor_id=None, **options)


def ended(run: Run) -> Run:
    run.refresh_from_db()
    return run


def states(run: Run) -> dict[str, str]:
    return dict(Step.objects.filter(run=run).order_by("item").values_list("node", "state"))


def outputs(run: Run, name: str) -> Any:
    return list(Step.objects.filter(run=run, node=name).order_by("item").values_list("outputs", flat=True))


def paint(painter: Workflow) -> dict[str, Any]:
    nodes = [node("words", "input.text", text="sea"), use(painter), node("after")]
    return graph(nodes, ("words", "text", "sub", "text"), ("sub", "image", "after", "value"))
