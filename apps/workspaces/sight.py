"""What a member sees and may do where: projects lie above workspaces, and register here what they know.

Nothing registered means nothing seen: a site without projects has no project to see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.workspaces.models import Membership, Role


@dataclass(frozen=True)
class MemberReader:
    """A member as the reader of a scope (:mod:`apps.common.tenancy`)."""

    membership_id: int
    role: Role
    looks_only: bool = False

    @classmethod
    def of(cls, membership: Membership) -> MemberReader:
        """The reader that a membership is. While its workspace waits to be erased everybody may only look."""
        return cls(membership.id, Role(membership.role), membership.workspace.erase_at is not None)

    def at_most(self, role: Role) -> Role:
        """The role in a place, or what is left of it while the workspace waits to be erased."""
        return min(role, Role.VIEWER, key=lambda one: one.rank) if self.looks_only else role

    def seen(self, path: str) -> Q:
        """Rows whose project is one that this member sees; for members of the workspace also those of none."""
        return project_rules[0].seen(self, path) if project_rules else Q(pk__in=[])

    def limit(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Only what the member may see. What belongs to no project belongs to the workspace: nothing for guests."""
        paths: tuple[str, ...] = getattr(rows.model, "PROJECT", ())
        if not paths:
            return rows.none() if self.role is Role.GUEST else rows
        condition = Q()
        for path in paths:
            condition &= self.seen(path)
        return rows.filter(condition)


class ProjectRule(Protocol):
    """What the app of projects decides."""

    def seen(self, reader: MemberReader, path: str) -> Q:
        """As :meth:`MemberReader.seen`."""

    def role(self, reader: MemberReader, project_id: UUID) -> Role | None:
        """The member's role in a project; None for one they do not see."""


project_rules: list[ProjectRule] = []
# By the name of an argument in addresses: the project that a thing with this id belongs to, None for a thing of none,
# or one that the reader in scope does not see.
project_finders: dict[str, Callable[[UUID], UUID | None]] = {}


def role_in(reader: MemberReader, project_id: UUID | None) -> Role | None:
    """The member's role in a project; their role in the workspace where there is none."""
    if project_id is None:
        return reader.at_most(reader.role)
    found = project_rules[0].role(reader, project_id) if project_rules else None
    return found and reader.at_most(found)


def role_at(reader: MemberReader, arguments: Mapping[str, Any]) -> Role:
    """The member's role for the thing an address names, inside of their scope.

    Where it names none, or none that they see, it is their role in the workspace: the view then says 404.
    """
    for name in project_finders.keys() & arguments.keys():
        # What cannot be an id names nothing.
        with suppress(ValueError):
            project_id = project_finders[name](UUID(str(arguments[name])))
            if project_id is not None:
                return role_in(reader, project_id) or reader.at_most(reader.role)
    return reader.at_most(reader.role)
