"""A person decides: the run sleeps in the database until somebody approves or rejects, or the time is up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from apps.engine.node_types import Effect, Lane, NodeContext, NodeType, Port, WaitUntil
from apps.engine.types import PortType
from apps.nodes.flow.wait import MAX_SECONDS
from apps.wording import gettext as _
from apps.wording import ngettext

ROLES = ("editor", "admin", "owner")
MAX_APPROVERS = 20
_ADDRESS = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]{1,190}\.[^@\s,;<>\"]{1,63}")


def check(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each approver is an e-mail address or a role."""
    approvers = params.get("approvers")
    for approver in approvers if isinstance(approvers, list) else ():
        if approver not in ROLES and not _ADDRESS.fullmatch(approver):
            return [("approvers", _("An approver is an e-mail address, or one of: editor, admin, owner."))]
    return []


def run(context: NodeContext, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> WaitUntil:
    """Ask, and say what comes out when nobody answers in time."""
    at = context.now + timedelta(seconds=params["timeout_s"])
    decision = {"decision": "timeout", "who": None, "when": at.isoformat(), "comment": "", "how": "timeout"}
    approvers = [approver if approver in ROLES else approver.lower() for approver in params["approvers"]]
    request = {"kind": "approval", "message": params["message"], "approvers": list(dict.fromkeys(approvers))}
    return WaitUntil(at, {"timeout": inputs["value"], "decision": decision}, request)


def would(inputs: Mapping[str, Any], params: Mapping[str, Any]) -> str:
    """Whom it would ask."""
    named = [approver for approver in params["approvers"] if approver not in ROLES]
    roles = len(params["approvers"]) - len(named)
    if not named and not roles:
        return _("It would ask the editors of the workspace for approval.")
    if not named:
        return _("It would ask %(who)s of the workspace for approval.", who=", ".join(params["approvers"]))
    more = len(named) + roles - 3
    who = ", ".join(params["approvers"][:3])
    if more > 0:
        who = ngettext("%(who)s and %(count)s more", "%(who)s and %(count)s more", more, who=who)
    return _("It would ask %(who)s for approval.", who=who)


NODE = NodeType(
    type="flow.approval",
    version=1,
    title="Approval",
    category="flow",
    description="Asks people to approve or reject the value, on a page, by mail or by API. Waiting costs nothing.",
    effect=Effect.WAIT,
    lane=Lane.INLINE,
    icon="user-check",
    run=run,
    check=check,
    would=would,
    inputs=(Port("value", PortType.ANY, "Value"),),
    outputs=(
        Port("approved", PortType.ANY, "Approved"),
        Port("rejected", PortType.ANY, "Rejected"),
        Port("timeout", PortType.ANY, "Nobody answered"),
        Port("decision", PortType.JSON, "Decision"),
    ),
    params={
        "properties": {
            "message": {
                "type": "string",
                "title": "Question",
                "description": "The question for the approvers.",
                "format": "multiline",
                "default": "",
                "maxLength": 4000,
                "x-primary": True,
            },
            "approvers": {
                "type": "array",
                "title": "Approvers",
                "description": "E-mail addresses, or roles: editor, admin, owner. Empty: every editor.",
                "items": {"type": "string", "maxLength": 254},
                "default": [],
                "maxItems": MAX_APPROVERS,
            },
            "timeout_s": {
                "type": "number",
                "title": "Time to answer, seconds",
                "description": "After that, the value leaves at “Nobody answered”.",
                "minimum": 1,
                "maximum": MAX_SECONDS,
                "default": 7 * 24 * 3600,
            },
        }
    },
)
