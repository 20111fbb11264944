"""A text in variants, its vendors, and how its runs come to their end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from apps.generations.models import Generation
from apps.projects.models import Workflow
from apps.runs.driver import advance
from apps.runs.models import Run, Step
from apps.runs.variants import VariantView, variants_read, varied_step
from apps.workspaces.models import Workspace
from tests.runs.graphs import graph, node
from tests.vendors.life import live
from tests.vendors.writing import WritingServer, two_writers

Compare = Callable[..., Workflow]
Finish = Callable[[Run], Run]
Vendors = tuple[WritingServer, WritingServer]
MODELS = {"models": ["alpha/writer", "beta/writer"]}
LENGTHS = {"sweep": {"length": [1, 2, 3]}}


@pytest.fixture
def vendors(funded: Workspace) -> Iterator[Vendors]:
    """Two vendors that write."""
    with two_writers() as both:
        yield both


@pytest.fixture
def compare(make_workflow: Compare, vendors: Vendors) -> Compare:
    """``compare(vary, **settings)``: a text in variants, and what hangs on it."""

    def make(vary: dict[str, Any], **settings: Any) -> Workflow:
        own = {"model": "alpha/writer", "tone": "warm", "$vary": vary, **settings}
        nodes = [node("words", "input.text", text="the sea"), node("ask", "text.generate", **own), node("after")]
        return make_workflow(graph(nodes, ("words", "text", "ask", "prompt"), ("ask", "text", "after", "value")))

    return make


@pytest.fixture
def finish() -> Finish:
    """``finish(run)``: its calls live to their end, and the run goes on."""

    def make(run: Run) -> Run:
        for row in Generation.objects.filter(run_id=run.id).order_by("item"):
            if row.is_live:
                with pytest.MonkeyPatch.context() as patch:
                    live(row, patch)
        advance(run.id)
        run.refresh_from_db()
        return run

    return make


def says(server: WritingServer, words: str) -> None:
    """Let this vendor write other words than the other one."""
    server.words = (words, "", "", "")


def shown(run: Run) -> list[VariantView]:
    """The variants of the text."""
    step = varied_step(run, "ask")
    assert step
    return variants_read(run, step)


def choice(run: Run) -> Step:
    """The row of the choice among them."""
    step = varied_step(run, "ask")
    assert step
    found: Step = Step.objects.get(run=run, node="ask", item=len(step.variants))
    return found


def after(run: Run) -> Mapping[str, Any]:
    """What reached the node behind."""
    row = Step.objects.get(run=run, node="after")
    return row.outputs or row.error or {}


def asked(vendors: Vendors) -> int:
    """How many requests the vendors got."""
    return sum(len(server.submitted) for server in vendors)
