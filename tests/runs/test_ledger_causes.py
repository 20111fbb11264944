"""The ledger leads to the step that spent it, on its page, in its file and over the API."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.billing.services import hold_capture
from apps.common.tenancy import scope
from apps.generations.models import Generation
from apps.projects.models import Project, Workflow
from apps.runs.models import Run
from apps.workspaces.models import Workspace
from tests.runs.nesting import children, drive, paint, start

Make = Callable[[dict[str, Any]], Workflow]


@pytest.fixture
def spent(funded: Workspace, make_workflow: Make, painter: Workflow) -> tuple[Run, Run, Generation]:
    """A run, the run that is a step of it, and what a step of that one was charged a credit for."""
    with scope(funded.id):
        run = start(make_workflow(paint(painter)))
        drive(run.id)
        (child,) = children(run)
        drive(child.id)
        made = Generation.objects.get(run_id=child.id)
    hold_capture(hold_id=made.hold_id, amount=1_000_000, description="sandbox/image: sea")
    return run, child, made


def test_a_charge_leads_to_the_step_that_spent_it(
    alice_client: Client, api: Callable[..., Client], spent: tuple[Run, Run, Generation]
) -> None:
    run, child, made = spent
    step = f"/w/mill/runs/{child.id}/#step=img.0"
    page = alice_client.get("/w/mill/billing/").content.decode()
    assert page.count(f'href="{step}"') == 1
    for link in (f'href="/w/mill/runs/{run.id}/"', f'href="/w/mill/tape/{made.id}/"', ">Generate image</a>"):
        assert link in page
    text = b"".join(alice_client.get("/w/mill/billing/ledger.csv?kind=capture")).decode("utf-8-sig")
    [line] = csv.DictReader(io.StringIO(text))
    assert (line["Step"], line["Node"], line["Item"], line["Run"]) == ("Generate image", "img", "0", str(run.id))
    assert line["Address"].endswith(step)
    [item] = api().get("/api/v1/credits/entries?kind=capture").json()["items"]
    assert item["step"] == {"run": str(child.id), "node": "img", "item": 0, "attempt": 1, "title": "Generate image"}
    assert (item["run"], item["generation"], item["purchase"]) == (str(run.id), str(made.id), None)
    assert item["url"] == line["Address"]


def test_what_is_held_now_leads_to_its_step(
    alice_client: Client, funded: Workspace, make_workflow: Make, painter: Workflow
) -> None:
    with scope(funded.id):
        run = start(make_workflow(paint(painter)))
        drive(run.id)
        (child,) = children(run)
        drive(child.id)
    assert f'href="/w/mill/runs/{child.id}/#step=img.0"' in alice_client.get("/w/mill/billing/").content.decode()


def test_nothing_is_told_of_the_steps_of_a_private_project(
    victor_client: Client, funded: Workspace, spent: tuple[Run, Run, Generation]
) -> None:
    run, child, _made = spent
    Project.objects.for_workspace(funded.id).update(private=True)
    page = victor_client.get("/w/mill/billing/").content.decode()
    text = b"".join(victor_client.get("/w/mill/billing/ledger.csv?kind=capture")).decode("utf-8-sig")
    assert "In a private project" in page
    for told in (str(run.id), str(child.id), "Generate image"):
        assert told not in page + text
