"""The scenarios that every vendor who answers at once, or is asked, must come through: one submission, no wrong charge.

Each runs the real life cycle against the vendor's contract server. What must come of it is said once, here.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from apps.assets.services import asset_ref, asset_store
from apps.billing.services import balance_get, credits_grant
from apps.generations.models import Generation, GenerationState
from apps.generations.services import generation_cancel
from apps.workspaces.models import Workspace
from tests.vendors import life
from tests.vendors.server import ContractServer

STATE = GenerationState
GRANTED = 1_000_000_000
# Long enough for the deadline of a video whose answer was lost.
TURNS = 90
# By scenario: the state at the end and the error code.
ENDS: Mapping[str, tuple[GenerationState, str]] = {
    "well": (STATE.SUCCEEDED, ""),
    "cut": (STATE.EXPIRED, "expired_unknown"),
    "unreadable": (STATE.EXPIRED, "expired_unknown"),
    "429": (STATE.SUCCEEDED, ""),
    "429-later": (STATE.SUCCEEDED, ""),
    "503": (STATE.SUCCEEDED, ""),
    "look-500": (STATE.SUCCEEDED, ""),
    "look-unreadable": (STATE.SUCCEEDED, ""),
    "position-up": (STATE.SUCCEEDED, ""),
    "expired-url": (STATE.SUCCEEDED, ""),
    "gone-url": (STATE.FAILED, "bad_output"),
    "moderated": (STATE.FAILED, "content_policy"),
    "fails": (STATE.FAILED, "failed"),
    "refused": (STATE.FAILED, "invalid"),
    "cancel-before": (STATE.CANCELLED, "cancelled"),
    "cancel-while": (STATE.CANCELLED, "cancelled"),
    "cancel-after": (STATE.SUCCEEDED, ""),
}
# A vendor that answers with the result: its 5xx is the result, and there are no jobs to look at.
AT_ONCE = {"500": (STATE.SUCCEEDED, "")}
# A vendor that takes a job: after its 5xx nobody knows whether it did.
ASKED = {"500": (STATE.EXPIRED, "expired_unknown")}
SUBMITTING = ("429", "429-later", "500", "503", "cut", "unreadable", "refused")


@dataclass
class Case:
    """One vendor's call as the scenarios make it. ``ends`` is what differs for this vendor."""

    server: ContractServer
    workspace: Workspace
    model: str
    params: Mapping[str, Any]
    inputs: Mapping[str, Any] = field(default_factory=dict)
    ends: Mapping[str, tuple[GenerationState, str]] = field(default_factory=dict)


def run(case: Case, scenario: str, monkeypatch: pytest.MonkeyPatch) -> Generation:
    """Live through the scenario and judge its end; the row, for what the vendor's test wants to see besides."""
    monkeypatch.setattr(life, "TURNS", TURNS)
    credits_grant(
        workspace_id=case.workspace.id, amount=GRANTED, reason="Test", source="test", source_id=str(case.workspace.id)
    )
    case.server.script = scenario
    with life.account(case.server):
        row = life.begin(case.workspace, case.model, case.params, case.inputs)
        assert balance_get(workspace_id=case.workspace.id).held == row.price_high
        row = life.live(row, monkeypatch, between=_between(case.server, scenario))
    judge(case, scenario, row)
    return row


def judge(case: Case, scenario: str, row: Generation) -> None:
    """State, charge, hold, and never two jobs."""
    state, code = {**ENDS, **case.ends}[scenario]
    assert (row.state, row.error_code) == (state, code), row.error
    balance = balance_get(workspace_id=case.workspace.id)
    charged = row.cost if state == STATE.SUCCEEDED else 0
    assert (GRANTED - balance.posted, balance.held) == (charged, 0)
    assert charged <= row.price_high
    assert (charged > 0) == (state == STATE.SUCCEEDED and row.price_high > 0)
    assert len(case.server.jobs) <= 1, "two jobs for one generation"
    assert len(case.server.submitted) == {"cancel-before": 0, "429": 2, "429-later": 2, "503": 2}.get(
        scenario, 2 if scenario == "500" and state == STATE.SUCCEEDED else 1
    )
    assert "test-key" not in f"{row.error} {row.error_detail} {row.provider_urls} {row.delivery}"


def _between(server: ContractServer, scenario: str) -> Callable[[Generation, int], None]:
    def between(row: Generation, turn: int) -> None:
        if scenario in ("429", "429-later", "500", "503") and server.submitted:
            server.script = ""
        # The first turn submits and looks once; a job that is wanted later is kept going until the cancel.
        if (scenario, turn) in (("cancel-before", 0), ("cancel-while", 2), ("cancel-pending", 2)):
            generation_cancel(workspace_id=row.workspace_id, generation_id=row.id)
        if scenario == "cancel-after" and any(job.state == "done" for job in server.jobs.values()):
            generation_cancel(workspace_id=row.workspace_id, generation_id=row.id)

    return between


def picture_input(workspace: Workspace, folder: Path) -> dict[str, Any]:
    """A picture in the workspace, as a reference."""
    path = folder / "in.png"
    path.write_bytes(png())
    return asset_ref(asset_store(workspace_id=workspace.id, path=path, filename="in.png", source="upload"))


def video_input(workspace: Workspace, folder: Path) -> dict[str, Any]:
    """A video in the workspace, as a reference."""
    path = folder / "in.mp4"
    path.write_bytes(mp4())
    return asset_ref(asset_store(workspace_id=workspace.id, path=path, filename="in.mp4", source="upload"))


@cache
def png() -> bytes:
    """A real picture."""
    stream = io.BytesIO()
    Image.new("RGB", (32, 24), "teal").save(stream, "PNG")
    return stream.getvalue()


@cache
def mp4() -> bytes:
    """A real video of half a second."""
    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=24)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for number in range(12):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number * 20, np.uint8), format="rgb24")
            container.mux(video.encode(frame))
        container.mux(video.encode())
    return stream.getvalue()
