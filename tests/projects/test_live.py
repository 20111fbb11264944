"""The workflow's socket as a browser has it: the real server, a real connection that is lost again and again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.test import Client
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from apps.accounts.models import User
from apps.projects import services
from apps.workspaces.models import Workspace
from tests.live_stack import LiveStack
from tests.projects.graphs import add, graph, node, put


@contextmanager
def _open(live_stack: LiveStack, path: str, client: Client, after: int) -> Iterator[ClientConnection]:
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    headers = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"}
    origin = Origin(live_stack.base_url)
    with connect(live_stack.websocket_url + path, additional_headers=headers, origin=origin, proxy=None) as wire:
        wire.send(json.dumps({"type": "hello", "after": after, "client_id": "live"}))
        yield wire


def _rows(wire: ClientConnection) -> list[dict[str, Any]]:
    while True:
        message = json.loads(wire.recv(timeout=15))
        if message["type"] == "ops":
            return list(message["ops"])


def test_a_lost_connection_costs_nothing(
    live_stack: LiveStack, workspace: Workspace, alice: User, alice_client: Client
) -> None:
    project = services.project_create(workspace_id=workspace.id, name="Films", actor_id=alice.id)
    workflow = services.workflow_create(
        workspace_id=workspace.id, project_id=project.id, name="Flow", graph=graph(node("a")), actor_id=alice.id
    )
    path = f"/ws/w/{workspace.slug}/workflows/{workflow.id}/"
    seen: list[int] = []
    for turn in range(5):
        ops = [put(turn * 100 + n, "a", "text", n) for n in range(60)]
        # Some arrive while nobody listens, some over HTTP while we do, some through our own socket.
        services.operations_apply(workflow=workflow, actor_id=alice.id, client_id="away", ops=ops)
        with _open(live_stack, path, alice_client, len(seen) + 1) as wire:
            wire.send(json.dumps({"type": "ops", "ops": [add(turn, f"n{turn}")]}))
            services.operations_apply(
                workflow=workflow, actor_id=alice.id, client_id="here", ops=[{**op, "id": "a"} for op in ops[:9]]
            )
            while len(seen) < (turn + 1) * 70:
                seen += [row["seq"] for row in _rows(wire)]
    assert seen == list(range(2, 352))
