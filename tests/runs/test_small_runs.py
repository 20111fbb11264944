"""What a small run asks of the database: the measure of its cost that does not change with the machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from apps.accounts.models import User
from apps.common.tenancy import scope
from apps.projects.models import Workflow
from apps.projects.services import operations_apply
from apps.runs import plans, reuse
from apps.runs.driver import advance
from apps.runs.models import Graph, Step
from apps.runs.services import run_start
from apps.workspaces.models import Membership, Workspace
from tests.runs.graphs import chain, graph, node

Make = Callable[[dict[str, Any]], Workflow]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("inside")]


def numbered(length: int = 2) -> dict[str, Any]:
    """A number from a variable, handed on."""
    passes = [node(f"n{i}") for i in range(length)]
    edges = [("first", "number", "n0", "value"), *((f"n{i}", "value", f"n{i + 1}", "value") for i in range(length - 1))]
    first = node("first", "input.number", number={"$variable": "n"})
    return graph([first, *passes], *edges, variables={"n": 0})


@contextmanager
def statements() -> Iterator[list[str]]:
    """The statements sent while the block runs. (Django's own record has no text of prepared ones.)

    None of them is about rows behind the wall: the session is not told a scope in between.
    """
    found: list[str] = []
    connection.ensure_connection()
    session: Any = connection.connection
    session.told = "nobody"

    def note(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        found.append(sql if isinstance(sql, str) else sql.as_string())
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield found
    assert (connection.connection, session.told) == (session, "nobody")
    session.told = None


def verbs(found: list[str]) -> list[str]:
    return [sql.split()[0] for sql in found]


def test_post_of_a_known_workflow_is_four_statements(alice_api: Client, make_workflow: Make) -> None:
    """Who asks, which workflow, is it as it was, and the run."""
    path = f"/api/v1/workflows/{make_workflow(numbered()).id}/runs"

    def post(number: int) -> int:
        body = json.dumps({"variables": {"n": number}})
        return alice_api.post(path, body, content_type="application/json").status_code

    assert post(1) == 202
    with statements() as found:
        assert post(2) == 202
    assert verbs(found) == ["SELECT", "SELECT", "SELECT", "INSERT"]


def test_drive_of_a_small_run_is_two_statements(make_workflow: Make) -> None:
    """Take the run, write: the run before is in memory, and what nobody drove has no rows."""
    workflow = make_workflow(numbered())
    for number in (1, 2):
        advance(run_start(workflow=workflow, actor_id=None, variables={"n": number}).id)
    run = run_start(workflow=workflow, actor_id=None, variables={"n": 3})
    with statements() as found:
        advance(run.id)
    assert verbs(found) == ["UPDATE", "WITH"]
    run.refresh_from_db()
    assert run.state == "completed"
    assert set(Step.objects.filter(run=run).values_list("cache_reason", flat=True)) == {
        "param changed number",
        "input changed value",
    }


def test_reasons_are_the_same_in_a_process_that_did_not_drive_the_run_before(make_workflow: Make) -> None:
    workflow = make_workflow(numbered())
    reasons = []
    for forget in (False, True):
        advance(run_start(workflow=workflow, actor_id=None, variables={"n": 1}).id)
        if forget:
            reuse.FINISHED.clear()
            reuse.ASKED.clear()
        run = run_start(workflow=workflow, actor_id=None, variables={"n": 2})
        advance(run.id)
        reasons.append(list(Step.objects.filter(run=run).order_by("position").values_list("state", "cache_reason")))
        reuse.MEMORY.clear()
    assert reasons[0] == reasons[1]


def test_edited_workflow_runs_as_it_is_now(make_workflow: Make, alice: User) -> None:
    """What is known of a workflow counts for as long as its log is where it was."""
    workflow = make_workflow(chain(2))
    first = run_start(workflow=workflow, actor_id=None)
    add = {"client_seq": 1, "op": "add_node", "node": node("late")}
    operations_apply(workflow=workflow, actor_id=alice.id, client_id="c", ops=[add])
    second = run_start(workflow=Workflow.objects.get(id=workflow.id), actor_id=None)
    third = run_start(workflow=workflow, actor_id=None)
    assert first.graph_id != second.graph_id == third.graph_id
    assert [one["id"] for one in Graph.objects.get(id=second.graph_id).document["nodes"]][-1] == "late"


def test_graph_that_was_rolled_back_is_stored_again(make_workflow: Make) -> None:
    workflow = make_workflow(chain(2))
    with transaction.atomic():
        run_start(workflow=workflow, actor_id=None)
        transaction.set_rollback(True)
    assert not Graph.objects.exists()
    run = run_start(workflow=workflow, actor_id=None)
    assert Graph.objects.filter(id=run.graph_id).exists()
    assert (workflow.workspace_id, bytes(Graph.objects.get().digest)) in plans._graphs


def test_equal_graphs_of_two_workspaces_are_two(make_workflow: Make, foreign_workspace: Workspace) -> None:
    run = run_start(workflow=make_workflow(chain(2)), actor_id=None)
    document, digest = run.graph.document, bytes(run.graph.digest)
    with scope(foreign_workspace.id):
        assert plans.graph_keep(foreign_workspace.id, document, digest) != run.graph_id


def test_token_of_somebody_who_left_is_refused(alice_api: Client, alice: User, workspace: Workspace) -> None:
    assert alice_api.get("/api/v1/runs").status_code == 200
    Membership.objects.filter(user=alice, workspace=workspace).delete()
    assert alice_api.get("/api/v1/runs").status_code == 401
