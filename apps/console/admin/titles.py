"""What columns are called. The models' own names are for the code, and most are of bases that many tables share."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.utils.translation import gettext_lazy as _

TITLES: dict[str, Any] = {
    "account": _("Account"),
    "active": _("In use"),
    "actor": _("Started by"),
    "actor_id": _("Person"),
    "attempts": _("Attempts"),
    "base_url": _("Address"),
    "budgeted": _("Has budgets"),
    "cancel_requested_at": _("Asked to end"),
    "changed_at": _("Changed"),
    "changed_by": _("Changed by"),
    "counts": _("Compared"),
    "created_at": _("Created"),
    "created_by": _("Created by"),
    "date_joined": _("Joined"),
    "deadline_at": _("Deadline"),
    "description": _("Description"),
    "differences": _("Differences"),
    "document": _("Document"),
    "done_at": _("Done"),
    "due_at": _("Due"),
    "email": _("E-mail address"),
    "error": _("What went wrong"),
    "error_code": _("Error code"),
    "error_detail": _("What the provider said"),
    "event_id": _("Event"),
    "finished_at": _("Finished"),
    "generation_id": _("Paid call"),
    "id": _("ID"),
    "invoice_id": _("Invoice"),
    "ip": _("IP address"),
    "kind": _("Kind"),
    "last_login": _("Last sign-in"),
    "last_opened_at": _("Last opened"),
    "last_seen_at": _("Last seen"),
    "last_seq": _("Last entry"),
    "last_used_at": _("Last used"),
    "latency_ms": _("Latency, ms"),
    "lease_until": _("Driven until"),
    "livemode": _("Real money"),
    "model": _("Model"),
    "name": _("Name"),
    "note": _("Note"),
    "object_id": _("About"),
    "on": _("On"),
    "paid_at": _("Paid on"),
    "parent": _("Part of"),
    "payment_intent_id": _("Payment"),
    "period_end": _("End of the period"),
    "plan": _("Plan"),
    "poll_after": _("Asked again"),
    "polls": _("Times asked"),
    "primary": _("Primary"),
    "project_id": _("Project"),
    "provider": _("Provider"),
    "provider_request_id": _("ID at the provider"),
    "reason": _("Reason"),
    "received_at": _("Received"),
    "role": _("Role"),
    "run_id": _("Run"),
    "seq": _("Number"),
    "session_id": _("Checkout"),
    "settled_at": _("Settled"),
    "since": _("From"),
    "slug": _("Address"),
    "source": _("Source"),
    "source_id": _("ID at the source"),
    "started_at": _("Started"),
    "state": _("State"),
    "submitted_at": _("Sent"),
    "subscription_id": _("Subscription"),
    "told_at": _("Happened"),
    "token_id": _("Token"),
    "touched_at": _("Last sign of life"),
    "tries": _("Attempts"),
    "type": _("Kind"),
    "uid": _("ID there"),
    "until": _("Until"),
    "user": _("Person"),
    "user_agent": _("Browser"),
    "verified": _("Confirmed"),
    "version": _("Version"),
    "wake_at": _("Timer"),
    "workflow": _("Workflow"),
    "workflow_id": _("Workflow"),
    "workspace": _("Workspace"),
}


def shown_fields(model_admin: Any) -> set[str]:
    """The names of the fields that a page of the console shows."""
    sets = [name for _title, options in model_admin.fieldsets or () for name in options["fields"]]
    named = model_admin.fields or sets or [field.name for field in model_admin.model._meta.fields if field.editable]
    return {*model_admin.list_display, *model_admin.readonly_fields, *named}


def titles_put() -> None:
    """Give the fields that are shown their titles. A migration notes a title of the model's own only, so none is made.

    Titles that a model has of its own, for its forms, stay.
    """
    for page in admin.site._registry.values():
        for shown in (page, *page.inlines):
            names = shown_fields(page) if shown is page else shown.fields
            for name in names:
                try:
                    field: Any = shown.model._meta.get_field(name)
                except FieldDoesNotExist:
                    continue
                if name in TITLES and not field._verbose_name:
                    field.verbose_name = TITLES[name]
