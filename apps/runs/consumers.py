"""The run's socket. The browser says where it is, gets everything after that, and what comes; a poke only hurries."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any
from uuid import UUID

import structlog
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from apps.common.sockets import socket_language
from apps.common.tenancy import scope
from apps.runs.console import STEPS_SHOWN
from apps.runs.fragments import batch_shared
from apps.runs.models import Run
from apps.runs.watch import RECHECK_S
from apps.workspaces.access import access_group, membership_get
from apps.workspaces.sight import MemberReader

log = structlog.get_logger(__name__)
NOT_FOUND = 4404
FAILED = 1011
# A reader is sent at most this many batches a second; what happens in between is coalesced.
PAUSE_S = 0.1
# A page that has loaded more steps than this hears of the first ones only.
MOST_SHOWN = 10_000


class RunConsumer(AsyncWebsocketConsumer):
    """Sends HTML fragments of one run to a member of its workspace."""

    async def connect(self) -> None:
        """Accept members only; nothing is sent until the browser says what it has."""
        route = self.scope["url_route"]["kwargs"]
        self.run_id = UUID(str(route["run_id"]))
        self.slug = route["workspace"]
        reader: Any = self.scope["user"]
        self.user_id: UUID = reader.pk
        self.workspace_id = await self._authorise()
        self.reader: asyncio.Task[None] | None = None
        self.access_changed = False
        await self.accept()
        if self.workspace_id is None:
            await self.close(NOT_FOUND)
            return
        self.language = socket_language(self.scope)
        self.poked = asyncio.Event()
        for group in (f"run.{self.run_id}", access_group(self.user_id)):
            await self.channel_layer.group_add(group, self.channel_name)

    @database_sync_to_async
    def _authorise(self) -> UUID | None:
        user: Any = self.scope["user"]
        membership = membership_get(user, self.slug) if user.is_authenticated else None
        if membership is None:
            return None
        with scope(membership.workspace_id, MemberReader.of(membership)):
            return membership.workspace_id if Run.objects.filter(id=self.run_id).exists() else None

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """``{"after": N, "shown": M}`` begins (or begins again) after event N; M steps are on the page."""
        try:
            said = json.loads(text_data or "{}")
            after, shown = int(said.get("after", 0)), int(said.get("shown", STEPS_SHOWN))
        except (ValueError, TypeError, AttributeError):
            return
        if self.workspace_id is None:
            return
        if self.reader is not None:
            self.reader.cancel()
        self.reader = asyncio.create_task(self._watch(max(0, after), max(STEPS_SHOWN, min(shown, MOST_SHOWN))))

    async def poke(self, message: dict[str, Any]) -> None:
        """Something happened, or the reader's role is another; the reader looks."""
        self.access_changed = self.access_changed or "access" in message
        self.poked.set()

    async def disconnect(self, code: int) -> None:
        """Stop reading."""
        if self.reader is not None:
            self.reader.cancel()
        if self.workspace_id is not None:
            for group in (f"run.{self.run_id}", access_group(self.user_id)):
                await self.channel_layer.group_discard(group, self.channel_name)

    async def _watch(self, cursor: int, shown: int) -> None:
        try:
            await self._read(cursor, shown)
        except Exception:
            # Nobody awaits this task: unheard, the socket would stay open and silent. Closed, the page comes back.
            log.exception("run socket failed", action="run_watch", run=str(self.run_id))
            await self.close(FAILED)

    async def _read(self, cursor: int, shown: int) -> None:
        checked = asyncio.get_running_loop().time()
        while True:
            self.poked.clear()
            if self.access_changed or asyncio.get_running_loop().time() - checked > RECHECK_S:
                self.access_changed, checked = False, asyncio.get_running_loop().time()
                if await self._authorise() is None:
                    await self.close(NOT_FOUND)
                    return
            assert self.workspace_id is not None
            batch = await batch_shared(self.run_id, self.workspace_id, cursor, self.language, shown)
            if batch is None:
                await self.close(NOT_FOUND)
                return
            cursor = batch.seq
            if batch.html:
                await self.send(text_data=batch.html)
                await asyncio.sleep(PAUSE_S)
                continue
            if batch.ended:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.poked.wait(), settings.WATCH_INTERVAL_S)
