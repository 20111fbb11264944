"""A vendor over real HTTP, as far as its official description goes: what does not validate is refused, both ways.

A subclass has one method for each address (``@route``). What a request may be and what an answer must be is checked
with the vendor's own description or its SDK's types, so that the server cannot drift towards our adapter.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    """One request as it came. Header names are lower case."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """One answer. ``parts`` are sent one after the other, for streams."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    parts: Iterator[bytes] | None = None


def answer_json(body: Any, status: int = 200, **headers: str) -> Answer:
    """An answer of JSON."""
    return Answer(status, json.dumps(body).encode(), headers=headers)


class Refuse(Exception):
    """The server refuses a request; the answer is the vendor's own form of a refusal."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body.decode(errors="replace"))
        self.answer = answer


Handler = Callable[[Any, Request, "re.Match[str]"], Answer]


def route(method: str, pattern: str, *, submits: bool = False) -> Callable[[Handler], Handler]:
    """Make a method answer for an address. ``submits``: a call of it may cost money, so it is counted and disturbed."""

    def mark(handler: Handler) -> Handler:
        handler.route = (method, re.compile(pattern + r"\Z"), submits)  # type: ignore[attr-defined]
        return handler

    return mark


@dataclass
class Job:
    """A job as a test wants it to go on. ``looks``: how often it is asked for before it is done."""

    id: str
    asked: Any
    state: str = "queued"
    looks: int = 0
    cancelled: bool = False


class ContractServer:
    """Listens on a free port of this machine until :meth:`stop`.

    ``script`` names how the next submissions go: "" (well), "cut" (taken, and the connection cut), "429", "429-later"
    (with Retry-After), "500", "503", and what the subclass knows besides ("fails", "moderated", "slow", "expired",
    "never", …). ``done_after``: looks until a job is done.
    """

    name = ""

    def __init__(self, port: int = 0) -> None:
        self.seen: list[Request] = []
        self.submitted: list[Request] = []
        # Those of them that were taken: more than one for one generation is a duplicate.
        self.accepted: list[Request] = []
        self.jobs: dict[str, Job] = {}
        self.script = ""
        self.done_after = 1
        # What the server itself found wrong with an answer it was about to give: a mistake of the test's own.
        self.drifted: list[str] = []
        self._routes = [
            (*handler.route, handler)
            for handler in (getattr(type(self), name) for name in dir(type(self)))
            if hasattr(handler, "route")
        ]
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        """Stop listening; fails when an answer of ours did not validate."""
        self._server.shutdown()
        self._server.server_close()
        assert not self.drifted, self.drifted

    def refusal(self, status: int, message: str) -> Answer:
        """The vendor's form of a refusal with this status."""
        return answer_json({"error": {"message": message}}, status)

    def answer(self, request: Request) -> Answer | None:
        """What is answered; None cuts the connection."""
        self.seen.append(request)
        for method, pattern, submits, handler in self._routes:
            match = pattern.match(request.path)
            if method == request.method and match:
                return self._submit(handler, request, match) if submits else self._call(handler, request, match)
        return self.refusal(404, f"no such address: {request.method} {request.path}")

    def _submit(self, handler: Handler, request: Request, match: re.Match[str]) -> Answer | None:
        self.submitted.append(request)
        if self.script in ("429", "429-later"):
            said = self.refusal(429, "Too many requests.")
            later = {"Retry-After": "7"} if self.script == "429-later" else {}
            return Answer(said.status, said.body, said.content_type, {**said.headers, **later})
        if self.script in ("500", "502", "503"):
            return self.refusal(int(self.script), "Something is wrong here.")
        found = self._call(handler, request, match)
        if found.status < 300:
            self.accepted.append(request)
        return None if self.script == "cut" else found

    def _call(self, handler: Handler, request: Request, match: re.Match[str]) -> Answer:
        try:
            return handler(self, request, match)
        except Refuse as refuse:
            return refuse.answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Connection(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                address = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(length)
                found = server.answer(Request(self.command, address.path, parse_qs(address.query), headers, body))
                if found is None:
                    self.close_connection = True
                    return
                self._send(found)

            do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 (the library's names)

            def _send(self, found: Answer) -> None:
                self.send_response(found.status)
                self.send_header("Content-Type", found.content_type)
                for name, value in found.headers.items():
                    self.send_header(name, value)
                if found.parts is None:
                    self.send_header("Content-Length", str(len(found.body)))
                    self.end_headers()
                    self.wfile.write(found.body)
                    return
                self.send_header("Connection", "close")
                self.end_headers()
                self.close_connection = True
                for part in found.parts:
                    self.wfile.write(part)
                    self.wfile.flush()

            def log_message(self, *_: Any) -> None:
                """Nothing: the requests are kept."""

        return Connection


@contextmanager
def serving(server: ContractServer) -> Iterator[ContractServer]:
    """The server until the end of the block."""
    try:
        yield server
    finally:
        server.stop()
