"""The HTTP contract of projects and workflows: who may what, what is refused and how."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client

from apps.accounts.models import User
from apps.common.paging import cursor_encode
from apps.workspaces.models import Workspace
from tests.projects.graphs import add, edge, graph, node, put

TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"


class Caller:
    """A client of the API, by session or by token."""

    def __init__(self, client: Client, workspace: str = "mill", token: str | None = None) -> None:
        self.client = client
        # The API enforces CSRF on sessions, in tests too: what a page reads from its cookie.
        client.cookies[settings.CSRF_COOKIE_NAME] = "c" * 32
        session = {"Millrace-Workspace": workspace, "X-CSRFToken": "c" * 32}
        self.headers = {"Authorization": f"Bearer {token}"} if token else session

    def __call__(self, method: str, path: str, body: Any = None, *, raw: bytes | None = None) -> tuple[int, Any]:
        data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        answer = self.client.generic(
            method, f"/api/v1{path}", data, content_type="application/json", headers=self.headers
        )
        if answer.status_code >= 400:
            assert answer["Content-Type"] == "application/problem+json"
            problem = answer.json()
            assert problem["status"] == answer.status_code
            assert problem["type"].startswith("/problems/")
            assert problem["detail"]
        return answer.status_code, answer.json() if answer.content else None


@pytest.fixture
def alice_api(alice_client: Client) -> Caller:
    return Caller(alice_client)


@pytest.fixture
def project(alice_api: Caller) -> str:
    return str(alice_api("POST", "/projects", {"name": "Films"})[1]["id"])


@pytest.fixture
def workflow(alice_api: Caller, project: str) -> str:
    return str(alice_api("POST", f"/projects/{project}/workflows", {"name": "Flow"})[1]["id"])


def test_projects_are_made_read_changed_and_trashed(alice_api: Caller) -> None:
    status, made = alice_api("POST", "/projects", {"name": "  Films  ", "description": "Ours"})
    assert (status, made["name"], made["description"]) == (201, "Films", "Ours")
    assert re.match(TIME, made["created_at"])
    path = f"/projects/{made['id']}"
    assert alice_api("PATCH", path, {"name": "Pictures"})[1]["name"] == "Pictures"
    assert alice_api("GET", path)[1]["description"] == "Ours"
    assert alice_api("DELETE", path) == (204, None)
    assert alice_api("GET", path)[0] == 404
    assert [row["id"] for row in alice_api("GET", "/projects?trashed=true")[1]["items"]] == [made["id"]]
    assert alice_api("POST", f"{path}/restore")[0] == 200
    assert alice_api("GET", path)[0] == 200


def test_lists_are_paged_by_cursor(alice_api: Caller, project: str) -> None:
    names = [f"W{n}" for n in range(5)]
    for name in names:
        alice_api("POST", f"/projects/{project}/workflows", {"name": name})
        alice_api("POST", "/projects", {"name": name})
    for path in (f"/projects/{project}/workflows", "/projects"):
        seen: list[str] = []
        cursor: Any = ""
        while cursor is not None:
            page = alice_api("GET", f"{path}?limit=2{cursor and '&cursor='}{cursor}")[1]
            assert len(page["items"]) <= 2
            seen += [row["name"] for row in page["items"]]
            cursor = page["next"]
        assert [name for name in seen if name != "Films"] == names[::-1]
    for bad in ("limit=0", "limit=1001", "limit=x", "cursor=nonsense", f"cursor={cursor_encode([[], {}])}"):
        assert alice_api("GET", f"/projects?{bad}")[0] == 422


def test_a_workflow_is_made_with_a_draft_and_answers_it(alice_api: Caller, project: str) -> None:
    draft = graph(node("a", title="海"), node("b", "no.such.type"), edges=(edge("e", "a", "b"),))
    status, made = alice_api("POST", f"/projects/{project}/workflows", {"name": "Flow", "graph": draft})
    assert status == 201
    got = alice_api("GET", f"/workflows/{made['id']}")[1]
    assert got == made
    assert {"id", "name", "project", "seq", "published_version", "graph"} <= set(got)
    assert (got["project"], got["seq"], got["published_version"]) == (project, 3, None)
    assert got["graph"]["edges"] == draft["edges"]
    assert got["graph"]["nodes"][0] == {
        "id": "a",
        "type": "input.text",
        "version": 1,
        "title": "海",
        "params": {},
        "position": {"x": 0, "y": 0},
    }


def test_ops_are_safe_to_repeat(alice_api: Caller, workflow: str) -> None:
    body = {"client_id": "c1", "ops": [add(1, "a"), put(2, "a", "text", "sea")]}
    assert [alice_api("POST", f"/workflows/{workflow}/ops", body)[1]["seq"] for _ in range(3)] == [2, 2, 2]
    other = {"client_id": "c2", "ops": [put(1, "a", "more", 1)]}
    assert alice_api("POST", f"/workflows/{workflow}/ops", other)[1]["seq"] == 3
    assert alice_api("POST", f"/workflows/{workflow}/ops", body)[1]["seq"] == 2
    log = alice_api("GET", f"/workflows/{workflow}/ops?after=1")[1]["items"]
    assert [row["seq"] for row in log] == [2, 3]
    assert log[0]["actor"]["name"] == "Alice"
    assert log[0]["path"] == ["params", "text"]


def test_a_malformed_operation_is_named(alice_api: Caller, workflow: str) -> None:
    body = {"client_id": "c1", "ops": [add(7, "a"), {"client_seq": 8, "op": "nope"}]}
    status, problem = alice_api("POST", f"/workflows/{workflow}/ops", body)
    assert (status, problem["index"], problem["client_seq"]) == (422, 1, 8)
    assert alice_api("GET", f"/workflows/{workflow}")[1]["seq"] == 0
    reused = {"client_id": "c1", "ops": [add(1, "a"), add(1, "b")]}
    assert alice_api("POST", f"/workflows/{workflow}/ops", reused)[0] == 409


def test_a_graph_is_replaced_merged_or_answered_with_the_conflict(alice_api: Caller, workflow: str) -> None:
    path = f"/workflows/{workflow}/graph"
    status, first = alice_api("PUT", path, {"base_seq": 0, "graph": graph(node("a"), node("b"))})
    assert (status, first["seq"]) == (200, 2)
    change = {"client_id": "c1", "ops": [put(1, "a", "text", "theirs")]}
    alice_api("POST", f"/workflows/{workflow}/ops", change)
    mine = graph(node("a", params={"text": "mine"}), node("b", title="B"))
    status, problem = alice_api("PUT", path, {"base_seq": 2, "graph": mine})
    assert (status, problem["seq"]) == (409, 3)
    assert [(row["seq"], row["op"], row["value"]) for row in problem["changes"]] == [(3, "set", "theirs")]
    status, merged = alice_api("PUT", path, {"base_seq": 2, "graph": graph(node("a"), node("b", title="B"))})
    assert (status, merged["seq"]) == (200, 4)
    assert [n["params"] | {"title": n["title"]} for n in merged["graph"]["nodes"]] == [
        {"text": "theirs", "title": ""},
        {"title": "B"},
    ]
    assert alice_api("PUT", path, {"base_seq": 4, "graph": mine})[1]["graph"]["nodes"][0]["params"] == {"text": "mine"}
    assert alice_api("PUT", path, {"base_seq": 99, "graph": mine})[0] == 422


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ([], "object"),
        (graph(node("a"), node("a")), "id a"),
        ({**graph(), "format": "other/9"}, "format"),
        ({**graph(), "extra": 1}, "extra"),
        (graph(node("a b")), "id"),
        (graph(node("a", params={"p": "\x00"})), "null"),
        (graph(node("a"), edges=(edge("e", "a", "ghost"),)), "ghost"),
        (graph(*(node(f"n{n}") for n in range(10_001))), "10,000"),
    ],
)
def test_a_malformed_graph_is_refused_with_a_sentence(
    alice_api: Caller, project: str, workflow: str, bad: Any, words: str
) -> None:
    for method, path, body in (
        ("POST", f"/projects/{project}/workflows", {"name": "Bad", "graph": bad}),
        ("PUT", f"/workflows/{workflow}/graph", {"base_seq": 0, "graph": bad}),
    ):
        status, problem = alice_api(method, path, body)
        assert status == 422
        assert words in problem["detail"]
        assert problem["errors"][0].keys() == {"node", "port", "code", "message"}


@pytest.mark.parametrize("size", [5_000_000, 5 * 1024 * 1024, 7_000_000])
def test_5_mb_of_json_is_too_much(alice_api: Caller, project: str, workflow: str, size: int) -> None:
    huge = graph(node("a", params={"text": "x" * size}))
    for method, path, body in (
        ("POST", f"/projects/{project}/workflows", {"name": "Huge", "graph": huge}),
        ("PUT", f"/workflows/{workflow}/graph", {"base_seq": 0, "graph": huge}),
        ("POST", f"/workflows/{workflow}/ops", {"client_id": "c", "ops": [add(1, "a", params={"text": "x" * size})]}),
        ("POST", f"/workflows/{workflow}/estimate", {"graph": huge}),
    ):
        status, problem = alice_api(method, path, body)
        assert status == 413
        assert "5 MB" in problem["detail"]


@pytest.mark.parametrize("raw", [b"{", b"[]", b"nonsense", b'{"name": 5}', b"[" * 5000, b'{"name": "\xff"}', b""])
def test_malformed_json_is_a_problem(alice_api: Caller, workflow: str, raw: bytes) -> None:
    for method, path in (
        ("POST", "/projects"),
        ("PUT", f"/workflows/{workflow}/graph"),
        ("POST", f"/workflows/{workflow}/ops"),
    ):
        assert alice_api(method, path, raw=raw)[0] in (400, 422)


def test_names_are_checked(alice_api: Caller, project: str, workflow: str) -> None:
    for name in ("", "  ", "x" * 101):
        assert alice_api("POST", "/projects", {"name": name})[0] == 422
        assert alice_api("PATCH", f"/projects/{project}", {"name": name})[0] == 422
        assert alice_api("POST", f"/projects/{project}/workflows", {"name": name})[0] == 422
        assert alice_api("PATCH", f"/workflows/{workflow}", {"name": name})[0] == 422


@pytest.mark.parametrize("raw", [rb'"a\u0000b"', rb'"a\ud800b"'])
def test_text_that_no_database_holds_is_refused(alice_api: Caller, project: str, workflow: str, raw: bytes) -> None:
    for method, path, body in (
        ("POST", "/projects", b'{"name": %s}'),
        ("POST", "/projects", b'{"name": "P", "description": %s}'),
        ("PATCH", f"/workflows/{workflow}", b'{"name": %s}'),
        ("POST", f"/workflows/{workflow}/versions", b'{"note": %s}'),
        ("POST", f"/workflows/{workflow}/ops", b'{"client_id": %s, "ops": []}'),
        ("PUT", f"/workflows/{workflow}/graph", b'{"base_seq": 0, "graph": {"variables": {"x": %s}}}'),
    ):
        assert alice_api(method, path, raw=body % raw)[0] == 422, path


def test_the_operation_that_went_too_far_is_named(alice_api: Caller, workflow: str) -> None:
    many = graph(*(node(f"n{n}") for n in range(9_999)))
    alice_api("PUT", f"/workflows/{workflow}/graph", {"base_seq": 0, "graph": many})
    body = {"client_id": "c", "ops": [add(4, "x"), add(5, "y")]}
    status, problem = alice_api("POST", f"/workflows/{workflow}/ops", body)
    assert (status, problem["client_seq"]) == (422, 5)
    assert "10,000" in problem["detail"]


def test_versions_are_kept_listed_and_published(alice_api: Caller, workflow: str) -> None:
    path = f"/workflows/{workflow}/versions"
    status, one = alice_api("POST", path, {"name": "First", "note": "Works"})
    assert (status, one["number"], one["published"], one["created_by"]) == (201, 1, False, "Alice")
    alice_api("POST", f"/workflows/{workflow}/ops", {"client_id": "c", "ops": [add(1, "a")]})
    assert alice_api("POST", path)[1]["number"] == 2
    assert alice_api("POST", f"{path}/1/publish")[1]["published"] is True
    assert alice_api("GET", f"/workflows/{workflow}")[1]["published_version"] == 1
    page = alice_api("GET", f"{path}?limit=1")[1]
    assert [row["number"] for row in page["items"]] == [2]
    assert [row["number"] for row in alice_api("GET", f"{path}?cursor={page['next']}")[1]["items"]] == [1]
    assert alice_api("GET", f"{path}/2")[1]["graph"]["nodes"][0]["id"] == "a"
    assert alice_api("POST", f"{path}/3/publish")[0] == 404
    assert alice_api("POST", f"{path}/99999999999/publish")[0] in (404, 422)


def test_workflows_are_renamed_copied_trashed_and_restored(alice_api: Caller, project: str, workflow: str) -> None:
    path = f"/workflows/{workflow}"
    assert alice_api("PATCH", path, {"name": "New"})[1]["name"] == "New"
    assert alice_api("POST", f"{path}/duplicate")[1]["name"] == "Copy of New"
    assert alice_api("DELETE", path)[0] == 204
    assert alice_api("GET", path)[0] == 404
    assert alice_api("POST", f"{path}/ops", {"client_id": "c", "ops": []})[0] == 404
    trash = alice_api("GET", f"/projects/{project}/workflows?trashed=true")[1]["items"]
    assert [row["id"] for row in trash] == [workflow]
    assert alice_api("POST", f"{path}/restore")[0] == 200
    alice_api("DELETE", f"/projects/{project}")
    assert alice_api("GET", path)[0] == 404


def routes(project: str, workflow: str) -> list[tuple[str, str, Any]]:
    """Every operation of this app; the last of each kind is what ends things."""
    p, w = f"/projects/{project}", f"/workflows/{workflow}"
    return [
        ("GET", "/projects", None),
        ("POST", "/projects", {"name": "P"}),
        ("GET", p, None),
        ("PATCH", p, {"name": "P"}),
        ("POST", f"{p}/restore", None),
        ("GET", f"{p}/workflows", None),
        ("POST", f"{p}/workflows", {"name": "W"}),
        ("GET", w, None),
        ("PATCH", w, {"name": "W"}),
        ("POST", f"{w}/restore", None),
        ("POST", f"{w}/duplicate", None),
        ("PUT", f"{w}/graph", {"base_seq": 0, "graph": graph()}),
        ("GET", f"{w}/ops", None),
        ("POST", f"{w}/ops", {"client_id": "c", "ops": []}),
        ("GET", f"{w}/versions", None),
        ("POST", f"{w}/versions", {}),
        ("GET", f"{w}/versions/1", None),
        ("POST", f"{w}/versions/1/publish", None),
        ("DELETE", w, None),
        ("DELETE", p, None),
    ]


def test_editors_may_everything_and_viewers_read(
    bob_client: Client, victor_client: Client, project: str, workflow: str
) -> None:
    viewer, editor = Caller(victor_client), Caller(bob_client)
    assert editor("POST", f"/workflows/{workflow}/versions", {})[0] == 201
    for method, path, body in routes(project, workflow):
        assert viewer(method, path, body)[0] == (200 if method == "GET" else 403), (method, path)
    for method, path, body in routes(project, workflow):
        assert editor(method, path, body)[0] in (200, 201, 204), (method, path)


def test_what_is_foreign_answers_like_what_does_not_exist(
    charlie_client: Client, project: str, workflow: str, alice_api: Caller
) -> None:
    alice_api("POST", f"/workflows/{workflow}/versions", {})
    outsider = Caller(charlie_client, "elsewhere")
    nowhere = str(uuid4())
    for (method, path, body), (_, unknown, _body) in zip(
        routes(project, workflow), routes(nowhere, nowhere), strict=True
    ):
        if path == "/projects":
            continue
        assert outsider(method, path, body) == outsider(method, unknown, body), (method, path)
        assert outsider(method, path, body)[0] == 404
        assert Caller(charlie_client, "mill")(method, path, body)[0] == 404
    assert outsider("GET", "/projects")[1]["items"] == []
    assert alice_api("GET", f"/workflows/{workflow}")[1]["seq"] == 0


def test_tokens_act_within_their_scopes_workspace_and_time(
    alice: User,
    charlie: User,
    workspace: Workspace,
    foreign_workspace: Workspace,
    project: str,
    workflow: str,
    token_for: Callable[..., str],
) -> None:
    full = Caller(Client(), token=token_for(alice, workspace))
    reading = Caller(Client(), token=token_for(alice, workspace, scopes=["read"], days=2))
    expired = Caller(Client(), token=token_for(alice, workspace, days=-1))
    foreign = Caller(Client(), token=token_for(charlie, foreign_workspace))
    body = {"client_id": "t", "ops": [add(1, "a")]}
    assert full("POST", f"/workflows/{workflow}/ops", body)[1]["seq"] == 1
    assert reading("GET", f"/workflows/{workflow}")[0] == 200
    assert reading("POST", f"/workflows/{workflow}/ops", body)[0] == 403
    assert expired("GET", f"/workflows/{workflow}")[0] == 401
    assert foreign("GET", f"/workflows/{workflow}")[0] == 404
    assert Caller(Client(), token="mr_wrong")("GET", "/projects")[0] == 401
    assert Caller(Client())("GET", "/projects")[0] == 401
