"""Search over the tape: each filter, their meeting, pages, mistakes, and that it is one workspace's own."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.assets.models import Asset, Blob
from apps.common.tenancy import scope
from apps.generations.boards import board_add, board_create, board_delete, board_take_off
from apps.generations.models import Generation, GenerationOutput, SearchRow
from apps.generations.remarks import generation_remark
from apps.generations.search import cost_terms
from apps.generations.tape import TapeFilter
from apps.generations.tape_form import tape_form
from apps.workspaces.models import Workspace
from tests.generations.rows import made

pytestmark = pytest.mark.django_db
URL = "/api/v1/generations"


def found(workspace: Workspace, **query: Any) -> list[str]:
    """The prompts that match, newest first."""
    form = tape_form({name: str(value) for name, value in query.items()})
    assert form.problems() == []
    rows = Generation.objects.for_workspace(workspace.id)
    return [row.prompt for row in form.chosen().page(rows, workspace.id, limit=50, cursor=None)[0]]


def test_words_and_the_beginning_of_the_last(workspace: Workspace) -> None:
    made(workspace, "A lighthouse at dusk, 35mm photograph")
    made(workspace, "Blue-green dunes; light/house")
    assert found(workspace, q="lighthouse") == ["A lighthouse at dusk, 35mm photograph"]
    assert found(workspace, q="LIGHT") == ["Blue-green dunes; light/house", "A lighthouse at dusk, 35mm photograph"]
    assert found(workspace, q="light dusk") == []  # only the last may be unfinished
    assert found(workspace, q="green dun") == ["Blue-green dunes; light/house"]
    assert found(workspace, q="house") == ["Blue-green dunes; light/house"]
    assert found(workspace, q="!!! '' \\ & | <->") == []


def test_scripts_without_spaces_are_found_at_any_place(workspace: Workspace) -> None:
    made(workspace, "黄昏时分的灯塔，电影感 neon")
    for words in ("灯塔", "灯", "塔", "黄昏时分", "电影", "neon", "灯塔 neo"):
        assert len(found(workspace, q=words)) == 1, words
    assert found(workspace, q="塔灯") == []


def test_each_filter_and_all_of_them(workspace: Workspace) -> None:
    project, run = uuid4(), uuid4()
    made(workspace, "plain")
    row = made(
        workspace,
        "wanted castle",
        model="sandbox/video",
        kind="video",
        seed=-7,
        cost=2_000_000,
        rating=4,
        tags=["Keep", "two words"],
        project_id=project,
        run_id=run,
        node="n1",
    )
    query: dict[str, Any] = {
        "q": "castle", "model": "sandbox/video", "kind": "video", "seed": -7, "cost_min": "1.999", "cost_max": 2,
        "rating": 3, "tags": "keep, two words", "project": project, "run": run, "node": "n1", "state": "succeeded",
        "since": row.created_at.date(), "until": row.created_at.date(),
    }  # fmt: skip
    for name, value in query.items():
        if name not in ("state", "since", "until", "cost_max"):
            assert found(workspace, **{name: value}) == ["wanted castle"], name
    assert found(workspace, **query) == ["wanted castle"]
    assert found(workspace, **{**query, "seed": 7}) == []
    assert found(workspace, rating=5) == []
    assert found(workspace, rating=0) == ["plain"]
    assert found(workspace, cost_max="1.5") == ["plain"]
    assert found(workspace, tags="keep, other") == []


def test_dates_include_their_last_day(workspace: Workspace) -> None:
    made(workspace, "old ship", days_ago=10)
    new = made(workspace, "new ship")
    day = new.created_at.date()
    assert found(workspace, q="ship", since=day, until=day) == ["new ship"]
    assert found(workspace, since=day) == ["new ship"]
    assert found(workspace, q="ship", until=new.created_at.isoformat()) == ["old ship"]


def test_unfinished_and_one_unfinished_state(workspace: Workspace) -> None:
    row = made(workspace, "on its way", state="running", cost=0)
    made(workspace, "queued", state="prepared", cost=0)
    made(workspace, "over")
    assert found(workspace, state="live") == ["queued", "on its way"]
    assert found(workspace, state="running") == ["on its way"]
    Generation.objects.for_workspace(workspace.id).filter(id=row.id).update(state="failed")
    assert (found(workspace, state="live"), found(workspace, state="failed")) == (["queued"], ["on its way"])


def test_what_people_say_is_found_at_once(workspace: Workspace) -> None:
    row = made(workspace, "a mill")
    generation_remark(workspace_id=workspace.id, generation_id=row.id, rating=5, tags=["Best of", "best  OF"])
    assert (found(workspace, rating=5, tags="best of"), found(workspace, rating=0)) == (["a mill"], [])
    board = board_create(workspace_id=workspace.id, name="Mills", actor_id=None)
    assert found(workspace, board=board.id) == []
    board_add(board=board, generations=[row.id])
    assert found(workspace, board=board.id, q="mill") == ["a mill"]
    board_take_off(board=board, generation_id=row.id)
    assert found(workspace, board=board.id) == []
    board_add(board=board, generations=[row.id])
    board_delete(board=board)
    assert found(workspace, board=board.id) == []


def test_colours_come_after_the_picture(workspace: Workspace) -> None:
    row = made(workspace, "sea")
    blobs = Blob.objects.for_workspace(workspace.id)
    blob = blobs.create(
        workspace=workspace, sha256="0" * 64, size=1, content_type="image/png", kind="image", key="k", colours=[]
    )
    asset = Asset.objects.for_workspace(workspace.id).create(
        workspace=workspace, blob=blob, filename="a.png", source="generation", kind="image", size=1, state="ready"
    )
    GenerationOutput.objects.for_workspace(workspace.id).create(
        workspace=workspace, generation=row, asset=asset, position=0
    )
    assert found(workspace, colour="#000000") == []
    blobs.filter(id=blob.id).update(colours=[0])
    assert (found(workspace, colour="#050505"), found(workspace, colour="#ffffff")) == (["sea"], [])


def test_pages_go_through_windows_without_a_gap(workspace: Workspace) -> None:
    rows = [made(workspace, f"ship {number:02}", days_ago=100 - number) for number in range(30)]
    with scope(workspace.id), connection.cursor() as cursor:
        # Three windows where there would be one.
        cursor.execute("DELETE FROM generations_searchrow")
        for at in (10, 20):
            cursor.execute(
                "INSERT INTO generations_searchwindow (workspace_id, begins_at) VALUES (%s, %s)",
                [workspace.id, rows[at].created_at],
            )
        cursor.execute("SELECT generations_search_put(%s)", [[row.id for row in rows]])
    assert SearchRow.objects.for_workspace(workspace.id).values("window").distinct().count() == 3
    chosen, cursor_, seen = TapeFilter(q="ship"), None, []
    while True:
        some, cursor_ = chosen.page(
            Generation.objects.for_workspace(workspace.id), workspace.id, limit=7, cursor=cursor_
        )
        seen += [row.prompt for row in some]
        if cursor_ is None:
            break
    assert seen == [f"ship {number:02}" for number in reversed(range(30))]


def test_rebuilding_changes_nothing(workspace: Workspace) -> None:
    for number in range(5):
        made(workspace, f"ship {number}", days_ago=5 - number, tags=["x"])
    before = found(workspace, q="ship", tags="x")
    with scope(workspace.id), connection.cursor() as cursor:
        cursor.execute("SELECT generations_search_rebuild(%s)", [workspace.id])
        assert cursor.fetchone() == (5,)
    assert found(workspace, q="ship", tags="x") == before != []


def test_newer_ones_are_counted_within_the_filter(workspace: Workspace) -> None:
    first = made(workspace, "ship one")
    made(workspace, "ship two")
    made(workspace, "mill")
    assert TapeFilter(q="ship").newer_count(workspace.id, first.id, most=100) == 1
    assert TapeFilter().newer_count(workspace.id, first.id, most=100) == 2


def test_anforeign_workspace_is_not_searched(workspace: Workspace, foreign_workspace: Workspace) -> None:
    made(foreign_workspace, "their ship")
    assert found(workspace, q="ship") == []


@pytest.mark.parametrize("cost", [0, 1, 999, 1000, 1500, 15_999, 16_000, 4_000_000, 4_000_001, 987_654_321])
def test_each_cost_lies_in_its_range_and_in_no_other(workspace: Workspace, cost: int) -> None:
    made(workspace, "it", cost=cost, price_high=10**10)
    made(workspace, "another", cost=5_000_000_000, price_high=10**10)
    paid = Decimal(cost) / 1_000_000
    step = Decimal("0.000001")

    def between(low: Decimal, high: Decimal) -> list[str]:
        chosen = TapeFilter(cost_min=low, cost_max=high)
        rows = Generation.objects.for_workspace(workspace.id)
        return [row.prompt for row in chosen.page(rows, workspace.id, limit=9, cursor=None)[0]]

    assert between(paid, paid) == between(Decimal(0), paid) == between(paid, Decimal(1000)) == ["it"]
    assert between(paid + step, paid + 1000) == []
    assert cost == 0 or between(Decimal(0), paid - step) == []


def test_a_cost_range_is_few_terms() -> None:
    assert cost_terms(500_000, 50_000_000).count("|") < 20


MISTAKES = [
    ({"seed": "x"}, "seed"),
    ({"seed": "9" * 30}, "seed"),
    ({"kind": "sculpture"}, "kind"),
    ({"state": "sleeping"}, "state"),
    ({"project": "none"}, "project"),
    ({"cost_min": "-1"}, "cost_min"),
    ({"cost_min": "1.2345"}, "cost_min"),
    ({"cost_min": "5", "cost_max": "4"}, "cost_max"),
    ({"rating": "6"}, "rating"),
    ({"tags": "a" * 61}, "tags"),
    ({"tags": ",".join(map(str, range(11)))}, "tags"),
    ({"colour": "blue"}, "colour"),
    ({"since": "yesterday"}, "since"),
    ({"until": "2026-02-30"}, "until"),
    ({"since": "2026-03-02", "until": "2026-03-01"}, "until"),
    ({"q": "x" * 201}, "q"),
    ({"board": "1"}, "board"),
]


@pytest.mark.parametrize(("query", "field"), MISTAKES, ids=[str(query)[:40] for query, _field in MISTAKES])
def test_each_mistake_is_one_sentence(
    alice: User,
    workspace: Workspace,
    api: Callable[..., Client],
    alice_client: Client,
    query: dict[str, str],
    field: str,
) -> None:
    answer = api(alice, workspace).get(URL, query)
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (422, "invalid-filter")
    problems = answer.json()["fields"]
    assert [problem["field"] for problem in problems] == [field]
    assert problems[0]["message"].endswith(".")
    page = alice_client.get(reverse("generations:tape_items", args=["mill"]), query)
    assert (page.status_code, page.content.decode().count('role="alert"')) == (200, 1)


def test_api_pages_and_remarks(alice: User, workspace: Workspace, api: Callable[..., Client]) -> None:
    rows = [made(workspace, f"ship {number}") for number in range(5)]
    client = api(alice, workspace)
    first = client.get(URL, {"q": "ship", "limit": "3"}).json()
    rest = client.get(URL, {"q": "ship", "limit": "3", "cursor": first["next"]}).json()
    assert [item["prompt"] for item in first["items"] + rest["items"]] == [f"ship {n}" for n in (4, 3, 2, 1, 0)]
    assert rest["next"] is None
    assert client.get(URL, {"q": "ship", "cursor": "x"}).status_code == 422
    url = f"{URL}/{rows[0].id}"
    said = client.patch(url, {"rating": 5, "tags": ["a", "A", " b "]}, content_type="application/json").json()
    assert (said["rating"], said["tags"]) == (5, ["a", "b"])
    said = client.patch(url, {"rating": None}, content_type="application/json").json()
    assert (said["rating"], said["tags"]) == (None, ["a", "b"])
    for body, field in (({"rating": 6}, "rating"), ({"tags": ["x" * 61]}, "tags")):
        refused = client.patch(url, body, content_type="application/json")
        assert (refused.status_code, refused.json()["fields"][0]["field"]) == (422, field)
    assert client.patch(f"{URL}/{UUID(int=1)}", {}, content_type="application/json").status_code == 404
