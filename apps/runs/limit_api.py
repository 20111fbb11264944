"""The caller's limits over the API."""

from __future__ import annotations

from typing import Any

from ninja import Router, Schema

from apps.runs.limits import limits_of
from apps.workspaces.access import ApiRequest
from apps.workspaces.auth import api_auth

router = Router(tags=["workspaces"])


class BucketOut(Schema):
    """``remaining`` of ``burst`` requests are left; ``rate`` more come each second, until it is full."""

    name: str
    remaining: int
    burst: int
    rate: float
    full_in_s: int


class CapOut(Schema):
    """``used`` of ``most`` are under way; ``waiting`` have no place yet and begin when one is free."""

    name: str
    used: int
    most: int
    waiting: int


class LimitsOut(Schema):
    """``buckets`` is null while they cannot be read."""

    plan: str
    buckets: list[BucketOut] | None
    caps: list[CapOut]


@router.get("/limits", auth=api_auth("read"), response=LimitsOut)
def limits(request: ApiRequest) -> Any:
    """What the workspace's plan allows, and what is used of it now. Asking costs one request."""
    found = limits_of(request.workspace, person_id=request.user.id, token=request.token)
    return {"plan": found.plan.name.value, "buckets": found.buckets, "caps": found.caps}
