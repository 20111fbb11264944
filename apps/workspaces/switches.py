"""What staff can switch off while the site runs, everywhere or for one workspace. What nobody has touched is on.

Every process keeps the few rows in memory (apps.common.stamped), so that asking costs no query.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import structlog
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.stamped import Stamped
from apps.workspaces.audit import audit_record
from apps.workspaces.models import Switch, Workspace

log = structlog.get_logger(__name__)
PROVIDER = "provider:"


class SwitchName(models.TextChoices):
    """The switches that are always there; each provider has one more (:func:`provider_switch`)."""

    SIGN_UPS = "sign-ups", gettext_lazy("New accounts")
    PURCHASES = "purchases", gettext_lazy("Purchases")
    RUNS = "runs", gettext_lazy("New runs")
    PAID_CALLS = "paid-calls", gettext_lazy("Paid calls")


class SwitchedOff(Exception):
    """Staff have switched this off for now; the message is for whoever asked for it."""


def provider_switch(provider: str) -> str:
    """The name of a provider's switch."""
    return f"{PROVIDER}{provider}"


def switch_on(name: str, workspace_id: UUID | None = None) -> bool:
    """Whether it is on: as said for the workspace, else as said for all, else yes. No query."""
    own = _rows.get((name, workspace_id))
    return own if own is not None else _rows.get((name, None), True)


def switch_require(name: str, workspace_id: UUID | None = None) -> None:
    """SwitchedOff, with a sentence for people, unless it is on."""
    if not switch_on(name, workspace_id):
        raise SwitchedOff(_sentence(name))


def _sentence(name: str) -> str:
    if name == SwitchName.SIGN_UPS:
        return _("New accounts cannot be made at the moment. Try again later.")
    if name == SwitchName.PURCHASES:
        return _("Nothing can be bought at the moment. Nothing was charged. Try again later.")
    if name == SwitchName.RUNS:
        return _("New runs are paused at the moment. Nothing was charged. Try again later.")
    if name == SwitchName.PAID_CALLS:
        return _("Paid calls are paused at the moment. Nothing was charged. Try again later.")
    vendor = name.removeprefix(PROVIDER)
    return _("Calls to %(vendor)s are paused at the moment. Choose another model, or try again later.") % {
        "vendor": vendor
    }


@transaction.atomic
def switch_set(*, name: str, on: bool, workspace_id: UUID | None, reason: str, actor_id: UUID | None) -> Switch:
    """Switch something off or on, everywhere (``workspace_id`` None) or for one workspace. Repeatable."""
    row, _made = Switch.objects.update_or_create(
        name=name,
        workspace=workspace_id and Workspace(id=workspace_id),
        defaults={"on": on, "reason": reason, "changed_at": timezone.now(), "changed_by_id": actor_id},
    )
    _audit(row, "switch_set", {"on": on, "reason": reason}, actor_id)
    SWITCHES.changed()
    log.info("switched", action="switch_set", switch=name, on=on, workspace=str(workspace_id or ""))
    return row


@transaction.atomic
def switch_clear(*, switch: Switch, actor_id: UUID | None) -> None:
    """Forget what was said: a workspace is treated as all are then, and what was said for all is on."""
    Switch.objects.filter(id=switch.pk).delete()
    _audit(switch, "switch_clear", {}, actor_id)
    SWITCHES.changed()
    log.info("switch cleared", action="switch_clear", switch=switch.name, workspace=str(switch.workspace_id or ""))


def _audit(row: Switch, action: str, after: dict[str, Any], actor_id: UUID | None) -> None:
    """What is said of a workspace stands in its log; what is said of all, in the console's history alone."""
    if row.workspace_id is not None:
        audit_record(workspace_id=row.workspace_id, action=action, target=row.name, after=after, actor_id=actor_id)


_rows: dict[tuple[str, UUID | None], bool] = {}


def _load() -> None:
    global _rows
    found: Any = Switch.objects.values_list("name", "workspace_id", "on")
    _rows = {(name, workspace_id): on for name, workspace_id, on in found}


SWITCHES = Stamped("workspaces.switches", _load)
