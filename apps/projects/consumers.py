"""The workflow page's own socket: operations and presence as JSON.

The rows of the log are the truth. A poke only says "look"; this reads what lies after its cursor and sends it, in
order, without gaps and never twice. A poke that got lost costs at most WATCH_INTERVAL_S.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID, uuid4

import structlog
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from apps.common.origin import origin, socket_origin
from apps.common.sockets import socket_language
from apps.common.tenancy import scope
from apps.projects import services, watching
from apps.projects.envelopes import OperationRefused
from apps.projects.journal import ClientSeqReused, DocumentTooLarge, row_json
from apps.projects.presence import Peer, Peers, Thinned, cursor_read, selected_read
from apps.projects.refusals import client_seq_reused, document_too_large
from apps.workspaces.access import access_group
from apps.workspaces.models import Role

log = structlog.get_logger(__name__)
T = TypeVar("T")

GONE = 4404
RECHECK_S = 60.0


async def _in_thread(call: Callable[..., T], *args: Any) -> T:
    """Run a database call beside others: the shared thread of ``thread_sensitive`` would queue all sockets on one."""
    return await database_sync_to_async(call, thread_sensitive=False)(*args)


class WorkflowConsumer(AsyncJsonWebsocketConsumer):
    """One open page of one workflow."""

    watch: watching.Watch
    client_id: str | None = None
    cursor = 0
    watcher: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Accept first, so that a refusal can carry its code."""
        await self.accept()
        watch = await self._authorised()
        if watch is None:
            await self.close(GONE)
            return
        self.watch = watch
        self.poked = asyncio.Event()
        self.peers = Peers()
        who = {"id": uuid4().hex, "user": str(watch.user_id), "name": watch.user_name}
        self.me: Peer = {**who, "cursor": None, "selected": []}
        self.announce = Thinned(self._announce)
        self.show_peers = Thinned(self._show_peers)
        self.access_changed = False
        for group in (watch.group, access_group(watch.user_id)):
            await self.channel_layer.group_add(group, self.channel_name)

    async def disconnect(self, code: int) -> None:
        """Say goodbye and stop reading."""
        if not hasattr(self, "announce"):
            return
        for one in (self.announce, self.show_peers, self.watcher):
            if one is not None:
                one.cancel()
        for group in (self.watch.group, access_group(self.watch.user_id)):
            await self.channel_layer.group_discard(group, self.channel_name)
        await self._tell("presence.left", id=self.me["id"])

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        """One message; what is none is refused with a sentence, the socket stays open."""
        try:
            message = json.loads(text_data or "")
        except (ValueError, RecursionError):
            message = None
        kind = message.get("type") if isinstance(message, dict) else None
        handlers = {"hello": self._hello, "ops": self._ops, "presence": self._presence}
        handler = handlers.get(kind) if isinstance(kind, str) else None
        if not hasattr(self, "announce"):  # refused at the door, the farewell is on its way
            return
        with translation.override(socket_language(self.scope)):
            if handler is None:
                await self._refuse(None, _("A message must be a JSON object with a known type."))
            else:
                await handler(message)

    # --- Operations ---

    async def _hello(self, message: dict[str, Any]) -> None:
        after, client_id = message.get("after"), message.get("client_id")
        if isinstance(after, bool) or not isinstance(after, int) or after < 0 or not isinstance(client_id, str):
            await self._refuse(None, _("`hello` needs `after`, a whole number from 0, and `client_id`."))
            return
        self.cursor, self.client_id = after, client_id
        self.poked.set()
        self.announce()
        if self.watcher is None:
            self.watcher = asyncio.create_task(self._watch())

    async def _ops(self, message: dict[str, Any]) -> None:
        if self.client_id is None:
            await self._refuse(None, _("Say `hello` first."))
        elif not self.watch.role.includes(Role.EDITOR):
            # Not refused one by one: the page keeps what it could not send.
            await self._role_tell()
        else:
            await self._apply(message.get("ops"), self.cursor)

    async def _apply(self, ops: Any, cursor: int) -> None:
        try:
            repeated = await _in_thread(self._apply_now, ops, cursor)
        except services.WorkflowGone:
            await self.close(GONE)
        except OperationRefused as error:
            await self._refuse(error.client_seq, error.detail)
        except ClientSeqReused as error:
            await self._refuse(error.client_seq, client_seq_reused(error).detail)
        except DocumentTooLarge as error:
            await self._refuse(error.client_seq, document_too_large(error).detail)
        else:
            if repeated:
                await self.send_json({"type": "ops", "ops": repeated})

    def _apply_now(self, ops: Any, cursor: int) -> list[dict[str, Any]]:
        """Apply, and answer the rows that this client was sent before: it asks again, so it wants them acknowledged."""
        acts = socket_origin(self.scope, staff=self.watch.staff)
        with scope(self.watch.workspace_id, self.watch.reader), origin(acts):
            applied = services.operations_apply(
                workflow=self.watch.workflow, actor_id=self.watch.user_id, client_id=self.client_id or "", ops=ops
            )
            return [row_json(row) for row in applied.rows if row.seq <= cursor]

    async def poke(self, event: dict[str, Any]) -> None:
        """There may be new rows, or the reader's role is another."""
        self.access_changed = self.access_changed or "access" in event
        self.poked.set()
        if "comments" in event:
            await self.send_json({"type": "comments"})

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        checked = loop.time()
        try:
            while True:
                self.poked.clear()
                await self._catch_up()
                if self.access_changed or loop.time() - checked >= RECHECK_S:
                    self.access_changed, checked = False, loop.time()
                    await self._recheck()
                try:
                    async with asyncio.timeout(settings.WATCH_INTERVAL_S):
                        await self.poked.wait()
                except TimeoutError:
                    self._still_here(loop.time())
        except Exception:
            log.exception("watch failed", action="workflow_watch", workflow=str(self.watch.workflow.id))
            await self.close(1011)

    async def _catch_up(self) -> None:
        more = True
        while more:
            cursor = self.cursor
            batch = await _in_thread(watching.batch_read, self.watch, cursor)
            if cursor != self.cursor:  # a second hello moved it meanwhile
                continue
            self.cursor, more = batch.cursor, batch.more
            if batch.reload:
                await self.send_json({"type": "reload"})
            elif batch.rows:
                await self.send_json({"type": "ops", "ops": batch.rows})

    # --- Access ---

    async def _authorised(self) -> watching.Watch | None:
        user = self.scope.get("user")
        if user is None or not user.is_authenticated:
            return None
        route = self.scope["url_route"]["kwargs"]
        session = self.scope.get("session")
        found: watching.Watch | None = await _in_thread(
            watching.watch_find, session, user.pk, route["workspace"], UUID(str(route["workflow"]))
        )
        return found

    async def _recheck(self) -> None:
        watch = await self._authorised()
        if watch is None:
            await self.close(GONE)
            return
        could = self.watch.role.includes(Role.EDITOR)
        self.watch = watch
        if could != watch.role.includes(Role.EDITOR):
            await self._role_tell()

    async def _role_tell(self) -> None:
        """Say what the reader may do now. The page keeps what it has not sent, and sends it when they may again."""
        may_edit = self.watch.role.includes(Role.EDITOR)
        with translation.override(socket_language(self.scope)):
            detail = _("You may look at this workflow now, but not change it. Unsent changes stay in this browser.")
        await self.send_json({"type": "role", "may_edit": may_edit, "detail": "" if may_edit else detail})

    # --- Presence ---

    async def _presence(self, message: dict[str, Any]) -> None:
        self.me = {
            **self.me,
            "cursor": cursor_read(message.get("cursor")),
            "selected": selected_read(message.get("selected")),
        }
        self.announce()

    async def _announce(self) -> None:
        await self._tell("presence.moved", peer=self.me)

    async def _show_peers(self) -> None:
        await self.send_json({"type": "presence", "peers": self.peers.listed()})

    def _still_here(self, now: float) -> None:
        self.announce()
        if self.peers.expire(now):
            self.show_peers()

    async def presence_moved(self, event: dict[str, Any]) -> None:
        """Somebody moved; to a newcomer we introduce ourselves."""
        if event["peer"]["id"] == self.me["id"]:
            return
        if self.peers.hear(event["peer"], asyncio.get_running_loop().time()):
            self.announce()
        self.show_peers()

    async def presence_left(self, event: dict[str, Any]) -> None:
        """Somebody closed the page."""
        if self.peers.forget(event["id"]):
            self.show_peers()

    async def _tell(self, kind: str, **body: Any) -> None:
        try:
            await self.channel_layer.group_send(self.watch.group, {"type": kind, **body})
        except Exception as error:  # presence is a nicety; a store that is away must not close the page's socket
            log.warning("presence lost", action="workflow_presence", error=str(error))

    # --- Refusals ---

    async def _refuse(self, client_seq: int | None, detail: str) -> None:
        await self.send_json({"type": "refused", "client_seq": client_seq, "detail": detail})
