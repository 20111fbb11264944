"""Who uses an asset: workflows and runs lie above assets, so they register what they know here, in ``apps.py``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, TypedDict
from uuid import UUID


class Usage(TypedDict):
    """One place that uses an asset. ``url`` is a page of ours."""

    kind: Literal["workflow", "run", "generation"]
    id: str
    title: str
    url: str


# Asked once per page with all its assets, so that a list costs the same number of queries at any length.
UsageProvider = Callable[[UUID, Sequence[UUID]], Mapping[UUID, Iterable[Usage]]]
usage_providers: list[UsageProvider] = []


def usages_of(workspace_id: UUID, asset_ids: Sequence[UUID]) -> dict[UUID, list[Usage]]:
    """Every known use of each asset; assets without one map to an empty list."""
    found: dict[UUID, list[Usage]] = {asset_id: [] for asset_id in asset_ids}
    for provider in usage_providers if asset_ids else ():
        for asset_id, usages in provider(workspace_id, asset_ids).items():
            found.setdefault(asset_id, []).extend(usages)
    return found


# Assets carry a project's id but lie below projects, who answer here whether a workspace has such a project.
ProjectCheck = Callable[[UUID, UUID], bool]
project_checks: list[ProjectCheck] = []


def project_known(workspace_id: UUID, project_id: UUID) -> bool:
    """Whether everybody who knows projects knows this one."""
    return all(check(workspace_id, project_id) for check in project_checks)
