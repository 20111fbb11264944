"""Published workflows as node types: who may be used, and what is said to the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.common.tenancy import scope
from apps.engine.documents import document_parse
from apps.engine.validation import GraphProblem
from apps.projects import subflows
from apps.projects.models import Workflow
from apps.projects.services import (
    project_create,
    project_trash,
    workflow_create,
    workflow_restore,
    workflow_trash,
)
from apps.projects.subflows import DEPTH_MAX, catalogue, catalogue_for, graph_problems
from apps.projects.versions import VersionCannotRun, version_create, version_publish
from apps.workspaces.models import Workspace
from tests.projects.graphs import graph as whole
from tests.runs.graphs import graph, node
from tests.runs.nesting import around, publish, shout, top, use

pytestmark = pytest.mark.usefixtures("inside")
Make = Callable[..., Workflow]


@pytest.fixture
def inside(workspace: Workspace) -> Any:
    with scope(workspace.id):
        yield


@pytest.fixture
def make(workspace: Workspace, alice: User) -> Make:
    project = project_create(workspace_id=workspace.id, name="Test", actor_id=alice.id)

    def made(name: str, document: dict[str, Any] | None = None, *, published: bool = True) -> Workflow:
        workflow = workflow_create(
            workspace_id=workspace.id,
            project_id=project.id,
            name=name,
            graph=shout() if document is None else document,
            actor_id=alice.id,
        )
        if published:
            publish(workflow)
        return workflow

    return made


def problems(workflow: Workflow, document: dict[str, Any]) -> list[GraphProblem]:
    return graph_problems(workflow, document_parse(document))


def the_problem(workflow: Workflow, document: dict[str, Any]) -> tuple[str | None, str, str]:
    (found, *_rest) = problems(workflow, document)
    return found.node, found.code, found.message


def test_published_workflow_is_a_node(make: Make) -> None:
    sub, main = make("Shout"), make("Main", published=False)
    assert problems(main, top(sub)) == []


def test_port_that_is_not_there_is_found_at_the_edge(make: Make) -> None:
    sub, main = make("Shout"), make("Main", published=False)
    nodes = [node("words", "input.text", text="x"), use(sub)]
    found = problems(main, graph(nodes, ("words", "text", "sub", "nope")))
    assert {problem.code for problem in found} == {"unknown-port", "missing-input"}


def test_what_cannot_be_used_is_refused_with_the_next_step(make: Make) -> None:
    main = make("Main", published=False)
    draft = make("Draft", published=False)
    assert the_problem(main, top(draft))[1:] == (
        "unknown-type",
        "“Draft” is not published. Publish a version of it first.",
    )
    sub = make("Shout")
    assert "Take version 1" in the_problem(main, top(sub, version=7))[2]
    version_create(workflow=sub, actor_id=None)
    assert "Take version 1" in the_problem(main, top(sub, version=2))[2], "kept, but not published"
    workflow_trash(workflow=sub)
    assert the_problem(main, top(sub)) == (
        "sub",
        "unknown-type",
        "“Shout” is in the trash. Restore it, or remove this node.",
    )
    workflow_restore(workflow=sub)
    assert problems(main, top(sub)) == []
    project_trash(project=sub.project)
    assert "in the trash" in the_problem(main, top(sub))[2]


def test_foreign_workflow_is_as_unknown_as_one_that_never_was(
    make: Make, foreign_workspace: Workspace, charlie: User
) -> None:
    main = make("Main", published=False)
    with scope(foreign_workspace.id):
        project = project_create(workspace_id=foreign_workspace.id, name="Theirs", actor_id=charlie.id)
        foreign = workflow_create(
            workspace_id=foreign_workspace.id, project_id=project.id, name="Secret", graph=shout(), actor_id=charlie.id
        )
        publish(foreign)
        assert subflows.published_get(foreign.id, 1).node_type.title == "Secret"
    said = the_problem(main, top(foreign))
    never = {**use(foreign), "type": f"workflow.{uuid4().hex}"}
    assert (
        said
        == the_problem(main, graph([never]))
        == (
            "sub",
            "unknown-type",
            "There is no such workflow in this workspace. Remove this node.",
        )
    )
    assert the_problem(main, graph([{**never, "type": "workflow.nonsense"}]))[1] == "unknown-type"


def test_workflow_inside_a_used_one_may_not_be_in_the_trash_either(make: Make) -> None:
    inner = make("Inner")
    middle = make("Middle", around(inner))
    main = make("Main", published=False)
    workflow_trash(workflow=inner)
    assert the_problem(main, top(middle))[2] == "“Middle” uses “Inner”, which is in the trash. Restore it."


def test_workflow_that_uses_itself_is_refused(make: Make) -> None:
    own = make("Own")
    node_, code, message = the_problem(own, top(own))
    assert (node_, code) == ("sub", "recursion")
    assert "Own → Own" in message


def test_circle_through_others_is_refused_with_its_path(make: Make) -> None:
    a = make("A")
    b = make("B", around(a))
    c = make("C", around(b))
    assert "A → C → B → A" in the_problem(a, top(c))[2]
    assert the_problem(a, top(c))[1] == "recursion"
    Workflow.objects.filter(id=a.id).update(name="Alpha")
    assert "Alpha → C → B → Alpha" in the_problem(a, top(c))[2]


def test_circle_that_publishing_would_close_is_refused_there(make: Make) -> None:
    a, b = make("A"), make("B")
    assert publish(a, around(b)) == 2
    with pytest.raises(VersionCannotRun, match="B → A → B"):
        publish(b, around(a, version=2))
    assert Workflow.objects.get(id=b.id).published_version == 1
    assert publish(b, around(a, version=1)) == 3, "the older A does not use B"
    assert "A → B → A" in the_problem(a, around(b, version=3))[2]


def test_version_that_cannot_run_is_not_published(make: Make) -> None:
    broken = make("Broken", graph([node("img", "image.generate")]), published=False)
    version = version_create(workflow=broken, actor_id=None)
    with pytest.raises(VersionCannotRun) as caught:
        version_publish(workflow=broken, number=version.number)
    assert [problem.code for problem in caught.value.problems] == ["missing-input"]
    assert Workflow.objects.get(id=broken.id).published_version is None


def test_depth_has_an_end(make: Make) -> None:
    last = make("1")
    for depth in range(2, DEPTH_MAX):
        last = make(str(depth), around(last))
    main = make("Main", published=False)
    assert problems(main, top(last)) == []
    last = make(str(DEPTH_MAX), around(last))
    subflows._published.clear()
    assert the_problem(main, top(last))[1] == "too-deep"


# The catalogue


def shown(items: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(item["title"], item["version"]) for item in items if item["category"] == "workflow"]


def test_catalogue_has_the_newest_published_version_of_what_has_ports(make: Make) -> None:
    sub = make("Shout")
    make("Draft", published=False)
    make("No ports", whole(node("a", "input.text")))
    gone = make("Gone")
    workflow_trash(workflow=gone)
    assert shown(catalogue()) == [("Shout", 1)]
    publish(sub, shout("{{ value }}?"), name="Ask")
    assert shown(catalogue()) == [("Ask", 2)]
    (item,) = [item for item in catalogue() if item["category"] == "workflow"]
    assert item["type"] == f"workflow.{sub.id.hex}"
    assert [port["name"] for port in item["ports"]["inputs"]] == ["text"]
    assert (item["effect"], item["icon"], item["price"]) == ("pure", "workflow", None)


def test_drawing_knows_the_versions_that_are_pinned_and_not_itself(make: Make) -> None:
    sub, own = make("Shout"), make("Own")
    publish(sub)
    found = catalogue_for(own, document_parse(top(sub)))
    assert shown(found) == [("Shout", 1), ("Shout", 2)]
    assert shown(catalogue_for(own, document_parse(shout()))) == [("Shout", 2)]


def test_catalogue_over_http_is_of_the_own_workspace(
    make: Make, api: Callable[..., Client], token_for: Callable[..., str], charlie: User, foreign_workspace: Workspace
) -> None:
    make("Shout")

    def titles(client: Client) -> list[tuple[str, int]]:
        return shown(client.get("/api/v1/node-types?limit=1000").json()["items"])

    assert titles(api()) == [("Shout", 1)]
    assert titles(api(token_for(charlie, foreign_workspace))) == []
