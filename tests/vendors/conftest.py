"""Counts what each vendor's server was sent, and on request writes the matrix vendor × scenario as a report.

``VENDORS_REPORT=docs/reports/vendors.md pytest tests/vendors``
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.vendors.faults import vendor_of
from tests.vendors.report import Played, report_write
from tests.vendors.server import ContractServer

PLAYED = pytest.StashKey[dict[str, Played]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[PLAYED] = {}


@pytest.fixture(autouse=True)
def counted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep how many POSTs each server of a scenario was sent and took."""
    named = vendor_of(request.node.originalname)
    servers: list[ContractServer] = []
    init = ContractServer.__init__

    def begun(server: ContractServer) -> None:
        servers.append(server)
        init(server)

    monkeypatch.setattr(ContractServer, "__init__", begun)
    yield
    if named is None:
        return
    sent = sum(len(server.submitted) for server in servers)
    taken = max((len(server.accepted) for server in servers), default=0)
    call: Any = request.node.stash.get(OUTCOME, None)
    scenario = str(request.node.callspec.params.get("scenario", ""))
    request.config.stash[PLAYED][request.node.nodeid] = Played(*named, scenario, call or "not run", sent, taken)


OUTCOME = pytest.StashKey[str]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    report: Any = yield
    if report.when == "call" or report.outcome == "skipped":
        item.stash[OUTCOME] = report.outcome
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    path = os.environ.get("VENDORS_REPORT")
    if path:
        report_write(Path(path), list(session.config.stash[PLAYED].values()))
