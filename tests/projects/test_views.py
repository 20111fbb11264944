"""The pages: who may, what they show, what they refuse, and how many queries they take."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.engine.validation import validate
from apps.nodes.registry import node_type_get
from apps.projects import services
from apps.projects.models import Project, Workflow, WorkflowVersion
from apps.projects.outline import outline_svg
from apps.projects.starters import STARTERS
from apps.workspaces.models import Workspace
from tests.projects.graphs import add, graph, node

HTMX = {"HX-Request": "true"}


@pytest.fixture
def project(workspace: Workspace, alice: User) -> Project:
    return services.project_create(workspace_id=workspace.id, name="Films", actor_id=alice.id)


@pytest.fixture
def workflow(project: Project, alice: User) -> Workflow:
    return services.workflow_create(
        workspace_id=project.workspace_id, project_id=project.id, name="Flow", actor_id=alice.id
    )


def text(client: Client, url: str, **headers: Any) -> str:
    answer = client.get(url, headers=headers)
    assert answer.status_code == 200, url
    return answer.content.decode()


def test_an_empty_list_offers_the_first_step(alice_client: Client, victor_client: Client, workspace: Workspace) -> None:
    page = text(alice_client, "/w/mill/projects/")
    assert "No projects yet" in page
    assert "Start from the Postcard template" in page
    assert "Postcard" in text(alice_client, "/w/mill/projects/home/")
    assert "Start from the" not in text(victor_client, "/w/mill/projects/")


def test_the_home_of_a_new_workspace_is_one_first_step(
    alice_client: Client, victor_client: Client, workspace: Workspace
) -> None:
    page = text(alice_client, "/w/mill/")
    assert ("Start from the Postcard template" in page, "/w/mill/runs/home/" in page) == (True, False)
    assert "Start from the" not in text(victor_client, "/w/mill/")
    alice_client.post("/w/mill/projects/start/postcard/")
    page = text(alice_client, "/w/mill/")
    assert ("Start from the" in page, "/w/mill/runs/home/" in page) == (False, True)


def test_the_postcard_is_one_click_away_and_can_run(alice_client: Client, workspace: Workspace) -> None:
    answer = alice_client.post("/w/mill/projects/start/postcard/")
    workflow = Workflow.objects.for_workspace(workspace.id).get()
    assert answer["Location"] == f"/w/mill/workflows/{workflow.id}/"
    document, _ = services.workflow_document(workflow)
    assert validate(document, node_type_get) == []
    kinds = [one["type"] for one in document["nodes"]]
    assert kinds == ["input.text", "image.generate", "image.resize", "video.generate", "output.gallery"]
    assert alice_client.post("/w/mill/projects/start/nothing/").status_code == 404


@pytest.mark.parametrize("starter", STARTERS)
def test_every_starter_runs_as_it_is(starter: str) -> None:
    assert validate(STARTERS[starter].graph(), node_type_get) == []


def test_a_project_is_made_renamed_trashed_and_brought_back(alice_client: Client, workspace: Workspace) -> None:
    answer = alice_client.post("/w/mill/projects/new/", {"name": "Films", "description": "Ours"})
    project = Project.objects.for_workspace(workspace.id).get()
    assert answer["Location"] == f"/w/mill/projects/{project.id}/"
    alice_client.post(f"{answer['Location']}rename/", {"name": "Pictures & <b>films</b>"})
    page = text(alice_client, answer["Location"])
    assert "Pictures &amp; &lt;b&gt;films&lt;/b&gt;" in page
    gone = alice_client.post(f"{answer['Location']}trash/")
    listed = text(alice_client, gone["Location"])
    assert "” is in the trash" in listed
    assert f"/w/mill/projects/{project.id}/restore/" in listed
    assert alice_client.get(answer["Location"]).status_code == 404
    assert "Pictures" in text(alice_client, "/w/mill/projects/trash/")
    alice_client.post(f"{answer['Location']}restore/")
    assert alice_client.get(answer["Location"]).status_code == 200
    assert "” is in the trash" not in text(alice_client, gone["Location"])


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_a_bad_name_is_said_where_it_was_typed(
    alice_client: Client, project: Project, workflow: Workflow, name: str
) -> None:
    for url in (
        "/w/mill/projects/new/",
        f"/w/mill/projects/{project.id}/rename/",
        f"/w/mill/projects/{project.id}/workflows/new/",
    ):
        answer = alice_client.post(url, {"name": name})
        assert answer.status_code == 422, url
        assert "data-auto" in answer.content.decode()
    answer = alice_client.post(f"/w/mill/workflows/{workflow.id}/rename/", {"name": name}, headers=HTMX)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.content.decode()


def test_a_workflow_is_made_named_copied_and_trashed(
    alice_client: Client, project: Project, workspace: Workspace
) -> None:
    new = f"/w/mill/projects/{project.id}/workflows/new/"
    page = alice_client.post(new, {"name": "Flow", "starter": "postcard"})["Location"]
    workflow = Workflow.objects.for_workspace(workspace.id).get()
    assert workflow.last_seq == 10
    assert alice_client.post(new, {"name": "Flow", "starter": "nonsense"}).status_code == 422
    named = alice_client.post(f"{page}rename/", {"name": "Card"}, headers=HTMX).content.decode()
    assert 'value="Card"' in named
    copy = alice_client.post(f"{page}duplicate/")["Location"]
    assert "Copy of Card" in text(alice_client, copy)
    gone = alice_client.post(f"{page}trash/")["Location"]
    assert f"/w/mill/workflows/{workflow.id}/restore/" in text(alice_client, gone)
    assert alice_client.get(page).status_code == 404
    alice_client.post(f"{page}restore/")
    assert alice_client.get(page).status_code == 200


def test_the_island_gets_what_it_starts_with(alice_client: Client, workflow: Workflow, alice: User) -> None:
    evil = "</script><script>alert(1)</script>"
    services.operations_apply(
        workflow=workflow, actor_id=alice.id, client_id="c", ops=[add(1, "a", params={"text": evil})]
    )
    page = text(alice_client, f"/w/mill/workflows/{workflow.id}/")
    assert evil not in page
    script = re.search(r'<script id="island-boot" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert script
    boot = json.loads(script.group(1))
    assert boot.keys() == {"workflow", "nodeTypes", "settings", "models", "user", "csrf", "urls", "run"}
    assert boot["workflow"]["seq"] == 1
    assert boot["workflow"]["graph"]["nodes"][0]["params"] == {"text": evil}
    assert "input.text" in [one["type"] for one in boot["nodeTypes"]]
    assert "sandbox/image" in [one["id"] for one in boot["models"]]
    assert boot["user"] == {"id": str(alice.id), "name": "Alice"}
    for slot in ("canvas-island", "island-saved", "island-presence", "island-run"):
        assert f'id="{slot}"' in page
    assert 'data-role="owner"' in page


def test_versions_are_kept_published_and_returned_to(alice_client: Client, workflow: Workflow) -> None:
    def apply(*ops: Any) -> None:
        services.operations_apply(workflow=workflow, actor_id=None, client_id="c", ops=list(ops))

    url = f"/w/mill/workflows/{workflow.id}/versions/"
    apply(add(1, "a"))
    assert "First" in alice_client.post(f"{url}new/", {"name": "First"}, headers=HTMX).content.decode()
    apply(add(2, "b"), {"client_seq": 3, "op": "remove_node", "id": "a"})
    assert "published" in alice_client.post(f"{url}1/publish/", headers=HTMX).content.decode()
    alice_client.post(f"{url}1/restore/", headers=HTMX)
    document, seq = services.workflow_document(workflow)
    assert [one["id"] for one in document["nodes"]] == ["a"]
    assert seq == 5
    assert alice_client.post(f"{url}9/publish/").status_code == 404
    assert alice_client.post(f"{url}9/restore/").status_code == 404


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_a_version_needs_a_name(alice_client: Client, workflow: Workflow, name: str) -> None:
    answer = alice_client.post(f"/w/mill/workflows/{workflow.id}/versions/new/", {"name": name}, headers=HTMX)
    assert answer.status_code == 422
    assert "name" in answer.content.decode()
    assert not WorkflowVersion.objects.for_workspace(workflow.workspace_id).exists()


def test_a_version_that_cannot_run_is_not_published_and_says_why(alice_client: Client, workflow: Workflow) -> None:
    services.graph_replace(
        workflow=workflow,
        base_seq=0,
        graph=graph(node("a", "image.generate", title="Sunset"), node("b", "no.such")),
        actor_id=None,
    )
    url = f"/w/mill/workflows/{workflow.id}/versions/"
    alice_client.post(f"{url}new/", {"name": "Broken"}, headers=HTMX)
    answer = alice_client.post(f"{url}1/publish/", headers=HTMX)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Sunset: Connect something to Prompt." in page
    assert "There is no node type no.such." in page
    workflow.refresh_from_db()
    assert workflow.published_version is None


def test_a_version_is_looked_at_as_it_was(alice_client: Client, victor_client: Client, workflow: Workflow) -> None:
    services.graph_replace(
        workflow=workflow, base_seq=0, graph=graph(node("a", title="Words", params={"text": "sea"})), actor_id=None
    )
    url = f"/w/mill/workflows/{workflow.id}/versions/"
    alice_client.post(f"{url}new/", {"name": "First light"}, headers=HTMX)
    services.graph_replace(workflow=workflow, base_seq=1, graph=graph(), actor_id=None)
    page = alice_client.get(f"{url}1/").content.decode()
    assert "First light" in page and "Words" in page and "sea" in page and "Restore" in page
    looked = victor_client.get(f"{url}1/").content.decode()
    assert "First light" in looked and "Restore" not in looked
    picture = alice_client.get(f"{url}1/outline.svg")
    assert picture.content.count(b"<rect") == 1
    assert "max-age=31536000" in picture["Cache-Control"]
    assert alice_client.get(f"{url}2/").status_code == 404


def test_a_version_runs_as_it_was(alice_client: Client, workflow: Workflow) -> None:
    services.graph_replace(workflow=workflow, base_seq=0, graph=graph(node("a")), actor_id=None)
    url = f"/w/mill/workflows/{workflow.id}/versions/"
    alice_client.post(f"{url}new/", {"name": "First"}, headers=HTMX)
    services.graph_replace(workflow=workflow, base_seq=1, graph=graph(node("bad", "no.such")), actor_id=None)
    answer = alice_client.post(f"{url}1/run/", headers=HTMX)
    assert answer.status_code == 204
    assert {"run-started", "close-dialog"} <= json.loads(answer["HX-Trigger"]).keys()
    run = json.loads(answer["HX-Trigger"])["run-started"]
    page = alice_client.get(run["url"]).content.decode()
    assert "version 1" in page
    alice_client.post(f"{url}new/", {"name": "Second"}, headers=HTMX)
    assert alice_client.post(f"{url}2/run/", headers=HTMX).status_code == 422
    assert alice_client.post(f"{url}3/run/", headers=HTMX).status_code == 404


def test_the_outline_is_kept_only_at_its_own_moment(alice_client: Client, workflow: Workflow) -> None:
    services.graph_replace(workflow=workflow, base_seq=0, graph=graph(node("a"), node("b")), actor_id=None)
    url = f"/w/mill/workflows/{workflow.id}/outline.svg"
    answer = alice_client.get(f"{url}?seq=2")
    assert answer["Content-Type"] == "image/svg+xml"
    assert answer.content.count(b"<rect") == 2
    assert "max-age=31536000" in answer["Cache-Control"]
    for stale in ("", "?seq=1", "?seq=x"):
        assert "max-age=0" in alice_client.get(url + stale)["Cache-Control"]


@pytest.mark.parametrize("place", [(0, 0), (1e308, -1e308), (10**300, 5)])
def test_an_outline_survives_any_place(place: tuple[float, float]) -> None:
    far = node("a", '"><script>', position={"x": place[0], "y": place[1]})
    document = graph(far, node("b", position={"x": 0, "y": 0}))
    picture = outline_svg(document)
    assert "nan" not in picture
    assert "inf" not in picture
    assert "<script" not in picture
    assert outline_svg(graph()).endswith("</svg>")


def test_lists_are_searched_and_paged(
    alice_client: Client, workspace: Workspace, project: Project, alice: User
) -> None:
    for n in range(30):
        services.workflow_create(
            workspace_id=workspace.id, project_id=project.id, name=f"Flow {n:02}", actor_id=alice.id
        )
        services.project_create(workspace_id=workspace.id, name=f"Project {n:02}", actor_id=alice.id)
    for url, name in ((f"/w/mill/projects/{project.id}/", "Flow"), ("/w/mill/projects/", "Project")):
        first = text(alice_client, url)
        cursor = re.search(r"cursor=([^&\"]+)", first)
        assert cursor
        rest = text(alice_client, f"{url}?cursor={cursor.group(1)}", **HTMX)
        shown = set(re.findall(rf"{name} \d\d", first + rest))
        assert len(shown) == 30
        assert "<html" not in rest
        found = text(alice_client, f"{url}?q={name}+07", **HTMX)
        assert set(re.findall(rf"{name} \d\d", found)) == {f"{name} 07"}
        assert "is called like" in text(alice_client, f"{url}?q=%3Cb%3E")
        assert alice_client.get(f"{url}?cursor=nonsense").status_code == 404
    palette = text(alice_client, "/w/mill/projects/palette/?q=07")
    assert "Flow 07" in palette
    assert "Project 07" in palette
    for url in ("/w/mill/projects/", f"/w/mill/projects/{project.id}/", "/w/mill/projects/palette/"):
        assert alice_client.get(f"{url}?q=%00&trashed=%00").status_code == 200
    assert alice_client.get(f"/w/mill/projects/{project.id}/?tab=nowhere").status_code == 404


def test_pages_take_the_same_queries_however_many_rows(
    alice_client: Client, workspace: Workspace, project: Project, alice: User
) -> None:
    urls = [
        "/w/mill/projects/",
        f"/w/mill/projects/{project.id}/",
        "/w/mill/projects/trash/",
        "/w/mill/projects/home/",
        "/w/mill/projects/palette/",
    ]

    def count(url: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            text(alice_client, url)
        return len(queries)

    def fill(number: int) -> None:
        for n in range(number):
            other = services.project_create(workspace_id=workspace.id, name=f"P{n}", actor_id=alice.id)
            thrown = services.project_create(workspace_id=workspace.id, name=f"T{n}", actor_id=alice.id)
            services.project_trash(project=thrown)
            for place in (project, other):
                services.workflow_create(
                    workspace_id=workspace.id,
                    project_id=place.id,
                    name=f"W{n}",
                    graph=STARTERS["postcard"].graph(),
                    actor_id=alice.id,
                )

    fill(1)
    text(alice_client, urls[0])  # what is cached for the process is cached now
    few = [count(url) for url in urls]
    fill(12)
    assert [count(url) for url in urls] == few
    assert max(few) <= 9


def changes(project: Project, workflow: Workflow) -> list[str]:
    """Every change of this app's pages."""
    p, w = f"/w/mill/projects/{project.id}/", f"/w/mill/workflows/{workflow.id}/"
    return [
        "/w/mill/projects/new/",
        "/w/mill/projects/start/postcard/",
        *(f"{p}{act}/" for act in ("rename", "workflows/new", "trash", "restore")),
        *(f"{w}{act}/" for act in ("rename", "duplicate", "versions/new", "trash", "restore")),
        f"{w}versions/1/publish/",
        f"{w}versions/1/restore/",
    ]


