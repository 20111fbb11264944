"""Reads for the pages: lists with what their rows show, in a number of queries that does not grow with rows."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from apps.projects.models import Project, Workflow


def projects_shown(words: str = "") -> QuerySet[Project]:
    """Live projects, each with ``workflow_count`` and its newest drawn workflow as ``cover_id`` and ``cover_seq``."""
    newest = Workflow.objects.filter(project=OuterRef("id"), trashed_at=None, last_seq__gt=0).order_by(
        "-active_at", "-id"
    )
    rows: QuerySet[Project] = Project.objects.filter(Project.LIVE).annotate(
        workflow_count=Count("workflows", filter=Q(workflows__trashed_at=None)),
        cover_id=Subquery(newest.values("id")[:1]),
        cover_seq=Subquery(newest.values("last_seq")[:1]),
    )
    return rows.filter(name__icontains=words) if words else rows


def workflows_shown(words: str = "", **exact: Any) -> QuerySet[Workflow]:
    """Live workflows without their graphs, each with its project."""
    rows: QuerySet[Workflow] = Workflow.objects.filter(Workflow.LIVE, **exact).select_related("project")
    rows = rows.defer(Workflow.HEAVY)
    return rows.filter(name__icontains=words) if words else rows


def workflows_trashed() -> QuerySet[Workflow]:
    """Workflows that lie in the trash by themselves; those of a trashed project come back with it."""
    rows: QuerySet[Workflow] = Workflow.objects.filter(trashed_at__isnull=False, project__trashed_at=None)
    return rows.select_related("project").defer(Workflow.HEAVY)


def projects_trashed() -> QuerySet[Project]:
    """Projects in the trash."""
    rows: QuerySet[Project] = Project.objects.filter(trashed_at__isnull=False)
    return rows
