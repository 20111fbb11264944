"""The same Idempotency-Key twice: one effect, one answer, also when both come at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

import pytest
from django.db import connections
from django.test import RequestFactory

from apps.common.problems import Problem
from apps.workspaces.access import ApiRequest
from apps.workspaces.idempotency import idempotent
from apps.workspaces.models import IdempotentAnswer, Workspace


def request_for(workspace: Workspace, key: str | None, path: str = "/api/v1/things") -> ApiRequest:
    headers = {"Idempotency-Key": key} if key is not None else {}
    request = cast(ApiRequest, RequestFactory().post(path, headers=headers))
    request.workspace = workspace
    return request


def make_thing(request: ApiRequest, body: dict[str, Any], made: list[str], pause: float = 0) -> Any:
    """An API function as the others write it."""
    with idempotent(request, body) as answer:
        if answer.known:
            return answer.response()
        time.sleep(pause)
        made.append(body["name"])
        return answer.keep(201, {"id": uuid4(), "at": datetime.now(UTC), "name": body["name"]})


@pytest.mark.django_db
def test_the_first_answer_is_replayed(workspace: Workspace, foreign_workspace: Workspace) -> None:
    made: list[str] = []
    first = make_thing(request_for(workspace, "k"), {"name": "a"}, made)
    again = make_thing(request_for(workspace, "k"), {"name": "a"}, made)
    assert (first.status_code, first.content) == (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert made == ["a"]
    make_thing(request_for(foreign_workspace, "k"), {"name": "a"}, made)
    assert made == ["a", "a"], "another workspace's key is another key"


@pytest.mark.django_db
def test_another_request_with_the_same_key_is_refused(workspace: Workspace) -> None:
    made: list[str] = []
    make_thing(request_for(workspace, "k"), {"name": "a"}, made)
    for path, name in (("/api/v1/things", "b"), ("/api/v1/others", "a")):
        with pytest.raises(Problem) as refused:
            make_thing(request_for(workspace, "k", path), {"name": name}, made)
        assert (refused.value.slug, refused.value.status) == ("idempotency-conflict", 409)
    assert made == ["a"]


@pytest.mark.django_db
def test_without_a_key_nothing_is_kept(workspace: Workspace) -> None:
    made: list[str] = []
    make_thing(request_for(workspace, None), {"name": "a"}, made)
    make_thing(request_for(workspace, None), {"name": "a"}, made)
    assert made == ["a", "a"]
    assert not IdempotentAnswer.objects.for_workspace(workspace.id).exists()


@pytest.mark.django_db
def test_a_refusal_is_not_kept(workspace: Workspace) -> None:
    with pytest.raises(Problem), idempotent(request_for(workspace, "k"), {}) as answer:
        assert not answer.known
        raise Problem("insufficient-credits", 402, "", "")
    made: list[str] = []
    assert make_thing(request_for(workspace, "k"), {"name": "a"}, made).status_code == 201


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["x" * 256, "tab\there", "", " "])
def test_a_key_that_is_none_is_refused(workspace: Workspace, key: str) -> None:
    with pytest.raises(Problem) as refused:
        make_thing(request_for(workspace, key), {"name": "a"}, [])
    assert refused.value.status == 422


@pytest.mark.django_db(transaction=True)
def test_the_second_waits_for_the_first(workspace: Workspace) -> None:
    made: list[str] = []
    together = threading.Barrier(2)

    def call(_number: int) -> bytes:
        together.wait()
        try:
            return bytes(make_thing(request_for(workspace, "k"), {"name": "a"}, made, pause=0.2).content)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        answers = set(pool.map(call, range(2)))
    assert len(answers) == 1
    assert made == ["a"]
