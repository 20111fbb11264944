from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget

from apps.common.money import MICRO


class GrantForm(forms.Form):
    """Credits for a workspace. ``once`` is of the rendered form, so that a double click grants once."""

    amount = forms.DecimalField(
        label=_("Credits"),
        max_digits=15,
        decimal_places=6,
        min_value=Decimal("0.000001"),
        max_value=Decimal(1_000_000_000),
        widget=UnfoldAdminDecimalFieldWidget,
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=300,
        help_text=_("The members of the workspace read it in their ledger."),
        widget=UnfoldAdminTextInputWidget,
    )
    once = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def micro(self) -> int:
        """The amount in micro-credits."""
        return int(self.cleaned_data["amount"] * MICRO)