def reads(project: Project, workflow: Workflow) -> list[str]:
    w = f"/w/mill/workflows/{workflow.id}/"
    return ["/w/mill/projects/", f"/w/mill/projects/{project.id}/", "/w/mill/projects/trash/", w, f"{w}versions/"]


def test_viewers_look_and_strangers_find_nothing(
    victor_client: Client, charlie_client: Client, project: Project, workflow: Workflow
) -> None:
    for url in reads(project, workflow):
        page = text(victor_client, url)
        assert "New project" not in page
        assert "/rename/" not in page
        assert charlie_client.get(url).status_code == 404
        assert "/accounts/login/" in Client().get(url)["Location"]
    for url in changes(project, workflow):
        assert victor_client.post(url, {"name": "X"}).status_code == 403, url
        assert charlie_client.post(url, {"name": "X"}).status_code == 404, url
        assert victor_client.get(url).status_code == 405, url
    assert Project.objects.for_workspace(project.workspace_id).count() == 1


def test_ids_of_others_and_of_nothing_are_404(
    charlie: User, charlie_client: Client, project: Project, workflow: Workflow
) -> None:
    for one, other in ((project.id, workflow.id), (uuid4(), uuid4())):
        for url in (
            f"/w/elsewhere/projects/{one}/",
            f"/w/elsewhere/workflows/{other}/",
            f"/w/elsewhere/workflows/{other}/outline.svg",
        ):
            assert charlie_client.get(url).status_code == 404
        for act in ("rename", "trash", "restore", "duplicate"):
            assert charlie_client.post(f"/w/elsewhere/workflows/{other}/{act}/", {"name": "X"}).status_code == 404
        assert charlie_client.post(f"/w/elsewhere/projects/{one}/trash/").status_code == 404
