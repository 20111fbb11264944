"""Structured logs: one JSON line per event on standard error, ids bound by context, never a secret."""

from __future__ import annotations

import logging
import logging.config
import re
from typing import Any

import structlog
from django.http import HttpRequest

# Addresses that are keys: whoever reads the log must not be able to use them.
_KEYS = re.compile(
    r"(/(?:hooks(?:/callback)?|approvals|invitations)/)"
    r"(?!callback/|providers/|[0-9a-f]{8}-[0-9a-f]{4}-)"
    r"([^/\s?'\"]{4})[^/\s?'\">]{8,}"
)


def _mask(text: str) -> str:
    return _KEYS.sub(r"\1\2…", text)


def keys_hide(logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Processor: what is said of a request names a secret address by its first letters only."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _mask(value)
        elif isinstance(value, HttpRequest):
            event[name] = _mask(repr(value))
    return event


_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    keys_hide,
]


def configure(level: str = "INFO") -> None:
    """Send structlog's and the standard library's records through one JSON renderer."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processor": structlog.processors.JSONRenderer(),
                    "foreign_pre_chain": _SHARED,
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
            "root": {"handlers": ["stderr"], "level": level},
            "loggers": {
                "daphne.http_protocol": {"level": "WARNING"},
                "django.channels.server": {"level": "WARNING"},
                "httpx": {"level": "WARNING"},
                # Two lines for every message, received and succeeded; what a task did is said by the task.
                "celery.worker.strategy": {"level": "WARNING"},
                "celery.app.trace": {"level": "WARNING"},
            },
        }
    )
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
