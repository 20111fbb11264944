from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import uuid4

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget

from apps.common.money import MICRO
from apps.generations.models import CatalogueEntry
from apps.providers.catalogue import model_of
from apps.providers.entries import EntryInvalid


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


class CatalogueEntryForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's own takes none at run time
    """An entry that can be used, under the model's own id and version."""

    class Meta:
        model = CatalogueEntry
        fields = ("model", "version", "document", "active", "note")

    def clean(self) -> dict[str, Any]:
        """Refuse what the catalogue could not load."""
        given: dict[str, Any] = super().clean() or {}
        document = given.get("document")
        if not isinstance(document, dict):
            self.add_error("document", _("An entry is a JSON object."))
            return given
        try:
            found = model_of(document)
        except (EntryInvalid, ValueError, TypeError, KeyError) as error:
            self.add_error("document", _("This entry cannot be used: %(reason)s") % {"reason": error})
            return given
        if found.id != given.get("model") or found.version != given.get("version"):
            self.add_error("document", _("Its id and version must be those above."))
        return given
