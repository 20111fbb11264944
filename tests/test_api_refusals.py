"""What the API as a whole owes its callers, whichever operation they meant: problem documents, and a description."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory

from config.heads import head_without_body
from config.refusals import failed

PROBLEM = "application/problem+json"


def problem(answer: Any, status: int, name: str) -> dict[str, Any]:
    assert (answer.status_code, answer["Content-Type"]) == (status, PROBLEM)
    found: dict[str, Any] = json.loads(answer.content)
    assert (found["type"], found["status"]) == (f"/problems/{name}", status)
    assert found["detail"]
    return found


def test_a_method_that_an_address_does_not_take(api: Callable[..., Client]) -> None:
    answer = api().put("/api/v1/projects", {}, content_type="application/json")
    assert problem(answer, 405, "method-not-allowed")["detail"] == "This address takes GET, POST, not PUT."
    assert answer["Allow"] == "GET, POST"


@pytest.mark.parametrize("method", ["get", "post", "delete"])
@pytest.mark.parametrize("path", ["/api/", "/api/v1/", "/api/v1/nothing", "/api/v2/projects"])
def test_an_address_that_does_not_exist(method: str, path: str) -> None:
    # With the CSRF check of a real browser's request, which has nothing to protect here.
    problem(getattr(Client(enforce_csrf_checks=True), method)(path), 404, "not-found")


def test_an_id_that_cannot_be_one_is_an_id_that_nothing_has(api: Callable[..., Client]) -> None:
    client = api()
    for path in ("/runs/{}", "/workflows/{}", "/projects/{}", "/generations/{}", "/assets/{}", "/runs/{}/steps"):
        never, unknown = (client.get(f"/api/v1{path.format(name)}") for name in ("not-an-id", uuid4()))
        assert problem(never, 404, "not-found") == problem(unknown, 404, "not-found")
        assert never.content == unknown.content


@pytest.mark.parametrize("body", [b"{nope", b"\xff", b"[" * 100_000, b"1" * 5000, b"[]", b"[1]", b'"x"', b"5", b"NaN"])
def test_a_body_that_is_not_json(api: Callable[..., Client], body: bytes) -> None:
    answer = api().post("/api/v1/projects", body, content_type="application/json")
    problem(answer, 400, "bad-request")


def test_an_accident_of_ours_is_a_problem_in_the_api_and_a_page_elsewhere() -> None:
    assert problem(failed(RequestFactory().get("/api/v1/runs")), 500, "internal-error")
    assert failed(RequestFactory().get("/w/demo/"))["Content-Type"].startswith("text/html")


def test_filters_with_a_null_character_find_nothing(api: Callable[..., Client]) -> None:
    client = api()
    log = [f"audit?{name}=%00" for name in ("q", "person", "action", "target")]
    for path in [*(f"generations?{name}=%00" for name in ("q", "node", "model")), *log]:
        answer = client.get(f"/api/v1/{path}")
        assert (answer.status_code, answer.json()["items"]) == (200, [])


def test_the_description_tells_the_token_and_the_refusals(client: Client) -> None:
    schema = client.get("/api/v1/openapi.json").json()
    assert schema["security"] == [{"token": []}]
    assert schema["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    for path in schema["paths"].values():
        for operation in path.values():
            assert PROBLEM in operation["responses"]["default"]["content"]


def test_catalogues_are_paged_like_every_list(api: Callable[..., Client]) -> None:
    client = api()
    for path, key in (("/api/v1/node-types", "type"), ("/api/v1/models", "id")):
        whole = [item[key] for item in client.get(path, {"limit": "200"}).json()["items"]]
        found: list[str] = []
        query = {"limit": "3"}
        while page := client.get(path, query).json():
            found += [item[key] for item in page["items"]]
            if page["next"] is None:
                break
            query["cursor"] = page["next"]
        assert found == whole


@pytest.mark.django_db  # closing the answer looks at the connection
def test_head_is_answered_without_a_body() -> None:
    # The test client drops the body itself, so the middleware is asked directly.
    page = HttpResponse(b"long", headers={"Content-Length": "4", "ETag": '"x"'})
    answer = head_without_body(lambda _request: page)(RequestFactory().head("/"))
    assert (answer.content, answer["Content-Length"], answer["ETag"]) == (b"", "4", '"x"')
    assert head_without_body(lambda _request: page)(RequestFactory().get("/")).content == b"long"


def test_no_body_takes_fields_that_nobody_reads(client: Client) -> None:
    schema = client.get("/api/v1/openapi.json").json()
    bodies = set()
    for path in schema["paths"].values():
        for operation in path.values():
            bodies |= set(re.findall("schemas/([A-Za-z]+)", json.dumps(operation.get("requestBody", {}))))
    assert {"RunIn", "PartIn", "NoBody", "GenerationIn", "UploadIn", "OpsIn"} <= bodies
    assert [
        name for name in bodies if schema["components"]["schemas"][name].get("additionalProperties") is not False
    ] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "field", "said"),
    [
        ("GET", "models?kind=foo", None, "kind", "This must be one of: 'image', 'video', 'audio', 'text'."),
        ("GET", "models?limit=x", None, "limit", "This must be a whole number."),
        ("GET", "usage?since=yesterday", None, "since", "This must be a day, written like 2026-11-30."),
        ("POST", "generations", {"model": "x" * 121}, "model", "This must have at most 120 characters."),
        ("POST", "generations", {"model": "x", "project": "y"}, "project", "This must be an id, which is a UUID."),
        ("POST", "generations", {"model": "", "fallbacks": [""] * 6}, "fallbacks", "This must have at most 5 entries."),
        ("POST", "generations", {"model": "x", "compare": {"seeds": 0}}, "compare.seeds", "This must be at least 1."),
        ("POST", "generations", {"model": "x", "inputs": {"a": 1}}, "inputs.a", "This must be an id, which is a UUID."),
    ],
)  # fmt: skip
def test_what_a_field_takes_is_said_in_words_of_ours_with_its_own_name(
    api: Callable[..., Client], method: str, path: str, body: Any, field: str, said: str
) -> None:
    answer = api().generic(method, f"/api/v1/{path}", json.dumps(body), content_type="application/json")
    first = problem(answer, 422, "invalid-request")["fields"][0]
    assert (first["field"], first["message"]) == (field, said)
