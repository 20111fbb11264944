"""``Idempotency-Key``: the first answer to a request is kept and replayed to every repeat.

In an API function::

    @router.post("/workflows/{workflow_id}/runs", auth=api_auth("runs:write"), response={202: RunStarted})
    def run_create(request: ApiRequest, workflow_id: UUID, body: RunIn) -> Any:
        with idempotent(request, body) as answer:
            if answer.known:
                return answer.response()
            run = run_start(..., idempotency_key=answer.key)
            return answer.keep(202, {"id": run.id, "state": run.state})

- Without the header nothing is kept; ``keep`` just answers.
- The effect and the kept answer commit together: the body runs inside one transaction, so tasks go out
  (``on_commit``) after it, and an exception (a Problem too) keeps nothing: whoever was refused may mend the request
  and use the key again.
- The same key at the same time waits for the first and gets its answer. The same key with another method, path or body
  is refused: 409 ``idempotency-conflict``.
- So the body must not speak to the outside; leave that to a task.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.http import JsonResponse
from django.utils.translation import gettext as _
from pydantic import BaseModel, TypeAdapter

from apps.common.problems import Problem
from apps.workspaces.access import ApiRequest
from apps.workspaces.models import IdempotentAnswer

HEADER = "Idempotency-Key"
_KEY_LENGTH = 255
_json: TypeAdapter[Any] = TypeAdapter(Any)


class Answer:
    """The memory of one request. ``key`` is "" when the caller sent none."""

    def __init__(self, request: ApiRequest, key: str, digest: bytes, found: IdempotentAnswer | None) -> None:
        self.key = key
        self._request = request
        self._digest = digest
        self._found = found

    @property
    def known(self) -> bool:
        """Whether this request was answered before."""
        return self._found is not None

    def response(self) -> JsonResponse:
        """The first answer again, marked ``Idempotency-Replayed: true``."""
        assert self._found is not None, "ask `known` first"
        headers = {"Idempotency-Replayed": "true"}
        return _response(self._found.status, self._found.body, headers)

    def keep(self, status: int, body: Any) -> JsonResponse:
        """Answer ``body`` (a schema, or anything JSON can hold, times and UUIDs too) and remember it."""
        plain = _json.dump_python(body, mode="json", by_alias=True, fallback=str)
        if self.key:
            workspace_id = self._request.workspace.id
            IdempotentAnswer.objects.for_workspace(workspace_id).create(
                workspace_id=workspace_id, key=self.key, request_digest=self._digest, status=status, body=plain
            )
        return _response(status, plain)


def _response(status: int, plain: Any, headers: dict[str, str] | None = None) -> JsonResponse:
    # Sorted, because PostgreSQL keeps no order of keys and a repeat should be the same to the byte.
    return JsonResponse(plain, status=status, headers=headers, safe=False, json_dumps_params={"sort_keys": True})


def _digest_of(request: ApiRequest, body: BaseModel | dict[str, Any] | None) -> bytes:
    plain = _json.dump_python(body, mode="json", fallback=str)
    text = json.dumps([request.method, request.path, plain], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).digest()


def key_of(request: ApiRequest) -> str:
    """The request's ``Idempotency-Key``, "" without one; Problem 422 for one that cannot be kept."""
    given = request.headers.get(HEADER)
    if given is None:
        return ""
    key = given.strip()
    if not 1 <= len(key) <= _KEY_LENGTH or not key.isprintable():
        detail = _("`Idempotency-Key` must be 1 to 255 printable characters.")
        raise Problem("bad-idempotency-key", 422, _("Bad idempotency key"), detail)
    return key


def _lock(workspace_id: Any, key: str) -> None:
    number = int.from_bytes(hashlib.sha256(f"{workspace_id}:{key}".encode()).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])


@contextmanager
def idempotent(request: ApiRequest, body: BaseModel | dict[str, Any] | None) -> Iterator[Answer]:
    """See the top of this module. ``body`` is the validated request body; None for operations without one."""
    key = key_of(request)
    if not key:
        yield Answer(request, "", b"", None)
        return
    digest = _digest_of(request, body)
    with transaction.atomic():
        _lock(request.workspace.id, key)
        found = IdempotentAnswer.objects.for_workspace(request.workspace.id).filter(key=key).first()
        if found is not None and bytes(found.request_digest) != digest:
            detail = _("This Idempotency-Key was used for another request. Use a new key.")
            raise Problem("idempotency-conflict", 409, _("Idempotency key reused"), detail)
        yield Answer(request, key, digest, found)
