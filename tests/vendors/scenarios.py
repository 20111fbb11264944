"""The scripted faults every vendor goes through, from the POST to the money: one submission, however it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from apps.billing.services import balance_get, credits_grant
from apps.generations.adapters import webhook_url
from apps.generations.models import Generation, GenerationState
from apps.generations.services import generation_cancel
from apps.workspaces.models import Workspace
from tests.vendors.life import account, begin, live
from tests.vendors.server import Answer, ContractServer, Job, Request

GRANTED = 1_000_000_000
STATE = GenerationState
# How each ends: its state, and the code of its error where it has one.
ENDS: dict[str, tuple[GenerationState, str]] = {
    "well": (STATE.SUCCEEDED, ""),
    "cut": (STATE.EXPIRED, "expired_unknown"),
    "429": (STATE.SUCCEEDED, ""),
    "429-later": (STATE.SUCCEEDED, ""),
    "500": (STATE.EXPIRED, "expired_unknown"),
    "502": (STATE.EXPIRED, "expired_unknown"),
    "503": (STATE.SUCCEEDED, ""),
    "unreadable-submit": (STATE.EXPIRED, "expired_unknown"),
    "unreadable": (STATE.SUCCEEDED, ""),
    "poll-5xx": (STATE.SUCCEEDED, ""),
    "queue-climbs": (STATE.SUCCEEDED, ""),
    "expired": (STATE.FAILED, "bad_output"),
    "moderated": (STATE.FAILED, "content_policy"),
    "refused-by-policy": (STATE.FAILED, "content_policy"),
    "fails": (STATE.FAILED, "failed"),
    "gone": (STATE.FAILED, "not_found"),
    "cancel-before": (STATE.CANCELLED, "cancelled"),
    "cancel-while": (STATE.CANCELLED, "cancelled"),
    "cancel-after": (STATE.SUCCEEDED, ""),
    "webhook-first": (STATE.SUCCEEDED, ""),
    "webhook-twice": (STATE.SUCCEEDED, ""),
    "webhook-stale": (STATE.SUCCEEDED, ""),
    "webhook-future": (STATE.SUCCEEDED, ""),
    "webhook-forged": (STATE.SUCCEEDED, ""),
}
WEBHOOKS = {"webhook-twice": (0.0, 202), "webhook-stale": (-310.0, 404), "webhook-future": (310.0, 404)}
# These are over before a POST, or every POST of theirs was refused.
NOTHING_ACCEPTED = frozenset({"cancel-before", "refused-by-policy"})
# A refusal that passes: the same is asked for again.
AGAIN = ("429", "429-later", "503")
CUT = Answer(200, b"<html>Something went wrong</html>", "text/html")


class PlayedServer(ContractServer):
    """A contract server that can be told how the looks at a job go, and that signs webhooks.

    ``looks``: answers given to the next looks instead of the true ones: a status, or "unreadable".
    """

    def __init__(self) -> None:
        super().__init__()
        self.looks: list[str] = []
        self.when_accepted: Callable[[Job], None] = lambda _job: None

    def accept(self, request: Request, asked: Any) -> Job:
        """Keep a job."""
        job = Job(f"{self.name}-job-{len(self.jobs) + 1}", asked)
        self.jobs[job.id] = job
        self.when_accepted(job)
        return job

    def fault(self) -> Answer | None:
        """What the next look is answered instead of the truth."""
        told = self.looks.pop(0) if self.looks else ""
        if not told:
            return None
        return CUT if told == "unreadable" else self.refusal(int(told), "Something is wrong here.")

    def is_done(self, job: Job) -> bool:
        """Count a look; whether the job is done by now."""
        job.looks += 1
        return self.script != "never" and job.looks > self.done_after

    def asked(self, name: str) -> Any:
        """What the first accepted order says."""
        return next(iter(self.jobs.values())).asked.get(name)

    def webhook(self, job: Job, *, at: float) -> tuple[bytes, Mapping[str, str]]:
        """Body and headers of a genuine webhook about a job."""
        raise NotImplementedError


def scenarios(names: Iterable[str]) -> Any:
    """The marker of a vendor's matrix. A webhook during our POST comes in by a connection of its own."""
    marked = [pytest.param(name, marks=pytest.mark.django_db(transaction=name == "webhook-first")) for name in names]
    return pytest.mark.parametrize("scenario", marked)


