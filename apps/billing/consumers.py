"""The balance's socket: the current balance at once, and again when it changed, at most twice a second."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import structlog
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from apps.billing.fragments import balance_send
from apps.common.sockets import socket_language
from apps.workspaces.access import membership_get
from apps.workspaces.models import Role, Workspace

log = structlog.get_logger(__name__)
NOT_FOUND = 4404
FAILED = 1011
PAUSE_S = 0.5


class BalanceConsumer(AsyncWebsocketConsumer):
    """Sends the ``#balance`` fragment to a member. Who is no longer one is let go at the next look."""

    async def connect(self) -> None:
        """Members only; strangers are told the same as for a workspace that does not exist."""
        self.reader: asyncio.Task[None] | None = None
        self.group = ""
        self.poked = asyncio.Event()
        await self.accept()
        workspace = await self._workspace()
        if workspace is None:
            await self.close(NOT_FOUND)
            return
        # Joined before the first look, so that nothing can change in between.
        self.group = f"billing.{workspace.id}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        self.reader = asyncio.create_task(self._watch())

    async def poke(self, message: dict[str, Any]) -> None:
        """The balance moved; the reader looks when its pause is over."""
        self.poked.set()

    async def disconnect(self, code: int) -> None:
        """Stop reading."""
        if self.reader is not None:
            self.reader.cancel()
        if self.group:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def _watch(self) -> None:
        try:
            await self._read()
        except Exception:
            # Nobody awaits this task: unheard, the socket would stay open and silent.
            log.exception("balance socket failed", action="balance_send", group=self.group)
            await self.close(FAILED)

    async def _read(self) -> None:
        sent, language = "", socket_language(dict(self.scope))
        while True:
            self.poked.clear()
            html = await self._balance(language)
            if html is None:
                await self.close(NOT_FOUND)
                return
            if html != sent:
                await self.send(text_data=html)
                sent = html
            await asyncio.sleep(PAUSE_S)
            # A lost poke costs at most this long.
            with suppress(TimeoutError):
                await asyncio.wait_for(self.poked.wait(), settings.WATCH_INTERVAL_S)

    @database_sync_to_async
    def _workspace(self) -> Workspace | None:
        return self._member_of()

    @database_sync_to_async
    def _balance(self, language: str) -> str | None:
        workspace = self._member_of()
        return None if workspace is None else balance_send(workspace, language)

    def _member_of(self) -> Workspace | None:
        user: Any = self.scope["user"]
        slug = self.scope["url_route"]["kwargs"]["workspace"]
        membership = membership_get(user, slug) if user.is_authenticated else None
        if membership is None or not Role(membership.role).includes(Role.VIEWER):
            return None
        return membership.workspace
