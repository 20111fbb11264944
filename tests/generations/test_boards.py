"""Boards, stars and tags, lineage, and settings that go to a workflow: pages and API."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse
from PIL import Image

from apps.accounts.models import User
from apps.assets.models import Asset
from apps.assets.services import asset_ref, asset_store
from apps.generations.boards import BoardInvalid, board_add, board_create, board_move
from apps.generations.lineage import DEPTH, WIDTH, lineage_of
from apps.generations.models import Board, BoardItem, Generation, GenerationOutput
from apps.projects.services import project_create, workflow_create, workflow_document
from apps.workspaces.models import Workspace
from tests.generations.rows import made

pytestmark = pytest.mark.django_db
JSON = "application/json"


def page(name: str, *args: object) -> str:
    return reverse(f"generations:{name}", args=["mill", *args])


@pytest.fixture
def picture(workspace: Workspace, tmp_path: Path) -> Callable[..., Asset]:
    """A file of the workspace, each its own colour."""

    def make(shade: int, made_from: list[UUID] | None = None) -> Asset:
        path = tmp_path / f"{shade}.png"
        Image.new("RGB", (8, 8), (shade, 90, 160)).save(path)
        return asset_store(
            workspace_id=workspace.id, path=path, filename=path.name, source="upload", made_from=made_from or []
        )

    return make


def output(row: Generation, asset: Asset) -> None:
    rows = GenerationOutput.objects.for_workspace(row.workspace_id)
    rows.create(workspace_id=row.workspace_id, generation=row, asset=asset, position=0)


def order(board: Board) -> list[str]:
    items = (
        BoardItem.objects.for_workspace(board.workspace_id)
        .filter(board=board)
        .select_related("generation")
        .order_by("position", "id")
    )
    return [item.generation.prompt for item in items if item.generation]


def test_board_over_the_api(
    alice: User, workspace: Workspace, api: Callable[..., Client], picture: Callable[..., Asset]
) -> None:
    client, row, asset = api(alice, workspace), made(workspace, "a"), picture(1)
    board = client.post("/api/v1/boards", {"name": " Best  of "}, content_type=JSON).json()
    assert (board["name"], board["items"]) == ("Best of", 0)
    url = f"/api/v1/boards/{board['id']}"
    body = {"generations": [str(row.id)], "assets": [str(asset.id)]}
    assert len(client.post(f"{url}/items", body, content_type=JSON).json()) == 2
    assert client.post(f"{url}/items", body, content_type=JSON).json() == []
    items = client.get(f"{url}/items").json()["items"]
    assert [item["generation"] for item in items] == [str(row.id), None]
    move = {"before": items[0]["id"]}
    assert client.post(f"{url}/items/{items[1]['id']}/move", move, content_type=JSON).status_code == 204
    assert [item["id"] for item in client.get(f"{url}/items").json()["items"]] == [items[1]["id"], items[0]["id"]]
    assert client.delete(f"{url}/items/{items[0]['id']}").status_code == 204
    assert client.get(url).json()["items"] == 1
    assert client.patch(url, {"name": "Other"}, content_type=JSON).json()["name"] == "Other"
    assert client.post("/api/v1/boards", {"name": "Other"}, content_type=JSON).json()["type"].endswith("invalid-board")
    for name in ("", " ", "x" * 121):
        assert client.post("/api/v1/boards", {"name": name}, content_type=JSON).status_code == 422
    missing = client.post(f"{url}/items", {"generations": [str(UUID(int=5))]}, content_type=JSON)
    assert missing.json()["detail"] == "There is no such generation in this workspace."
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404


def test_board_does_not_take_what_is_anothers(workspace: Workspace, foreign_workspace: Workspace) -> None:
    board = board_create(workspace_id=workspace.id, name="Mine", actor_id=None)
    with pytest.raises(BoardInvalid):
        board_add(board=board, generations=[made(foreign_workspace, "theirs").id])


def test_order_survives_many_moves(workspace: Workspace) -> None:
    board = board_create(workspace_id=workspace.id, name="Order", actor_id=None)
    rows = [made(workspace, name) for name in "abc"]
    items = board_add(board=board, generations=[row.id for row in rows])
    for turn in range(80):
        # Always into the same, ever narrower place: in the end all are set apart anew.
        board_move(board=board, item_id=items[turn % 2].id, before=items[2].id)
        assert order(board) == (["b", "a", "c"] if turn % 2 == 0 else ["a", "b", "c"])
    board_move(board=board, item_id=items[0].id, before=None)
    assert order(board) == ["b", "c", "a"]


def test_board_pages(alice_client: Client, victor_client: Client, workspace: Workspace) -> None:
    row = made(workspace, "a lighthouse")
    assert "No boards yet" in alice_client.get(page("board_list")).content.decode()
    answer = alice_client.post(page("board_create"), {"name": "Sea"})
    board = answer.headers["Location"].rstrip("/").rsplit("/", 1)[-1]
    assert alice_client.post(page("board_create"), {"name": "Sea"}).status_code == 422
    ticks = alice_client.post(page("board_choice"), {"generation": row.id, "board": board, "on": "1"})
    assert "checked" in ticks.content.decode()
    body = alice_client.get(page("board_detail", board)).content.decode()
    assert "a lighthouse" in body
    assert "data-move" in body
    assert "data-move" not in victor_client.get(page("board_detail", board)).content.decode()
    assert victor_client.post(page("board_delete", board)).status_code == 403
    alice_client.post(page("board_choice"), {"generation": row.id, "board": board})
    assert "Nothing on this board yet" in alice_client.get(page("board_detail", board)).content.decode()
    new = alice_client.post(page("board_choice"), {"generation": row.id, "name": "New"}).content.decode()
    assert "New" in new
    assert alice_client.get(page("board_choice")).status_code == 404
    renamed = alice_client.post(page("board_rename", board), {"name": ""}, headers={"HX-Request": "true"})
    assert (renamed.status_code, "Give the board a name." in renamed.content.decode()) == (422, True)


def test_stars_and_tags_from_the_page(alice_client: Client, victor_client: Client, workspace: Workspace) -> None:
    row = made(workspace, "a mill")
    url, htmx = page("generation_remark_set", row.id), {"HX-Request": "true"}
    body = alice_client.post(url, {"rating": "4", "tags": "x, y"}, headers=htmx).content.decode()
    assert f'id="stars-{row.id}" hx-swap-oob="true"' in body
    row.refresh_from_db()
    assert (row.rating, row.tags) == (4, ["x", "y"])
    assert alice_client.post(url, {"rating": "0"}, headers=htmx).status_code == 200
    assert alice_client.post(url, {"rating": "7"}, headers=htmx).status_code == 422
    assert alice_client.post(url, {"tags": "x" * 70}, headers=htmx).status_code == 422
    row.refresh_from_db()
    assert (row.rating, row.tags) == (None, ["x", "y"])
    assert victor_client.post(url, {"rating": "1"}).status_code == 403


def test_lineage_of_generations_and_nodes_files(
    alice: User,
    alice_client: Client,
    workspace: Workspace,
    api: Callable[..., Client],
    picture: Callable[..., Asset],
) -> None:
    upload, drawn = picture(1), picture(2)
    first = made(workspace, "first", inputs={"image": {"$asset": str(upload.id)}})
    output(first, drawn)
    resized = picture(3, made_from=[drawn.id])
    film = made(workspace, "film", kind="video", inputs={"frames": [asset_ref(drawn), asset_ref(resized)]})
    graph = api(alice, workspace).get(f"/api/v1/generations/{first.id}/lineage").json()
    distances = {thing["id"]: thing["distance"] for thing in graph["things"]}
    assert distances == {str(upload.id): -1, str(first.id): 0, str(film.id): 1, str(resized.id): 1}
    edges = {tuple(edge) for edge in graph["edges"]}
    assert (str(upload.id), str(first.id)) in edges
    assert (str(first.id), str(film.id)) in edges
    assert api(alice, workspace).get(f"/api/v1/assets/{drawn.id}/lineage").json()["things"] == graph["things"]
    body = alice_client.get(page("generation_detail", first.id)).content.decode()
    assert 'class="lineage"' in body
    assert 'aria-label="Used in: film' in body
    assert "Made from: 1.png" in body
    story = alice_client.get(page("asset_story", resized.id)).content.decode()
    assert "Made from: first" in story


def test_lineage_is_bounded(workspace: Workspace, picture: Callable[..., Asset]) -> None:
    source = picture(1)
    for number in range(WIDTH + 3):
        made(workspace, f"use {number}", inputs={"image": {"$asset": str(source.id)}})
    chain = source
    for shade in range(2, DEPTH + 4):
        chain = picture(shade, made_from=[chain.id])
    found = lineage_of(workspace.id, ("asset", source.id))
    first = found.steps[1]
    assert (len(first.keys), first.more) == (WIDTH, 4)
    assert max(step.distance for step in found.steps) <= DEPTH
    assert lineage_of(workspace.id, ("asset", chain.id)).steps[0].distance == -DEPTH


def test_settings_go_to_a_workflow(alice_client: Client, workspace: Workspace, picture: Callable[..., Asset]) -> None:
    project = project_create(workspace_id=workspace.id, name="P", actor_id=None)
    flow = workflow_create(workspace_id=workspace.id, project_id=project.id, name="Flow", graph=None, actor_id=None)
    params = {"prompt": "a mill", "seed": 7, "width": 512}
    row = made(workspace, "a mill", params=params)
    assert "Flow" in alice_client.get(page("generation_take", row.id)).content.decode()
    for _ in range(2):
        answer = alice_client.post(page("generation_take", row.id), {"workflow": str(flow.id)})
        assert answer.headers["Location"] == reverse("projects:workflow_detail", args=["mill", flow.id])
    flow.refresh_from_db()
    document, _seq = workflow_document(flow)
    nodes = [node for node in document["nodes"] if node["type"] == "image.generate"]
    assert [node["params"] for node in nodes] == [{"model": "sandbox/image", "seed": 7, "width": 512}] * 2
    texts = [node["params"]["text"] for node in document["nodes"] if node["type"] == "input.text"]
    assert (texts, len(document["edges"])) == (["a mill", "a mill"], 2)
    assert nodes[1]["position"]["y"] > nodes[0]["position"]["y"]
    assert alice_client.post(page("generation_take", row.id), {"workflow": "x"}).status_code == 404
