"""What a page offers while a workspace has no workflow yet: something to begin with that runs."""

from __future__ import annotations

from typing import Any

from django import template

from apps.projects.listing import workflows_shown
from apps.projects.starters import STARTERS, Starter
from apps.workspaces.models import Role

register = template.Library()


@register.simple_tag
def workspace_is_new() -> bool:
    """Whether the workspace of this request has no workflow."""
    return not workflows_shown().exists()


@register.simple_tag(takes_context=True)
def starters_offered(context: dict[str, Any]) -> list[Starter]:
    """The templates this member may begin with; none for those who only look."""
    membership = context["request"].membership
    return list(STARTERS.values()) if Role(membership.role).includes(Role.EDITOR) else []
