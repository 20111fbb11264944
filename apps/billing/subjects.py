"""What spending and budgets are about, by name. Projects and workflows lie above: they register here in ``apps.py``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import User
from apps.billing.models import Budget, BudgetScope
from apps.workspaces.models import ApiToken, Membership

Names = Mapping[UUID, str]


class Subjects(NamedTuple):
    """``names`` of a workspace's ids, those in the trash included; ``choices`` are what a budget can be made for."""

    names: Callable[[UUID, Collection[UUID]], Names]
    choices: Callable[[UUID], Names]


def _member_names(workspace_id: UUID, ids: Collection[UUID]) -> Names:
    people = User.objects.filter(id__in=ids)
    return {person.id: person.get_full_name() for person in people}


def _member_choices(workspace_id: UUID) -> Names:
    members = Membership.objects.filter(workspace_id=workspace_id).select_related("user")
    return {one.user_id: _person(one.user) for one in members.order_by("user__email")}


def _person(user: User) -> str:
    """A service account's address is made up, and tells nobody anything."""
    return user.get_full_name() if user.is_service else f"{user.get_full_name()} ({user.email})"


def _token_names(workspace_id: UUID, ids: Collection[UUID]) -> Names:
    return dict(ApiToken.objects.for_workspace(workspace_id).filter(id__in=ids).values_list("id", "name"))


def _token_choices(workspace_id: UUID) -> Names:
    tokens = ApiToken.objects.for_workspace(workspace_id).filter(revoked_at=None)
    return dict(tokens.order_by("name").values_list("id", "name"))


subjects: dict[str, Subjects] = {
    BudgetScope.MEMBER: Subjects(_member_names, _member_choices),
    BudgetScope.TOKEN: Subjects(_token_names, _token_choices),
}

_GONE = {
    "project": gettext_lazy("Deleted project"),
    "member": gettext_lazy("Deleted person"),
    "workflow": gettext_lazy("Deleted workflow"),
    "token": gettext_lazy("Deleted token"),
}
_NONE = {
    "project": gettext_lazy("Without a project"),
    "member": gettext_lazy("Nobody in particular"),
    "workflow": gettext_lazy("Without a workflow"),
    "token": gettext_lazy("Without a token"),
    "model": gettext_lazy("Unknown model"),
}


def subject_names(workspace_id: UUID, kind: str, keys: Collection[str]) -> dict[str, str]:
    """What people call each key of ``Spending.subject``, in one query; a name for what is gone or was never known."""
    source = subjects.get(kind)
    known = source.names(workspace_id, [UUID(key) for key in keys if key]) if source else {}
    named = {str(key): name for key, name in known.items()}
    gone = _GONE.get(kind)
    return {key: named.get(key) or (str(gone) if gone else key) if key else str(_NONE.get(kind, "")) for key in keys}


def subject_choices(workspace_id: UUID, scope: str) -> Names:
    """What a budget of this scope can be about."""
    source = subjects.get(scope)
    return source.choices(workspace_id) if source else {}


def scope_title(scope: str, name: str) -> str:
    """ "Project Film"; the workspace and each run need no name."""
    titles = {
        "workspace": _("Whole workspace"),
        "project": _("Project %(name)s"),
        "member": _("Member %(name)s"),
        "workflow": _("Workflow %(name)s"),
        "token": _("API token %(name)s"),
        "run": _("Each run"),
    }
    return titles[scope] % {"name": name} if "%(name)s" in titles[scope] else titles[scope]


def budget_title(budget: Budget, name: str = "") -> str:
    """A budget as people call it: "Project Film, this month". Without ``name`` it is looked up."""
    if not name and budget.target_id is not None:
        key = str(budget.target_id)
        name = subject_names(budget.workspace_id, budget.scope, [key])[key]
    title = scope_title(budget.scope, name)
    if budget.period == "day":
        return _("%(scope)s, today") % {"scope": title}
    return _("%(scope)s, this month") % {"scope": title} if budget.period == "month" else title
