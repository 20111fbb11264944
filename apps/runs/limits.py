"""What a workspace has used of its limits now: the buckets of requests, and what is under way against each cap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from apps.common.buckets import Level, LimiterDown, buckets_take
from apps.generations.execution.claims import flying_count
from apps.generations.models import Generation, GenerationState
from apps.runs.admission import runs_busy
from apps.runs.models import Run, RunState
from apps.workspaces.limits import request_buckets
from apps.workspaces.models import ApiToken, Workspace
from apps.workspaces.plans import PLANS, Plan, PlanName


@dataclass(frozen=True)
class Fill:
    """A bucket now: ``remaining`` of ``burst`` requests, ``rate`` more each second."""

    name: str
    label: str
    remaining: int
    burst: int
    rate: float
    full_in_s: int

    @property
    def part(self) -> float:
        """How full it is, 0 to 1."""
        return self.remaining / self.burst


@dataclass(frozen=True)
class Use:
    """A cap: ``used`` of ``most`` are under way, ``waiting`` have no place yet."""

    name: str
    label: str
    used: int
    most: int
    waiting: int

    @property
    def part(self) -> float:
        """How much of it is taken, 0 to 1."""
        return min(1.0, self.used / self.most)


@dataclass(frozen=True)
class Limits:
    """``buckets`` is None while nobody can say what is in them."""

    plan: Plan
    buckets: list[Fill] | None
    caps: list[Use]


def limits_of(workspace: Workspace, *, person_id: UUID, token: ApiToken | None = None) -> Limits:
    """The limits that a request of this person would meet. Looking takes nothing."""
    plan = PLANS[PlanName(workspace.plan)]
    shared = request_buckets(workspace, person_id=person_id, token=token, more="starts")
    uploads = request_buckets(workspace, person_id=person_id, more="uploads")[-1:]
    try:
        levels = buckets_take([*shared, *uploads], tokens=0).levels
        buckets = [_fill(level) for level in levels]
    except LimiterDown:
        buckets = None
    return Limits(plan, buckets, _caps(workspace, plan))


def _caps(workspace: Workspace, plan: Plan) -> list[Use]:
    pending = Run.objects.for_workspace(workspace.id).filter(state=RunState.PENDING, parent=None, lease_until=None)
    prepared = Generation.objects.for_workspace(workspace.id).filter(state=GenerationState.PREPARED)
    return [
        Use("runs", _("Runs under way"), runs_busy(workspace), plan.runs, pending.count()),
        Use("generations", _("Calls to providers"), flying_count(workspace.id), plan.generations, prepared.count()),
    ]


def _fill(level: Level) -> Fill:
    labels: dict[str, Any] = {
        "workspace": _("All requests of this workspace"),
        "person": _("Your requests"),
        "token": _("Requests with this token"),
        "starts": _("Starts of runs and generations"),
        "uploads": _("Uploads"),
    }
    one = level.bucket
    remaining = max(0, level.remaining)
    return Fill(one.name, labels[one.name], remaining, one.burst, round(one.rate, 3), max(0, level.full_in_s))
