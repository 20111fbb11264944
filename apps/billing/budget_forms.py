"""What is asked of a budget, in credits and words, and of the usage page."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.billing.models import AMOUNT_MAX, TARGETED, Budget, BudgetPeriod, BudgetScope
from apps.billing.subjects import subject_choices
from apps.billing.usage import BY, DAYS_MAX, Range
from apps.common.money import MICRO

PERCENT_MOST = 100


class LimitForm(forms.Form):
    """What can be changed of a budget: how much, and when to tell."""

    limit = forms.DecimalField(
        label=gettext_lazy("Limit, credits"),
        min_value=Decimal(1) / MICRO,
        max_value=Decimal(AMOUNT_MAX) / MICRO,
        decimal_places=6,
        error_messages={"min_value": gettext_lazy("A budget is at least 0.000001 credits.")},
    )
    alerts = forms.CharField(
        label=gettext_lazy("Tell by mail at, %"),
        required=False,
        max_length=60,
        help_text=gettext_lazy("Percentages with commas between. Once each per period, to the admins."),
    )

    def clean_alerts(self) -> list[int]:
        """Percentages, each once, rising."""
        words = self.cleaned_data["alerts"].replace("%", " ").replace("，", ",").replace(",", " ").split()
        if len(words) > 10 or not all(word.isdecimal() and 1 <= int(word) <= PERCENT_MOST for word in words):
            raise forms.ValidationError(_("Write up to ten whole numbers from 1 to 100, such as 50, 80, 100."))
        return sorted({int(word) for word in words})

    def micro(self) -> int:
        """The limit in micro-credits."""
        return int(self.cleaned_data["limit"] * MICRO)


class BudgetForm(LimitForm):
    """A new budget. ``about`` is a scope, with ``:id`` where that names one of several."""

    field_order = ("about", "period", "limit", "alerts")

    about = forms.ChoiceField(label=gettext_lazy("For"))
    period = forms.ChoiceField(
        label=gettext_lazy("Per"),
        choices=BudgetPeriod.choices,
        help_text=gettext_lazy("Days and months begin at midnight UTC. The budget of each run has no period."),
    )

    def __init__(self, workspace_id: UUID, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        about: Any = self.fields["about"]
        several = [(scope, subject_choices(workspace_id, scope)) for scope in TARGETED]
        about.choices = [(scope.value, scope.label) for scope in BudgetScope if scope not in TARGETED] + [
            (scope.label, [(f"{scope.value}:{key}", name) for key, name in choices.items()])
            for scope, choices in several
            if choices
        ]
        about.error_messages["invalid_choice"] = _("This is not in the workspace any more. Choose something else.")

    def values(self) -> dict[str, Any]:
        """What ``budget_create`` takes."""
        scope, _colon, target = self.cleaned_data["about"].partition(":")
        return {
            "scope": scope,
            "target_id": UUID(target) if target else None,
            "period": BudgetPeriod.TOTAL.value if scope == BudgetScope.RUN else self.cleaned_data["period"],
            "limit": self.micro(),
            "alerts": self.cleaned_data["alerts"],
        }


def limit_initial(budget: Budget) -> dict[str, Any]:
    """What stands in the form of a budget that is there."""
    limit = (Decimal(budget.limit) / MICRO).normalize()
    return {"limit": f"{limit:f}", "alerts": ", ".join(str(percent) for percent in budget.alerts)}


class UsageForm(forms.Form):
    """By what, and which days. Everything is optional: the last 30 days by day."""

    by = forms.ChoiceField(required=False, choices=list(BY.items()))
    days = forms.TypedChoiceField(required=False, choices=[(7, 7), (30, 30), (90, 90)], coerce=int, empty_value=None)
    since = forms.DateField(label=gettext_lazy("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=gettext_lazy("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def clean(self) -> dict[str, Any]:
        """A range the wrong way round, or too long to draw, is said."""
        given: dict[str, Any] = super().clean() or {}
        since, until = given.get("since"), given.get("until")
        if since and until and since > until:
            self.add_error("until", _("This day lies before the first one."))
        elif since and ((until or today()) - since).days >= DAYS_MAX:
            self.add_error("since", _("Choose at most %(days)s days.") % {"days": DAYS_MAX})
        return given

    def by_chosen(self) -> str:
        """By what; by day where that is not said, or wrong."""
        return self.cleaned_data.get("by") or "day"

    def preset(self) -> int | None:
        """Which of the offered numbers of days is shown; None for days of one's own."""
        own = self.cleaned_data.get("since") or self.cleaned_data.get("until")
        return None if own and not self.errors else self.cleaned_data.get("days") or 30

    def range(self) -> Range:
        """The days; the last 30 where the form is not valid."""
        since: date | None = self.cleaned_data.get("since")
        until: date | None = self.cleaned_data.get("until")
        if self.errors or not (since or until):
            return Range(today() - timedelta(days=(self.cleaned_data.get("days") or 30) - 1), today())
        last = until or max(since or today(), today())
        return Range(since or date.fromordinal(max(1, last.toordinal() - 29)), last)


def today() -> date:
    """The day it is in UTC, by which spending is told."""
    return datetime.now(UTC).date()
