"""What pages and mails show of approvals: the question, the value, how it stands, who decided."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.assets.models import Asset
from apps.assets.services import asset_url, preview_url
from apps.common.sentences import listed
from apps.engine.states import StepState
from apps.engine.values import ASSET_KEY
from apps.runs.listing import run_titles
from apps.runs.models import APPROVAL_TYPE, STEP_EMITTED, Letter, Step
from apps.workspaces.models import Role

TEXT_SHOWN = 20_000
ASSETS_SHOWN = 12
COUNTED = 99
_APPROVED = {
    "page": gettext_lazy("Approved by %(name)s on this site."),
    "mail": gettext_lazy("Approved by %(name)s from an email link."),
    "api": gettext_lazy("Approved by %(name)s through the API."),
}
_REJECTED = {
    "page": gettext_lazy("Rejected by %(name)s on this site."),
    "mail": gettext_lazy("Rejected by %(name)s from an email link."),
    "api": gettext_lazy("Rejected by %(name)s through the API."),
}


def decision_text(decision: Any, *, comment: bool = True) -> str:
    """A decision in the reader's language, with what was remarked; "" for anything that is none of ours."""
    if not isinstance(decision, Mapping) or decision.get("how") not in (*_APPROVED, "timeout"):
        return ""
    if decision.get("decision") == "timeout":
        return _("Nobody answered in time.")
    sentences = _APPROVED if decision.get("decision") == "approve" else _REJECTED
    said = str(sentences[decision["how"]]) % {"name": (decision.get("who") or {}).get("name", "")}
    remark = str(decision.get("comment") or "")[:200] if comment else ""
    return _("%(decision)s “%(comment)s”") % {"decision": said, "comment": remark} if remark else said


@dataclass(frozen=True)
class Shown:
    """One value, ready to be looked at. ``preview`` and ``url`` are links to our storage that expire."""

    kind: str
    text: str = ""
    url: str = ""
    preview: str = ""
    name: str = ""


@dataclass(frozen=True)
class Approval:
    """One approval as it stands: ``open``, ``approved``, ``rejected``, ``timeout`` or ``cancelled``."""

    step: Step
    title: str
    workflow: str
    message: str
    approvers: tuple[str, ...]
    state: str
    until: datetime | None
    decision: Mapping[str, Any]

    @property
    def decided_at(self) -> datetime | None:
        """When it was decided, or its time was over."""
        when = self.decision.get("when")
        return parse_datetime(when) if when else self.step.finished_at

    @property
    def who(self) -> str:
        """Who decided."""
        return str((self.decision.get("who") or {}).get("name", ""))

    @property
    def asked(self) -> str:
        """Who may decide, in words."""
        if not self.approvers:
            return _("any editor")
        names = {role.value: role.label for role in Role}
        return listed(str(names.get(approver, approver)) for approver in self.approvers)

    @property
    def told(self) -> str:
        """The decision as one sentence, without what was remarked."""
        return decision_text(self.decision, comment=False)


_STATES = {
    StepState.CANCELLED.value: "cancelled",
    StepState.SKIPPED.value: "cancelled",
    StepState.FAILED.value: "cancelled",
}


def _state(step: Step) -> str:
    outputs = step.outputs or {}
    if step.state in STEP_EMITTED:
        return next((port for port in ("approved", "rejected") if port in outputs), "timeout")
    if step.state in _STATES:
        return _STATES[step.state]
    if step.run.cancel_requested_at is not None or step.run.finished_at is not None:
        return "cancelled"
    # The driver rings within a second or two; nobody can decide in between.
    return "open" if step.wake_at is None or step.wake_at > timezone.now() else "timeout"


def approval_view(step: Step) -> Approval:
    """A step that asks, or asked, for an approval. Needs ``run`` and its workflow."""
    request, state = step.request or {}, _state(step)
    decision = (step.outputs or {}).get("decision") if state in ("approved", "rejected", "timeout") else None
    return Approval(
        step,
        run_titles(step.run).get(step.node, step.node),
        step.run.workflow.name if step.run.workflow else "",
        request.get("message", ""),
        tuple(request.get("approvers") or ()),
        state,
        step.wake_at,
        decision or {},
    )


def _steps() -> QuerySet[Step]:
    found: QuerySet[Step] = Step.objects.filter(type=APPROVAL_TYPE, request__isnull=False)
    return found.select_related("run__workflow", "run__graph")


def _of_run(run_id: UUID | None) -> QuerySet[Step]:
    return _steps().filter(run_id=run_id) if run_id else _steps()


def approvals_open(run_id: UUID | None = None) -> QuerySet[Step]:
    """Approvals of the workspace in scope, or of one run, that somebody can decide now, the most pressing first."""
    waiting = _of_run(run_id).filter(state=StepState.WAITING, wake_at__gt=timezone.now())
    return waiting.filter(run__finished_at=None, run__cancel_requested_at=None).order_by("wake_at", "run_id", "item")


def approvals_past(run_id: UUID | None = None) -> QuerySet[Step]:
    """Approvals that are over, to be paged by when they began."""
    return _of_run(run_id).exclude(state=StepState.WAITING)


def approvals_count() -> int:
    """How many are open; one more than :data:`COUNTED` stands for many."""
    return len(approvals_open().values_list("position")[: COUNTED + 1])


def approval_find(run_id: UUID, node: str, item: int) -> Step | None:
    """The approval of this place; None when there is none, or none has been asked for yet."""
    return _steps().filter(run_id=run_id, node=node, item=item).first()


def letters_of(step: Step) -> list[Letter]:
    """Whom it was written to."""
    place = {"position": step.position, "item": step.item, "attempt": step.attempt}
    return list(Letter.objects.filter(run_id=step.run_id, **place).order_by("address"))


def value_shown(value: Any) -> list[Shown]:
    """A value as parts to look at: its files first, then what it says."""
    found: list[Mapping[str, Any]] = []
    _references(value, found)
    assets = Asset.objects.select_related("blob").in_bulk([ref[ASSET_KEY] for ref in found[:ASSETS_SHOWN]])
    shown = [_asset(assets.get(UUID(str(ref[ASSET_KEY])))) for ref in found[:ASSETS_SHOWN]]
    if isinstance(value, Mapping) and ASSET_KEY in value:
        return shown
    if isinstance(value, str):
        return [Shown("text", text=_cut(value))]
    if value is not None and not (isinstance(value, list) and len(found) == len(value) <= ASSETS_SHOWN):
        shown.append(Shown("json", text=_cut(json.dumps(value, ensure_ascii=False, indent=2))))
    return shown


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_SHOWN else text[:TEXT_SHOWN] + "…"


def _references(value: Any, found: list[Mapping[str, Any]]) -> None:
    if isinstance(value, Mapping):
        if isinstance(value.get(ASSET_KEY), str) and _is_id(value[ASSET_KEY]):
            found.append(value)
            return
        for part in value.values():
            _references(part, found)
    elif isinstance(value, list):
        for part in value:
            _references(part, found)


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _asset(asset: Asset | None) -> Shown:
    if asset is None or asset.blob is None or asset.trashed_at is not None:
        return Shown("gone")
    kind = asset.kind if asset.kind in ("image", "video", "audio") else "file"
    return Shown(kind, url=asset_url(asset), preview=preview_url(asset, 1024) or "", name=asset.filename)
