"""The server: keys, the official shapes, idempotent replay, lists, and the parts that make Stripe what it is."""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from tests.stripe_server.checkout import Checkout
from tests.stripe_server.description import answer_problems, operation, request_read, request_schema
from tests.stripe_server.state import Refusal
from tests.vendors.server import Answer, Request, answer_json

Replay = tuple[str, int, bytes]


class StripeServer(Checkout):
    """Listens on a free port until :meth:`stop`. ``script``: "", "cut" (done, and no answer), "500" (not done).

    Either may be of one call alone: "cut post_invoices_invoice_pay".
    """

    name = "stripe"

    def __init__(self, key: str = "sk_test_millrace", secret: str = "whsec_millrace", port: int = 0) -> None:
        self.key = key
        self.secret = secret
        self.slow_s = 0.0
        self._lock = threading.RLock()
        self._replays: dict[str, Replay] = {}
        self.state_begin()
        super().__init__(port)

    def answer(self, request: Request) -> Answer | None:
        """The API under /v1, pages for people elsewhere. A connection ends with its answer, so none outlives us."""
        said = self._said(request)
        return said and replace(said, headers={**said.headers, "Connection": "close"})

    def _said(self, request: Request) -> Answer | None:
        self.seen.append(request)
        if not request.path.startswith("/v1/"):
            with self._lock:
                return self._route(request) or Answer(404, b"no such page", "text/plain")
        if self.slow_s:
            time.sleep(self.slow_s)
        what, _, only = self.script.partition(" ")
        is_meant = only in ("", self._operation(request))
        if what == "500" and is_meant:
            return self._refused(Refusal(500, "api_error", "Something is wrong here."))
        with self._lock:
            said = self._api(request)
        return None if what == "cut" and is_meant and request.method == "POST" else said

    def _operation(self, request: Request) -> str:
        found = operation(request.method, request.path)
        return self._name_of(found[1]["operationId"]) if found else ""

    def _api(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return self._refused(Refusal(401, "invalid_request_error", "Invalid API Key provided."))
        key = request.headers.get("idempotency-key", "") if request.method == "POST" else ""
        print_of = f"{request.path} {request.body.decode()}"
        if key and key in self._replays:
            first, status, body = self._replays[key]
            if first != print_of:
                problem = (
                    "Keys for idempotent requests can only be used with the same parameters they were first used with."
                )
                return self._refused(Refusal(400, "idempotency_error", problem))
            return Answer(status, body, headers={"Idempotent-Replayed": "true"})
        try:
            said = self._checked(request)
        except Refusal as refusal:
            said = self._refused(refusal)
        # Refusals of parameters are not kept, as with Stripe; whatever was carried out is.
        if key and said.status not in (400, 401, 404, 409, 429):
            self._replays[key] = (print_of, said.status, said.body)
        return said

    def _checked(self, request: Request) -> Answer:
        found = operation(request.method, request.path)
        if found is None:
            raise Refusal(404, "invalid_request_error", f"Unrecognized request URL ({request.method}: {request.path}).")
        spelled, said = found
        is_query = request.method == "GET"
        text = self._query(request) if is_query else request.body.decode()
        given, problems = request_read(text, request_schema(said, query=is_query))
        if problems:
            raise Refusal(400, "invalid_request_error", problems[0])
        handler = getattr(self, self._name_of(said["operationId"]), None)
        if handler is None:
            self.drifted.append(f"no such call yet: {request.method} {spelled}")
            raise Refusal(501, "api_error", self.drifted[-1])
        made = handler(given, *self._ids(spelled, request.path))
        self._answer_check(said, made)
        return answer_json(self._expanded(made, given.get("expand", [])))

    def _answer_check(self, said: Any, made: dict[str, Any]) -> None:
        schema = said["responses"]["200"]["content"]["application/json"]["schema"]
        if "$ref" in schema:
            self.drifted += answer_problems(schema["$ref"].rsplit("/", 1)[1], made)
            return
        for member in made.get("data", []):
            self.drifted += answer_problems(member["object"], member)

    @staticmethod
    def _ids(spelled: str, path: str) -> list[str]:
        return [one for name, one in zip(spelled.split("/"), path.split("/"), strict=True) if name.startswith("{")]

    @staticmethod
    def _name_of(operation_id: str) -> str:
        """PostCheckoutSessions → post_checkout_sessions."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", operation_id).lower()

    @staticmethod
    def _query(request: Request) -> str:
        return urlencode(request.query, doseq=True)

    def _expanded(self, made: dict[str, Any], paths: list[str]) -> dict[str, Any]:
        made = json.loads(json.dumps(made))
        for path in paths:
            targets = [made]
            for name in path.split("."):
                for one in targets:
                    if isinstance(one.get(name), str) and one[name] in self.objects:
                        one[name] = json.loads(json.dumps(self.objects[one[name]]))
                        self.drifted += answer_problems(one[name]["object"], one[name])
                targets = [inner for one in targets for inner in _each(one.get(name))]
        return made

    def _refused(self, refusal: Refusal) -> Answer:
        error = {"type": refusal.kind, "message": refusal.message, **refusal.more}
        self.drifted += answer_problems("error", {"error": error})
        return answer_json({"error": error}, refusal.status, **{"Request-Id": f"req_{secrets.token_hex(7)}"})

    def _route(self, request: Request) -> Answer | None:
        for method, pattern, _submits, handler in self._routes:
            match = pattern.match(request.path)
            if method == request.method and match:
                found: Answer = handler(self, request, match)
                return found
        return None


def _each(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [one for one in value if isinstance(one, dict)]
    return [value] if isinstance(value, dict) else []
