"""What a client sends around its operations: who it is, its own count, and the operation's keys beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from apps.engine.operations import OperationError, parse
from apps.projects.journal import json_bytes, nested_too_deep

OPS_MAX = 1000
OP_BYTES_MAX = 256 * 1024
_CLIENT_SEQ_MAX = 2**63 - 1
_CLIENT_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}\Z")


class OperationRefused(ValueError):
    """A malformed operation refuses its request whole. ``index`` is its place, None for the request itself."""

    def __init__(self, detail: str, index: int | None = None, client_seq: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.index = index
        self.client_seq = client_seq


def _client_seq(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _CLIENT_SEQ_MAX:
        raise OperationError(_("`client_seq` must be a whole number from 0."))
    return value


def _open(envelope: Any) -> tuple[int, dict[str, Any]]:
    if not isinstance(envelope, Mapping):
        raise OperationError(_("An operation must be an object."))
    client_seq = _client_seq(envelope.get("client_seq"))
    op = {key: value for key, value in envelope.items() if key != "client_seq"}
    if nested_too_deep(op):
        raise OperationError(_("An operation may not be nested this deeply."))
    parse(op)
    if json_bytes(op) > OP_BYTES_MAX:
        raise OperationError(_("An operation may have at most 256 KiB. Put large things into assets."))
    return client_seq, op


def open_all(client_id: Any, ops: Any) -> list[tuple[int, dict[str, Any]]]:
    """``(client_seq, op)`` of every envelope in ``ops``; OperationRefused for the first that is not right."""
    if not isinstance(client_id, str) or not _CLIENT_ID.match(client_id):
        raise OperationRefused(_("`client_id` must be 1 to 64 letters, digits or _ . : -"))
    if not isinstance(ops, list) or len(ops) > OPS_MAX:
        raise OperationRefused(_("`ops` must be a list of at most 1,000 operations."))
    opened = []
    for index, envelope in enumerate(ops):
        try:
            opened.append(_open(envelope))
        except OperationError as error:
            client_seq = envelope.get("client_seq") if isinstance(envelope, Mapping) else None
            detail = _("Operation %(index)d: %(detail)s") % {"index": index, "detail": str(error)}
            raise OperationRefused(detail, index, client_seq if isinstance(client_seq, int) else None) from error
    return opened
