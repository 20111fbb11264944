"""Providers over the API: which can be used, how they are doing, and keys of the workspace's own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from ninja import Field, Router, Schema, Status

from apps.common.bodies import Body, Id
from apps.common.problems import Problem, not_found
from apps.generations.keys import KeyInvalid, key_revoke, key_set
from apps.generations.vendors import TITLES, VendorView, vendors_view
from apps.projects.models import Project
from apps.workspaces.access import ApiRequest
from apps.workspaces.auth import api_auth

router = Router(tags=["providers"])


class KeyIn(Body):
    """A key; ``base_url`` only for providers that people run themselves, one of the allowed addresses."""

    key: str = Field(default="", max_length=500)
    base_url: str = Field(default="", max_length=300)
    project: Id | None = None


class HealthOut(Schema):
    """By the calls that ended in the last half hour: ``unknown``, ``well``, ``shaky`` or ``ill``."""

    state: str
    calls: int
    failed: int
    last_failed_at: datetime | None


class KeyOut(Schema):
    """What can be told of a key."""

    hint: str
    base_url: str
    created_at: datetime


class ProviderOut(Schema):
    """``platform``: calls can be paid with credits. ``key``: the workspace's own, which then pays instead.

    ``removed_key_calls``: calls still under way with a key that was removed; it is erased once they have ended.
    """

    name: str
    title: str
    models: int
    platform: bool
    usable: bool
    key: KeyOut | None
    removed_key_calls: int
    health: HealthOut


class ProviderList(Schema):
    """All of them."""

    items: list[ProviderOut]
    next: str | None


@router.get("/providers", auth=api_auth("read"), response=ProviderList)
def provider_list(request: ApiRequest) -> dict[str, Any]:
    """Every provider that has models."""
    return {"items": [_shown(vendor) for vendor in vendors_view(request.workspace.id)], "next": None}


@router.put("/providers/{name}/key", auth=api_auth("keys:write"), response={204: None})
def provider_key_set(request: ApiRequest, name: str, body: KeyIn) -> Status[None]:
    """Use a key of the workspace's own (admins). The one before it is removed; it can never be read again."""
    if name not in TITLES or name == "sandbox":
        raise not_found()
    if body.project is not None and not Project.objects.filter(id=body.project).exists():
        raise not_found()
    try:
        key_set(
            workspace_id=request.workspace.id,
            provider=name,
            key=body.key,
            project_id=body.project,
            base_url=body.base_url,
            actor_id=request.user.id,
        )
    except KeyInvalid as error:
        fields = [{"field": error.field, "message": str(error)}]
        raise Problem("invalid-key", 422, _("Invalid request"), str(error), fields=fields) from error
    return Status(204, None)


@router.delete("/providers/{name}/key", auth=api_auth("keys:write"), response={204: None})
def provider_key_remove(request: ApiRequest, name: str, project: Id | None = None) -> Status[None]:
    """Stop using the workspace's key (admins), or a project's."""
    if not key_revoke(workspace_id=request.workspace.id, provider=name, project_id=project):
        raise not_found()
    return Status(204, None)


def _shown(vendor: VendorView) -> dict[str, Any]:
    key = vendor.key
    return {
        "name": vendor.name,
        "title": vendor.title,
        "models": vendor.models,
        "platform": vendor.platform,
        "usable": vendor.usable,
        "key": key and {"hint": key.hint, "base_url": key.base_url, "created_at": key.created_at},
        "removed_key_calls": vendor.removed_in_use,
        "health": {
            "state": vendor.health.state,
            "calls": vendor.health.calls,
            "failed": vendor.health.failed,
            "last_failed_at": vendor.health.last_failed_at,
        },
    }
