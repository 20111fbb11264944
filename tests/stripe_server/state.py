"""What the server remembers: objects by id, and the events that told of their changes, signed and sent on command."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

import httpx

from tests.stripe_server.description import answer_problems, blank
from tests.vendors.server import ContractServer

Thing = dict[str, Any]
API_VERSION = "2026-05-27.dahlia"


class Refusal(Exception):
    """Stripe's refusal of a request."""

    def __init__(self, status: int, kind: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status, self.kind, self.message, self.more = status, kind, message, more


def signature(secret: str, body: bytes, *, at: int | None = None) -> str:
    """The header ``Stripe-Signature`` for a body, as of now or another second."""
    moment = int(time.time()) if at is None else at
    signed = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={signed}"


class State(ContractServer):
    """Objects and events. ``webhook`` is where events go; with ``auto`` each goes at once."""

    secret: str

    def state_begin(self) -> None:
        """Forget everything."""
        self.objects: dict[str, Thing] = {}
        self.events: list[Thing] = []
        self.webhook = ""
        self.auto = False

    def make(self, kind: str, prefix: str, **members: Any) -> Thing:
        """A new object of this kind, kept by its id."""
        thing = blank(kind) | {
            "id": f"{prefix}_{secrets.token_hex(12)}",
            "created": int(time.time()),
            "livemode": False,
        }
        if kind in ("subscription_item", "refund"):
            thing.pop("livemode")
        thing |= members
        self.objects[thing["id"]] = thing
        return thing

    def get(self, kind: str, which: str) -> Thing:
        """The object, or Stripe's 404."""
        found = self.objects.get(which)
        if found is None or found["object"] != kind:
            raise Refusal(404, "invalid_request_error", f"No such {kind}: '{which}'", code="resource_missing")
        return found

    def every(self, kind: str) -> list[Thing]:
        """All of a kind, the newest first."""
        return [one for one in reversed(self.objects.values()) if one["object"] == kind]

    def page(self, kind: str, given: Mapping[str, Any], url: str, **wanted: Any) -> Thing:
        """A list as Stripe pages it, with its filters of time and of equality."""
        rows = [
            one for one in self.every(kind) if all(value in (None, one.get(name)) for name, value in wanted.items())
        ]
        created = given.get("created")
        if isinstance(created, dict):
            bounds = {"gte": int.__ge__, "gt": int.__gt__, "lte": int.__le__, "lt": int.__lt__}
            rows = [one for one in rows if all(bounds[k](one["created"], v) for k, v in created.items())]
        after = given.get("starting_after")
        if after:
            rows = rows[[one["id"] for one in rows].index(after) + 1 :]
        limit = given.get("limit", 10)
        return {"object": "list", "url": url, "has_more": len(rows) > limit, "data": rows[:limit]}

    # --- Events ----------------------------------------------------------------------------------------------------

    def tell(self, kind: str, thing: Thing) -> Thing:
        """Keep an event of what just happened, and send it where ``auto`` is on."""
        event = blank("event") | {
            "id": f"evt_{secrets.token_hex(12)}", "type": kind, "created": int(time.time()), "livemode": False,
            "api_version": API_VERSION, "data": {"object": json.loads(json.dumps(thing))}, "pending_webhooks": 1,
        }  # fmt: skip
        self.drifted += answer_problems("event", event) + answer_problems(thing["object"], thing)
        self.events.append(event)
        self.objects[event["id"]] = event
        if self.auto and self.webhook:
            threading.Thread(target=self.deliver, args=([event],), daemon=True).start()
        return event

    def deliver(self, events: Iterable[Thing], *, times: int = 1, at: int | None = None, secret: str = "") -> list[int]:
        """Send events in the order given, each ``times`` times; answers the statuses."""
        statuses = []
        for event in events:
            body = json.dumps(event).encode()
            header = {
                "Stripe-Signature": signature(secret or self.secret, body, at=at),
                "Content-Type": "application/json",
            }
            answers = [httpx.post(self.webhook, content=body, headers=header, timeout=30) for _ in range(times)]
            statuses += [answer.status_code for answer in answers]
        return statuses

    def told(self, *kinds: str) -> list[Thing]:
        """The events of these types (all without), the oldest first."""
        return [one for one in self.events if not kinds or one["type"] in kinds]
