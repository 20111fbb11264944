"""What the audit log calls the values that an act changed, for people. Exports and API keep them as they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.conf import settings
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.money import MICRO, credits_text, money_text
from apps.workspaces.models import Role, TokenScope
from apps.workspaces.plans import PlanName

# By the name an entry keeps; others are shown by that name, without its underscores.
FIELDS = {
    "active": gettext_lazy("In force"),
    "acts_as": gettext_lazy("Acts as"),
    "alerts": gettext_lazy("Alerts at"),
    "allowed": gettext_lazy("Allowed"),
    "amount": gettext_lazy("Amount"),
    "base_url": gettext_lazy("Address of the provider"),
    "clawed_back": gettext_lazy("Taken back"),
    "client_id": gettext_lazy("Client ID"),
    "credits": gettext_lazy("Credits"),
    "currency": gettext_lazy("Currency"),
    "days": gettext_lazy("Good for"),
    "decision": gettext_lazy("Answer"),
    "description": gettext_lazy("Description"),
    "dispute": gettext_lazy("Dispute"),
    "enabled": gettext_lazy("On"),
    "erase_at": gettext_lazy("Is erased on"),
    "expires_at": gettext_lazy("Good until"),
    "format": gettext_lazy("Format"),
    "frozen": gettext_lazy("Set aside"),
    "hint": gettext_lazy("Begins with"),
    "how": gettext_lazy("Answered by"),
    "issuer": gettext_lazy("Issuer"),
    "item": gettext_lazy("Item"),
    "limit": gettext_lazy("Limit"),
    "method": gettext_lazy("Payment method"),
    "model": gettext_lazy("Model"),
    "monthly_cap": gettext_lazy("At most a month"),
    "name": gettext_lazy("Name"),
    "on": gettext_lazy("On"),
    "partition": gettext_lazy("Part of the dataset"),
    "period": gettext_lazy("Counts"),
    "person": gettext_lazy("Person"),
    "plan": gettext_lazy("Plan"),
    "private": gettext_lazy("Private"),
    "project": gettext_lazy("Project"),
    "provider": gettext_lazy("Provider"),
    "reason": gettext_lazy("Reason"),
    "required": gettext_lazy("Required of members"),
    "role": gettext_lazy("Role"),
    "rows": gettext_lazy("Rows"),
    "run": gettext_lazy("Run"),
    "scopes": gettext_lazy("Permissions"),
    "secret": gettext_lazy("Client secret"),
    "seq": gettext_lazy("Last edit"),
    "state": gettext_lazy("State"),
    "status": gettext_lazy("State"),
    "text": gettext_lazy("Text"),
    "threshold": gettext_lazy("When fewer can be spent than"),
    "version": gettext_lazy("Version"),
}
# What a value is called, by the name of its field.
CALLED: dict[str, Mapping[str, Any]] = {
    "role": dict(Role.choices),
    "plan": dict(PlanName.choices),
    "scopes": dict(TokenScope.choices),
    "period": {
        "day": gettext_lazy("Each day"),
        "month": gettext_lazy("Each month"),
        "total": gettext_lazy("From the beginning"),
    },
    "decision": {"approve": gettext_lazy("Approved"), "reject": gettext_lazy("Rejected")},
    "how": {"page": gettext_lazy("The page"), "api": "API", "mail": gettext_lazy("Mail")},
}
# Amounts that are credits, and those that are money. An ``amount`` is credits where staff move credits by hand.
CREDITS = ("limit", "clawed_back", "credits", "frozen", "threshold")
CREDIT_ACTS = ("credits_grant", "credits_correct")
CENTS = ("amount", "monthly_cap")
Values = Mapping[str, Any]


def field_words(name: str) -> str:
    """A field in the reader's language."""
    return str(FIELDS.get(name, name.replace("_", " ").capitalize()))


def value_words(action: str, name: str, values: Values) -> str | None:
    """A value in the reader's language; None where there was, or is, none."""
    value = values.get(name)
    if value is None:
        return None
    if isinstance(value, list):
        return ", ".join(_one(action, name, part, values) for part in value)
    return _one(action, name, value, values)


def _one(action: str, name: str, value: Any, values: Values) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int):
        return _number(action, name, value, values)
    if isinstance(value, str):
        called = CALLED.get(name, {}).get(value)
        return str(called) if called is not None else _moment(value) or value
    return json.dumps(value, ensure_ascii=False)


def _number(action: str, name: str, value: int, values: Values) -> str:
    if name in CREDITS or (name == "amount" and action in CREDIT_ACTS):
        return credits_text(value)
    if name in CENTS:
        return money_text(value, str(values.get("currency") or settings.BILLING_CURRENCY))
    unit: dict[str, Callable[[], str]] = {
        "alerts": lambda: _("%(n)s %%") % {"n": value},
        "days": lambda: _("%(count)s days") % {"count": value},
    }
    return unit[name]() if name in unit else str(value)


def _moment(text: str) -> str:
    """A time as people write it; "" for anything else."""
    try:
        found: datetime | None = parse_datetime(text) if "T" in text else None
    except ValueError:
        return ""
    return date_format(localtime(found), "DATETIME_FORMAT") if found and found.tzinfo else ""


def numbers_meant(word: str) -> list[str]:
    """How an amount that somebody read on the page stands in the log: micro-credits, cents, or itself."""
    try:
        number = Decimal(word.replace(",", ""))
    except InvalidOperation:
        return []
    if not number.is_finite():
        return []
    meant = (number * factor for factor in (MICRO, 100))
    return [str(int(one)) for one in meant if one == one.to_integral_value() and abs(one) < 10**16]


def fields_called(word: str) -> list[str]:
    """The names of the fields whose words have this one among them."""
    return [name for name in FIELDS if word.lower() in field_words(name).lower()]
