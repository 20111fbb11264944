"""Calls of the API inside a test's own process, each held to what every answer promises."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from apps.projects.models import Workflow

PROBLEM = "application/problem+json"


def post(client: Client, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    answer = client.post(f"/api/v1{path}", json.dumps(body or {}), content_type="application/json", headers=headers)
    return answer.status_code, _read(answer)


def get(client: Client, path: str) -> tuple[int, Any]:
    answer = client.get(f"/api/v1{path}")
    return answer.status_code, _read(answer)


def _read(answer: Any) -> Any:
    found = answer.json()
    if answer.status_code >= 400:
        assert answer["Content-Type"] == PROBLEM
        assert found["status"] == answer.status_code
        assert found["type"].startswith("/problems/")
        assert found["detail"]
    return found


def started(client: Client, workflow: Workflow, **body: Any) -> str:
    status, run = post(client, f"/workflows/{workflow.id}/runs", body)
    assert status == 202, run
    return str(run["id"])
