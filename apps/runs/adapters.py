"""The ports of a running node, bound to this workspace's storage and this run's journal."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.assets.models import Asset
from apps.assets.services import AssetMissing, asset_local, asset_publish, asset_ref, asset_store
from apps.common.live import poke
from apps.engine.node_types import NodeFailure, Stopped
from apps.engine.plan import PlanStep
from apps.engine.values import ASSET_KEY
from apps.runs.journal import FenceLost, Journal, events_record
from apps.runs.lease import Lease, lease_look

PROGRESS_EVERY_S = 0.25
LOG_LIMIT = 10_000
MADE_FROM_MAX = 100
# A step that sleeps inside the driver looks this often whether its run was cancelled.
LOOK_S = 0.25


def _gone() -> NodeFailure:
    return NodeFailure(_("The file is gone. Choose another one."), code="no-asset")


@contextmanager
def _gone_told() -> Iterator[None]:
    try:
        yield
    except AssetMissing as error:
        raise _gone() from error


class WorkspaceAssets:
    """Assets of one workspace, by reference."""

    def __init__(self, workspace_id: UUID, project_id: UUID | None) -> None:
        self.workspace_id = workspace_id
        self.project_id = project_id
        # What it has opened so far: that is what it makes its own files from. In order, each once.
        self._opened: dict[UUID, None] = {}

    def asset_get(self, asset_id: str) -> Mapping[str, Any]:
        """The reference of an asset; NodeFailure when it is gone or not ready."""
        try:
            asset = Asset.objects.select_related("blob").filter(id=UUID(str(asset_id)), trashed_at=None).first()
        except ValueError:
            asset = None
        if asset is None:
            raise _gone()
        if asset.state != "ready":
            raise NodeFailure(_("The file is not ready yet. Run again in a moment."), code="asset-not-ready")
        return asset_ref(asset)

    @contextmanager
    def asset_open(self, ref: Mapping[str, Any]) -> Iterator[Path]:
        """The bytes of an asset as a temporary file."""
        with ExitStack() as stack:
            with _gone_told():
                file = asset_local(workspace_id=self.workspace_id, asset_id=UUID(str(ref[ASSET_KEY])))
                path = stack.enter_context(file)
            self._opened[UUID(str(ref[ASSET_KEY]))] = None
            yield path

    def asset_save(self, path: Path, filename: str) -> Mapping[str, Any]:
        """Keep a file made by a node; answers its reference."""
        asset = asset_store(
            workspace_id=self.workspace_id,
            path=path,
            filename=filename,
            source="node",
            project_id=self.project_id,
            made_from=list(self._opened)[:MADE_FROM_MAX],
            made_in=self._run_id(),
        )
        return asset_ref(asset)

    def _run_id(self) -> UUID | None:
        """The run it belongs to, where there is one."""
        return None

    def sleep(self, seconds: float) -> None:
        """Do nothing for so long."""
        time.sleep(seconds)

    def asset_publish(self, ref: Mapping[str, Any], title: str) -> None:
        """Show an asset in the gallery."""
        with _gone_told():
            asset_publish(workspace_id=self.workspace_id, asset_id=UUID(str(ref[ASSET_KEY])), title=title)


class PreviewContext(WorkspaceAssets):
    """What a step that takes no time may ask for while a run is only planned."""

    attempt = 1

    def __init__(self, workspace_id: UUID, variables: Mapping[str, Any]) -> None:
        super().__init__(workspace_id, None)
        self.variables = variables
        self.now = timezone.now()

    def progress(self, fraction: float, message: str = "") -> None:
        """Nobody watches."""

    def log(self, message: str) -> None:
        """Nothing happened."""


class InlineContext(WorkspaceAssets):
    """What a node may ask for while it runs inside the driver; its log goes with the journal's batch."""

    def __init__(
        self,
        lease: Lease,
        step: PlanStep,
        item: int,
        attempt: int,
        now: datetime,
        variables: Mapping[str, Any],
        journal: Journal,
    ) -> None:
        super().__init__(lease.workspace_id, lease.project_id)
        self.variables = variables
        self.now = now
        self.attempt = attempt
        self._place = {"node": step.node, "item": item}
        self._journal = journal
        self._lease = lease

    def sleep(self, seconds: float) -> None:
        """Do nothing for so long; Stopped when the run is cancelled meanwhile, FenceLost when another driver has it."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, LOOK_S))
            if left > LOOK_S:
                self._look()

    def _look(self) -> None:
        look: tuple[int, datetime | None] | None = (0, None)
        with suppress(InterfaceError, OperationalError):  # what is written next will find the database gone
            look = lease_look(self._lease)
        if look is None:
            raise FenceLost(FenceLost.__doc__)
        if look[1] is not None:
            raise Stopped(Stopped.__doc__)

    def _run_id(self) -> UUID | None:
        return self._lease.run_id

    def progress(self, fraction: float, message: str = "") -> None:
        """Inline steps are over before anyone could see their progress."""

    def log(self, message: str) -> None:
        """A line of the step's log."""
        self._journal.event("step_log", timezone.now(), {**self._place, "line": message[:LOG_LIMIT]})


class LaneContext(WorkspaceAssets):
    """What a node may ask for while it runs in a lane; progress and log are events of their own."""

    def __init__(
        self,
        run_id: UUID,
        workspace_id: UUID,
        project_id: UUID | None,
        node: str,
        item: int,
        attempt: int,
        variables: Mapping[str, Any],
    ) -> None:
        super().__init__(workspace_id, project_id)
        self.run_id = run_id
        self.variables = variables
        self.now = timezone.now()
        self.attempt = attempt
        self._place = {"node": node, "item": item}
        self._told = 0.0

    def _run_id(self) -> UUID | None:
        return self.run_id

    def progress(self, fraction: float, message: str = "") -> None:
        """Tell how far the step is, at most four times a second."""
        if time.monotonic() - self._told < PROGRESS_EVERY_S:
            return
        self._told = time.monotonic()
        self._tell("step_progress", {**self._place, "progress": round(fraction, 3), "message": message[:200]})

    def log(self, message: str) -> None:
        """A line of the step's log."""
        self._tell("step_log", {**self._place, "line": message[:LOG_LIMIT]})

    def _tell(self, kind: str, body: Mapping[str, Any]) -> None:
        with transaction.atomic():
            seq = events_record(self.run_id, [(kind, body)])
            if seq is not None:
                poke(f"run.{self.run_id}", seq=seq)
