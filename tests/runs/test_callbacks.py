"""A callback over HTTP: who calls knows an address and nothing else, and is told what became of it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client, RequestFactory

from apps.common.tenancy import scope
from apps.projects.models import Workflow
from apps.runs import services
from apps.runs.driver import advance
from apps.runs.models import Run, RunEvent, Step
from apps.runs.waits import Place, callback_token, callback_url
from apps.runs.webhooks import BODY_MAX
from apps.runs.webhooks import callback as callback_view
from apps.workspaces.models import Workspace
from tests.conftest import client_of
from tests.runs.asking import approval, callback, ring, start, step

Make = Callable[[dict[str, Any]], Workflow]


@pytest.fixture
def run(make_workflow: Make, workspace: Workspace) -> Run:
    workflow = make_workflow(callback())
    with scope(workspace.id):
        return start(workflow)


@pytest.fixture
def path(run: Run, workspace: Workspace) -> str:
    with scope(workspace.id):
        place = step(run, "call")
    return f"/hooks/callback/{callback_token(Place(run.id, place.position, 0, 1))}"


def post(path: str, body: Any = None, *, raw: bytes | None = None, content_type: str = "application/json") -> Any:
    """As somebody outside would: no cookie, no CSRF token."""
    data = raw if raw is not None else json.dumps(body).encode()
    return Client(enforce_csrf_checks=True).post(path, data, content_type=content_type)


def test_settles_once_and_repeats_are_harmless(run: Run, path: str, workspace: Workspace) -> None:
    first = post(path, {"ok": True})
    assert (first.status_code, first.json()) == (202, {"run": str(run.id), "node": "call", "item": 0})
    again = post(path, raw=b'{ "ok" : true }')
    assert (again.status_code, again.json()) == (200, first.json())
    other = post(path, {"ok": False})
    assert (other.status_code, other.json()["type"]) == (409, "/problems/already-answered")
    with scope(workspace.id):
        advance(run.id)
        assert step(run, "body").outputs == {"value": {"ok": True}}
        run.refresh_from_db()
        assert run.state == "completed"
    assert post(path, {"ok": True}).status_code == 200, "the end of the run changes nothing about that"


@pytest.mark.parametrize("body", [None, 0, "", [], "text", [1, {"a": None}], 1.5])
def test_any_json_is_a_body(run: Run, path: str, workspace: Workspace, body: Any) -> None:
    assert post(path, body).status_code == 202
    with scope(workspace.id):
        assert step(run, "call").outputs == {"body": body}


@pytest.mark.parametrize(
    ("raw", "content_type", "status", "kind"),
    [
        (b"a=1", "application/x-www-form-urlencoded", 415, "unsupported-media-type"),
        (b"{}", "text/plain", 415, "unsupported-media-type"),
        (b"{}", "", 415, "unsupported-media-type"),
        (b" ", "application/json", 422, "invalid-request"),
        (b"{", "application/json", 422, "invalid-request"),
        (b"\xff\xfe", "application/json", 422, "invalid-request"),
        (b"NaN", "application/json", 422, "invalid-request"),
        (b"[1e999]", "application/json", 422, "invalid-request"),
        (b'"\\u0000"', "application/json", 422, "invalid-request"),
        (b'{"a": "\\ud800"}', "application/json", 422, "invalid-request"),
        (b"[" * 50_000, "application/json", 422, "invalid-request"),
        (b"[" * 600 + b"]" * 600, "application/json", 422, "invalid-request"),
        (b"1" * 5000, "application/json", 422, "invalid-request"),
        (b'"' + b"x" * BODY_MAX + b'"', "application/json", 413, "request-too-large"),
    ],
)
def test_bad_bodies(
    run: Run, path: str, workspace: Workspace, raw: bytes, content_type: str, status: int, kind: str
) -> None:
    answer = post(path, raw=raw, content_type=content_type)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")
    assert answer["Content-Type"] == "application/problem+json"
    with scope(workspace.id):
        assert step(run, "call").state == "waiting"


def test_the_largest_body(path: str) -> None:
    assert post(path, raw=b'"' + b"x" * (BODY_MAX - 2) + b'"').status_code == 202


def test_the_charset_may_be_said(path: str) -> None:
    assert post(path, {"a": "ä"}, content_type="application/json; charset=utf-8").status_code == 202


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods(path: str, run: Run, workspace: Workspace, method: str) -> None:
    answer = Client().generic(method, path, b"{}", "application/json")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert answer["Content-Type"] == "application/problem+json"
    with scope(workspace.id):
        assert step(run, "call").state == "waiting"


def test_head_decides_nothing_either(path: str) -> None:
    answer = callback_view(RequestFactory().head(path), path.rpartition("/")[2])
    assert answer.status_code == 405


def test_unknown_addresses_answer_alike(run: Run, path: str, workspace: Workspace, make_workflow: Make) -> None:
    workflow = make_workflow(approval())
    with scope(workspace.id):
        other = start(workflow)
        place = step(other)
    wrong = [
        path[:-1] + ("A" if path[-1] != "A" else "B"),
        "/hooks/callback/nonsense",
        f"/hooks/callback/{callback_token(Place(run.id, 0, 5, 1))}",
        f"/hooks/callback/{callback_token(Place(run.id, 0, 0, 2))}",
        f"/hooks/callback/{callback_token(Place(other.id, place.position, 0, 1))}",
    ]
    answers = {(answer.status_code, answer.content) for answer in (post(one, {}) for one in wrong)}
    assert len(answers) == 1
    assert answers.pop()[0] == 404


def test_gone_when_the_time_is_over_or_the_run_was_cancelled(run: Run, path: str, workspace: Workspace) -> None:
    with scope(workspace.id):
        ring(run)
    assert post(path, {}).status_code == 410
    with scope(workspace.id):
        advance(run.id)
    answer = post(path, {})
    assert (answer.status_code, answer.json()["type"]) == (410, "/problems/no-longer-waiting")


def test_gone_when_cancelled(run: Run, path: str, workspace: Workspace) -> None:
    with scope(workspace.id):
        services.run_cancel(run=run)
    answer = post(path, {})
    assert answer.status_code == 410
    assert "cancelled" in answer.json()["detail"]


def test_the_address_is_told_to_who_may_run_and_kept_nowhere(
    run: Run, path: str, workspace: Workspace, api: Callable[..., Client], token_for: Any, alice: Any, victor: Any
) -> None:
    url = f"/api/v1/runs/{run.id}/steps"

    def request_of(token: str) -> Any:
        return next(item for item in api(token).get(url).json()["items"] if item["node"] == "call")["request"]

    assert request_of(token_for(alice, workspace)) == {"kind": "callback", "url": f"{settings.WEBHOOK_URL}{path}"}
    assert request_of(token_for(alice, workspace, scopes=["read"])) == {"kind": "callback"}
    assert request_of(token_for(victor, workspace)) == {"kind": "callback"}
    page = f"/w/{workspace.slug}/runs/{run.id}/callback/call/0/"
    assert path in client_of(alice).get(page).content.decode()
    assert client_of(victor).get(page).status_code == 403
    panel = f"/w/{workspace.slug}/runs/{run.id}/steps/call/0/"
    assert f'hx-get="{page}"' in client_of(alice).get(panel).content.decode()
    assert page not in client_of(victor).get(panel).content.decode()
    secret = path.rpartition("/")[2]
    with scope(workspace.id):
        assert secret not in json.dumps(list(Step.objects.filter(run=run).values("request", "outputs")))
        assert secret not in json.dumps(list(RunEvent.objects.filter(run=run).values_list("body", flat=True)))
        assert callback_url(Place(run.id, step(run, "call").position, 0, 1)).endswith(path)


def test_the_address_is_not_logged(path: str) -> None:
    from apps.common.logs import configure

    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    heard = io.StringIO()
    try:
        configure()
        ours = next(handler for handler in root.handlers if isinstance(handler, logging.StreamHandler))
        ours.setStream(heard)
        assert Client().get(path).status_code == 405
        assert post(path + "x", {}).status_code == 404
        logging.getLogger("django.request").warning(
            "Not Found: %s", path, extra={"request": Client().get(path).wsgi_request}
        )
    finally:
        root.handlers[:], root.level = before, level
    assert "/hooks/callback/" in heard.getvalue(), "it is logged that somebody called"
    assert path.rpartition("/")[2][:20] not in heard.getvalue()
