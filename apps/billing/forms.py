from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.billing.models import TransactionKind
from apps.billing.statement import LineFilter


class LineFilterForm(forms.Form):
    """What of the ledger to show. Everything is optional."""

    kind = forms.ChoiceField(label=_("Kind"), required=False, choices=[("", _("Everything")), *TransactionKind.choices])
    words = forms.CharField(label=_("Description contains"), required=False, max_length=100)
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    run = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        """A range the wrong way round is said, not shown as an empty ledger."""
        given: dict[str, Any] = super().clean() or {}
        if given.get("since") and given.get("until") and given["since"] > given["until"]:
            self.add_error("until", _("This day lies before the first one."))
        return given

    def chosen(self) -> LineFilter:
        """The filter; of an invalid form, nothing is filtered by the field that is wrong."""
        self.is_valid()
        given = self.cleaned_data
        return LineFilter(
            kind=given.get("kind", ""),
            words=given.get("words", ""),
            run_id=given.get("run"),
            since=given.get("since"),
            until=given.get("until"),
        )
