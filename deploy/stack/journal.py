"""The supervisor's own log: one JSON object per line, made to be searched by `action` and `part`."""

from __future__ import annotations

import logging
import logging.handlers
from pathlib import Path

import structlog


class Journal:
    """Writes var/log/stack.jsonl; remembers what it last wrote about each part, so that only changes are written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._states: dict[str, str] = {}
        self._logger: structlog.typing.FilteringBoundLogger | None = None

    def record(self, action: str, **details: str) -> None:
        """Append one line."""
        self._open().info(action, action=action, **details)

    def record_parts(self, states: dict[str, str]) -> None:
        """Append a line for each part whose state changed."""
        for part, state in states.items():
            if self._states.get(part) != state:
                self._open().info(f"{part} {state}", action="part_changed", part=part, state=state)
        self._states.update(states)

    def _open(self) -> structlog.typing.FilteringBoundLogger:
        if self._logger is None:
            handler = logging.handlers.RotatingFileHandler(self._path, maxBytes=2**20, backupCount=3)
            target = logging.getLogger("millrace.stack")
            target.setLevel(logging.INFO)
            target.propagate = False
            target.handlers = [handler]
            stamp, render = structlog.processors.TimeStamper(fmt="iso", utc=True), structlog.processors.JSONRenderer()
            self._logger = structlog.wrap_logger(target, processors=[stamp, render])
        return self._logger
