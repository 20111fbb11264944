"""Answers that come in pieces, and files that travel inside a request."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

import httpx

from apps.providers.base import ProviderError
from apps.providers.http import CHUNK, FETCH_TIMEOUT, LONG, NEVER_LEFT, Vendor
from apps.wording import gettext as _

# A picture that is given to a model inside of a request.
GIVEN_MAX_BYTES = 50 * 1024**2
# Said by somebody between us and the vendor.
GATEWAY = frozenset({502, 504})


@contextmanager
def streamed(vendor: Vendor, url: str, *, leaves_job: bool = False, **arguments: Any) -> Iterator[httpx.Response]:
    """The one POST of a submission whose answer is read while it comes; never repeated.

    A connection that breaks is "lost", and so is a gateway that gave up. ``leaves_job``: the vendor goes on without us,
    so that any 5xx that is not the vendor's own word may have left a job behind.
    """
    headers = {**vendor.headers, **arguments.pop("headers", {})}
    try:
        with httpx.stream("POST", url, headers=headers, timeout=LONG, trust_env=False, **arguments) as answer:
            if not answer.is_success:
                answer.read()
                unclear = answer.status_code >= 500 if leaves_job else answer.status_code in GATEWAY
                if answer.is_redirect or (unclear and not _says_error(answer)):
                    raise vendor.lost()
                vendor.check(answer)
            yield answer
    except NEVER_LEFT as error:
        raise vendor.unreachable() from error
    except httpx.HTTPError as error:
        raise vendor.lost() from error


def sse(answer: httpx.Response) -> Iterator[Mapping[str, Any]]:
    """The JSON of each server-sent event; what is no JSON object is passed over."""
    for line in answer.iter_lines():
        if line.startswith("data:"):
            yield from _object(line.removeprefix("data:"))


def ndjson(answer: httpx.Response) -> Iterator[Mapping[str, Any]]:
    """The JSON of each line; what is no JSON object is passed over."""
    for line in answer.iter_lines():
        yield from _object(line)


def file_read(vendor: Vendor, reference: Mapping[str, Any]) -> bytes:
    """An input of ours, from its expiring address. ProviderError: nothing was sent to the vendor."""
    taken = bytearray()
    try:
        with httpx.stream("GET", reference["url"], timeout=FETCH_TIMEOUT, trust_env=False) as answer:
            if answer.is_error:
                raise ProviderError("unavailable", _("An input could not be read from our own store."))
            for chunk in answer.iter_bytes(CHUNK):
                taken += chunk
                if len(taken) > GIVEN_MAX_BYTES:
                    detail = _("An input is too large for %(vendor)s.", vendor=vendor.title)
                    raise ProviderError("invalid", detail, permanent=True)
    except httpx.HTTPError as error:
        raise ProviderError("unavailable", _("An input could not be read from our own store.")) from error
    return bytes(taken)


def base64_read(vendor: Vendor, text: Any) -> bytes:
    """Bytes out of an answer; "lost" where they cannot be read, because they were made and paid for."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise vendor.lost() from error


def references(value: Any) -> list[Mapping[str, Any]]:
    """The asset references in one input or in several."""
    found = value if isinstance(value, list) else [value]
    return [one for one in found if isinstance(one, Mapping) and one.get("url")]


def place(body: MutableMapping[str, Any], path: str, value: Any) -> None:
    """Put a value where a vendor wants it: "options.seed" is ``body["options"]["seed"]``."""
    *outer, last = path.split(".")
    for name in outer:
        body = body.setdefault(name, {})
    body[last] = value


def named(params: Mapping[str, Any], names: Mapping[str, str], *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The parameters under the vendor's names; those that are empty are the vendor's to decide."""
    body: dict[str, Any] = {}
    for name, value in params.items():
        if name not in without and value not in (None, ""):
            place(body, names.get(name, name), value)
    return body


def _says_error(answer: httpx.Response) -> bool:
    try:
        return isinstance(answer.json()["error"], dict | str)
    except (ValueError, KeyError, TypeError):
        return False


def _object(text: str) -> Iterator[Mapping[str, Any]]:
    try:
        found = json.loads(text)
    except ValueError:
        return
    if isinstance(found, dict):
        yield found