@dataclass
class Play:
    """One scenario with one vendor.

    ``ends`` lays over what is usual where a vendor differs, ``again`` are scenarios it may be asked in once more, and
    ``stops`` is False where it cannot cancel.
    """

    server: PlayedServer
    workspace: Workspace
    monkeypatch: pytest.MonkeyPatch
    model: str
    params: Mapping[str, Any]
    inputs: Mapping[str, Any] | None = None
    ends: Mapping[str, tuple[GenerationState, str]] = field(default_factory=dict)
    again: tuple[str, ...] = ()
    stops: bool = True

    def run(self, scenario: str) -> Generation:
        """Play it, and check what is true of each: the end, the money, and one accepted submission at most."""
        credits_grant(
            workspace_id=self.workspace.id, amount=GRANTED, reason="Test", source="test", source_id=self.server.name
        )
        self.monkeypatch.setattr(settings, "WEBHOOK_URL", "https://mill.example")
        self._prepare(scenario)
        with account(self.server):
            row = begin(self.workspace, self.model, self.params, self.inputs)
            if scenario == "cancel-before":
                generation_cancel(workspace_id=row.workspace_id, generation_id=row.id)
            if scenario == "webhook-first":
                self.server.when_accepted = lambda job: self._call(row, job, 0.0, 202, elsewhere=True)
            row = live(row, self.monkeypatch, between=lambda row, turn: self._between(scenario, row, turn))
        self._check(scenario, row)
        return row

    def _prepare(self, scenario: str) -> None:
        faults = {"poll-5xx": ["500", "503"], "unreadable": ["unreadable", "unreadable"]}
        self.server.looks = list(faults.get(scenario, ()))
        played = scenario not in faults and not scenario.startswith(("webhook", "cancel")) and scenario != "well"
        self.server.script = scenario if played else ""
        if scenario == "cancel-while" and self.stops:
            self.server.script = "never"
        self.server.done_after = 4 if scenario.startswith("webhook") or scenario == "queue-climbs" else 1

    def _between(self, scenario: str, row: Generation, turn: int) -> None:
        if turn == 1 and scenario in (*AGAIN, *self.again):
            assert row.state == STATE.PREPARED
            self.server.script = ""
        job = next(iter(self.server.jobs.values()), None)
        if turn != 1 or job is None:
            return
        if scenario == "cancel-after":
            job.looks = self.server.done_after + 1
        if scenario in ("cancel-while", "cancel-after"):
            generation_cancel(workspace_id=row.workspace_id, generation_id=row.id)
        if scenario == "webhook-forged":
            self._call(row, job, 0.0, 404, forged=True)
        if scenario in WEBHOOKS:
            off, status = WEBHOOKS[scenario]
            for _ in range(2):
                self._call(row, job, off, status)

    def _call(
        self, row: Generation, job: Job, off: float, status: int, *, forged: bool = False, elsewhere: bool = False
    ) -> None:
        body, headers = self.server.webhook(job, at=time.time() + off)
        body = body.replace(b"{", b"{ ", 1) if forged else body
        path = urlsplit(webhook_url(self.server.name, row.id)).path
        answer = Client().post(path, body, content_type="application/json", headers=dict(headers))
        if elsewhere:
            connection.close()
        assert answer.status_code == status

    def _check(self, scenario: str, row: Generation) -> None:
        state, code = {**ENDS, **self.ends}[scenario]
        said = f"{scenario}: {row.state} {row.error_code} {row.error_detail}"
        assert (row.state, row.error_code) == (state, code), said
        balance = balance_get(workspace_id=self.workspace.id)
        charged = row.cost if state == STATE.SUCCEEDED else 0
        assert (balance.posted, balance.held) == (GRANTED - (charged or 0), 0), said
        assert bool(charged) == (state == STATE.SUCCEEDED), said
        assert len(self.server.jobs) <= (0 if scenario in NOTHING_ACCEPTED else 1), said
        assert len(self.server.submitted) <= (2 if scenario in (*AGAIN, *self.again) else 1), said
