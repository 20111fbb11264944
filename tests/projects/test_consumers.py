"""The workflow's socket on the real channel layer: gapless, each row once, and only for those who may."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.testing import WebsocketCommunicator
from django.conf import settings as django_settings
from django.test import Client
from pytest_django.fixtures import Settings

from apps.accounts.models import User
from apps.projects import consumers, services
from apps.projects.models import Operation, Workflow
from apps.projects.presence import EVERY_S
from apps.projects.sharing import project_privacy_set
from apps.workspaces.audit import audit_record
from apps.workspaces.audit_entries import AuditEntry
from apps.workspaces.models import Membership, Role, Workspace
from apps.workspaces.services import member_change_role
from config.asgi import application
from tests.projects.graphs import add, graph, node, put

pytestmark = pytest.mark.django_db(transaction=True)
Apply = Callable[..., Any]
# Generous: it only matters when the machine is busy.
TIMEOUT_S = 30


@pytest.fixture
def workflow(workspace: Workspace, alice: User) -> Workflow:
    project = services.project_create(workspace_id=workspace.id, name="Films", actor_id=alice.id)
    return services.workflow_create(workspace_id=workspace.id, project_id=project.id, name="Flow", actor_id=alice.id)


@sync_to_async
def apply(workflow: Workflow, *ops: Any, client: str = "http") -> int:
    applied = services.operations_apply(workflow=workflow, actor_id=None, client_id=client, ops=list(ops))
    return applied.seq


class Socket(WebsocketCommunicator):
    """Channels' communicator keeps database connections open for tests in one transaction; ours must give them back."""

    send_input = ApplicationCommunicator.send_input
    receive_output = ApplicationCommunicator.receive_output


class Page:
    """A socket as a page holds it."""

    def __init__(self, client: Client | None, workflow: Workflow, workspace: str = "mill") -> None:
        cookie = client.cookies.get(django_settings.SESSION_COOKIE_NAME) if client else None
        headers = [(b"origin", b"http://127.0.0.1"), (b"user-agent", b"Firefox")]
        if cookie:
            headers.append((b"cookie", f"{django_settings.SESSION_COOKIE_NAME}={cookie.value}".encode()))
        self.wire: Any = Socket(application, f"/ws/w/{workspace}/workflows/{workflow.id}/", headers)
        self.seqs: list[int] = []

    async def open(self, after: int = 0, client_id: str = "page") -> Page:
        assert (await self.wire.connect())[0]
        await self.wire.send_json_to({"type": "hello", "after": after, "client_id": client_id})
        return self

    async def send(self, *ops: Any) -> None:
        await self.wire.send_json_to({"type": "ops", "ops": list(ops)})

    async def next(self, kind: str) -> Any:
        """The next message of this kind; others are passed over, their rows counted."""
        while True:
            message = await self.wire.receive_json_from(timeout=TIMEOUT_S)
            if message["type"] == "ops":
                assert len(message["ops"]) <= 200
                self.seqs += [row["seq"] for row in message["ops"]]
            if message["type"] == kind:
                return message

    async def until(self, seq: int) -> list[int]:
        while not self.seqs or self.seqs[-1] < seq:
            await self.next("ops")
        return self.seqs

    async def closed(self) -> int:
        while True:
            message = await self.wire.receive_output(timeout=TIMEOUT_S)
            if message["type"] == "websocket.close":
                return int(message["code"])

    async def leave(self) -> None:
        await self.wire.disconnect()


async def test_two_pages_see_one_log(workflow: Workflow, alice_client: Client, bob_client: Client) -> None:
    await apply(workflow, add(1, "a"))
    alice = await Page(alice_client, workflow).open(client_id="alice")
    bob = await Page(bob_client, workflow).open(after=1, client_id="bob")
    await asyncio.gather(
        *(alice.send(put(n, "a", "x", n)) for n in range(1, 11)), *(bob.send(put(n, "a", "y", n)) for n in range(1, 11))
    )
    assert await alice.until(21) == list(range(1, 22))
    assert await bob.until(21) == list(range(2, 22))
    document, _ = await sync_to_async(services.workflow_document)(workflow)
    assert document["nodes"][0]["params"] == {"x": 10, "y": 10}
    await alice.leave()
    await bob.leave()


async def test_a_row_carries_who_and_what(workflow: Workflow, alice_client: Client, alice: User) -> None:
    page = await Page(alice_client, workflow).open()
    await page.send(add(1, "a"))
    [row] = (await page.next("ops"))["ops"]
    assert row["actor"] == {"id": str(alice.id), "name": "Alice"}
    assert (row["seq"], row["client_id"], row["client_seq"], row["op"], row["node"]["id"]) == (
        1,
        "page",
        1,
        "add_node",
        "a",
    )
    await page.leave()


async def test_a_page_that_comes_back_misses_nothing_and_gets_nothing_twice(
    workflow: Workflow, alice_client: Client
) -> None:
    seqs: list[int] = []
    for turn in range(4):
        page = await Page(alice_client, workflow).open(after=len(seqs))
        await apply(workflow, *(add(turn * 300 + n, f"n{turn}.{n}") for n in range(300)))
        seqs += await page.until((turn + 1) * 300)
        await page.leave()
        await asyncio.sleep(0.05)
    assert seqs == list(range(1, 1201))


async def test_an_operation_sent_again_is_acknowledged_again(workflow: Workflow, alice_client: Client) -> None:
    page = await Page(alice_client, workflow).open()
    await page.send(add(1, "a"))
    await page.until(1)
    await page.send(add(1, "a"), add(2, "b"))
    await page.until(2)
    assert sorted(page.seqs) == [1, 1, 2]
    await page.leave()


async def test_who_is_far_behind_is_told_to_reload(workflow: Workflow, alice_client: Client) -> None:
    many = graph(*(node(f"n{n}") for n in range(5001)))
    await sync_to_async(services.graph_replace)(workflow=workflow, base_seq=0, graph=many, actor_id=None)
    page = await Page(alice_client, workflow).open(after=0)
    await page.next("reload")
    await apply(workflow, add(1, "later"))
    assert await page.until(5002) == [5002]
    await page.leave()
    ahead = await Page(alice_client, workflow).open(after=9_999_999)
    await ahead.next("reload")
    await ahead.leave()


async def test_a_lost_poke_costs_latency_only(workflow: Workflow, alice_client: Client, settings: Settings) -> None:
    settings.WATCH_INTERVAL_S = 0.2
    page = await Page(alice_client, workflow).open()
    await asyncio.sleep(0.1)

    @sync_to_async
    def append_silently() -> None:
        row = {"workspace_id": workflow.workspace_id, "workflow_id": workflow.id, "seq": 1}
        Operation.objects.for_workspace(workflow.workspace_id).create(
            **row, client_id="x", client_seq=1, op={"op": "remove_node", "id": "a"}
        )
        Workflow.objects.for_workspace(workflow.workspace_id).update(last_seq=1)

    await append_silently()
    assert await page.until(1) == [1]
    await page.leave()


async def test_a_malformed_operation_is_refused_by_number(workflow: Workflow, alice_client: Client) -> None:
    page = await Page(alice_client, workflow).open()
    await page.send(add(1, "a"), {"client_seq": 2, "op": "nope"}, add(3, "b"))
    refused = await page.next("refused")
    assert refused["client_seq"] == 2
    assert "op" in refused["detail"]
    await page.send(add(1, "a"), add(3, "b"))
    assert await page.until(2) == [1, 2]
    await page.leave()


@pytest.mark.parametrize(
    "text", [" ", "{", "[]", "[" * 5000, '"hello"', '{"type": "dance"}', '{"type": 7}', '{"type": ["ops"]}']
)
async def test_what_is_no_message_is_refused_and_the_socket_stays(
    workflow: Workflow, alice_client: Client, text: str
) -> None:
    page = Page(alice_client, workflow)
    assert (await page.wire.connect())[0]
    await page.wire.send_to(text_data=text)
    assert (await page.next("refused"))["client_seq"] is None
    for bad in ({"after": -1, "client_id": "c"}, {"after": "0", "client_id": "c"}, {"after": 0}):
        await page.wire.send_json_to({"type": "hello", **bad})
        assert "hello" in (await page.next("refused"))["detail"]
    await page.send(add(1, "a"))
    assert "hello" in (await page.next("refused"))["detail"]
    await page.wire.send_json_to({"type": "hello", "after": 0, "client_id": "page"})
    bad_ops: Any
    for bad_ops in (None, {}, "x", [None], [1]):
        await page.wire.send_json_to({"type": "ops", "ops": bad_ops})
        await page.next("refused")
    await page.send(add(1, "a"))
    assert await page.until(1) == [1]
    await page.leave()


async def test_viewers_watch_but_do_not_change(workflow: Workflow, victor_client: Client) -> None:
    page = await Page(victor_client, workflow).open()
    await page.send(add(1, "a"))
    assert not (await page.next("role"))["may_edit"]
    await apply(workflow, add(1, "b"))
    assert await page.until(1) == [1]
    await page.leave()


async def test_strangers_visitors_and_the_trash_are_all_told_the_same(
    workflow: Workflow, alice_client: Client, charlie_client: Client
) -> None:
    for client, workspace in ((charlie_client, "mill"), (charlie_client, "elsewhere"), (None, "mill")):
        page = Page(client, workflow, workspace)
        await page.wire.connect()
        assert await page.closed() == 4404
    await sync_to_async(services.workflow_trash)(workflow=workflow)
    page = Page(alice_client, workflow)
    await page.wire.connect()
    assert await page.closed() == 4404


async def test_a_role_lowered_while_the_page_is_open_is_told_at_once(
    workflow: Workflow, alice: User, bob: User, bob_client: Client
) -> None:
    """One sentence, and what was typed is not refused: the page keeps it and sends it when it may again."""
    page = await Page(bob_client, workflow).open()
    await page.send(add(1, "a"))
    assert await page.until(1) == [1]

    @sync_to_async
    def give(role: Role) -> None:
        actor = Membership.objects.get(user=alice, workspace_id=workflow.workspace_id)
        member_change_role(actor=actor, user_id=bob.id, role=role)

    await give(Role.VIEWER)
    told = await page.next("role")
    assert not told["may_edit"]
    assert "Unsent changes stay in this browser." in told["detail"]
    await page.send(add(2, "b"))
    assert not (await page.next("role"))["may_edit"]
    assert await sync_to_async(_ops)(workflow) == 1
    await give(Role.EDITOR)
    assert (await page.next("role"))["may_edit"]
    await page.send(add(2, "b"))
    assert await page.until(2) == [1, 2]
    await page.leave()


def _ops(workflow: Workflow) -> int:
    return Operation.objects.for_workspace(workflow.workspace_id).filter(workflow=workflow).count()


async def test_a_project_made_private_shuts_its_open_pages(workflow: Workflow, alice: User, bob_client: Client) -> None:
    page = await Page(bob_client, workflow).open()
    actor = await Membership.objects.aget(user=alice, workspace_id=workflow.workspace_id)
    await sync_to_async(project_privacy_set)(actor=actor, project=workflow.project, private=True)
    assert await page.closed() == 4404


@pytest.mark.parametrize("end", ["membership", "workflow", "session"])
async def test_who_loses_access_is_shut_out(
    workflow: Workflow,
    bob: User,
    bob_client: Client,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
) -> None:
    settings.WATCH_INTERVAL_S = 0.1
    monkeypatch.setattr(consumers, "RECHECK_S", 0.2)
    page = await Page(bob_client, workflow).open()
    await apply(workflow, add(1, "a"))
    await page.until(1)
    if end == "membership":
        await sync_to_async(Membership.objects.filter(user=bob).delete)()
    elif end == "workflow":
        await sync_to_async(services.workflow_trash)(workflow=workflow)
    else:
        await sync_to_async(bob_client.logout)()
    assert await page.closed() == 4404


async def test_a_trashed_workflow_takes_no_more_operations(workflow: Workflow, alice_client: Client) -> None:
    page = await Page(alice_client, workflow).open()
    await sync_to_async(services.workflow_trash)(workflow=workflow)
    await page.send(add(1, "a"))
    assert await page.closed() == 4404


async def test_people_see_each_other_and_nothing_is_kept(
    workflow: Workflow, alice_client: Client, bob_client: Client
) -> None:
    alice = await Page(alice_client, workflow).open()
    bob = await Page(bob_client, workflow).open()
    assert [peer["name"] for peer in (await bob.next("presence"))["peers"]] == ["Alice"]
    assert [peer["name"] for peer in (await alice.next("presence"))["peers"]] == ["Bob"]
    begun = time.monotonic()
    for x in range(50):
        await bob.wire.send_json_to({"type": "presence", "cursor": {"x": x, "y": 2.25}, "selected": ["n1", 5, "?"]})
    heard = 0
    while True:
        [peer] = (await alice.next("presence"))["peers"]
        heard += 1
        if peer["cursor"] == {"x": 49.0, "y": 2.2}:
            break
    assert heard <= 2 + (time.monotonic() - begun) / EVERY_S
    assert peer["selected"] == ["n1"]
    await bob.wire.send_json_to({"type": "presence", "cursor": {"x": "far", "y": None}, "selected": "all"})
    [peer] = (await alice.next("presence"))["peers"]
    assert (peer["cursor"], peer["selected"]) == (None, [])
    await bob.leave()
    assert (await alice.next("presence"))["peers"] == []
    await alice.leave()


async def test_an_act_over_the_socket_names_who_acts_in_truth(
    workflow: Workflow, alice: User, alice_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Edits are no matter of the audit log; what is written down while one is made says who made it, and from where."""
    staff = await sync_to_async(User.objects.create_superuser)("root@example.org", name="Root")
    apply_plainly = services.operations_apply

    def apply_and_tell(**values: Any) -> Any:
        audit_record(workspace_id=workflow.workspace_id, action="unheard_of", actor_id=alice.id)
        return apply_plainly(**values)

    @sync_to_async
    def told() -> list[tuple[str, str]]:
        rows = AuditEntry.objects.for_workspace(workflow.workspace_id).filter(action="unheard_of")
        return [(row.actor["email"], row.actor["agent"]) for row in rows.order_by("id")]

    @sync_to_async
    def looked_through() -> None:
        session = alice_client.session
        session["hijack_history"] = [str(staff.pk)]
        session.save()

    monkeypatch.setattr(services, "operations_apply", apply_and_tell)
    page = await Page(alice_client, workflow).open()
    await page.send(add(1, "a"))
    await page.until(1)
    await page.leave()
    await looked_through()
    page = await Page(alice_client, workflow).open(after=1, client_id="other")
    await page.send(add(1, "b"))
    await page.until(2)
    await page.leave()
    assert await told() == [("alice@example.org", "Firefox"), ("root@example.org", "Firefox")]
    await sync_to_async(User.objects.filter(pk=staff.pk).update)(is_superuser=False)
    refused = Page(alice_client, workflow)
    assert (await refused.wire.connect())[0]
    assert await refused.closed() == 4404
