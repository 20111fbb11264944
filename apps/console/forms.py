from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import uuid4

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from apps.common.money import MICRO
from apps.console.models import Announcement
from apps.generations.models import CatalogueEntry
from apps.generations.vendors import vendor_title
from apps.providers.catalogue import MODELS, model_of
from apps.providers.entries import EntryInvalid
from apps.workspaces.models import Switch
from apps.workspaces.plans import PlanName
from apps.workspaces.switches import SwitchName, provider_switch


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


class CorrectForm(GrantForm):
    """More or fewer credits for a workspace, to put something right."""

    amount = forms.DecimalField(
        label=_("Credits, with a minus to take"),
        max_digits=15,
        decimal_places=6,
        min_value=Decimal(-1_000_000_000),
        max_value=Decimal(1_000_000_000),
        widget=UnfoldAdminDecimalFieldWidget,
    )

    def clean_amount(self) -> Decimal:
        """Nothing is no correction."""
        given: Decimal = self.cleaned_data["amount"]
        if not given:
            raise forms.ValidationError(_("Enter more or less than zero."))
        return given


class RefundForm(forms.Form):
    """Money that goes back to whoever paid. ``once`` is of the rendered form, so that a double click pays back once."""

    amount = forms.DecimalField(
        label=_("Amount, in the currency of the payment"),
        max_digits=12,
        decimal_places=2,
        min_value=Decimal("0.01"),
        widget=UnfoldAdminDecimalFieldWidget,
    )
    reason = forms.CharField(label=_("Reason"), max_length=300, widget=UnfoldAdminTextInputWidget)
    once = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def cents(self) -> int:
        """The amount in cents."""
        return int(self.cleaned_data["amount"] * 100)


class ReasonForm(forms.Form):
    """Why staff do something. It is kept with the act."""

    reason = forms.CharField(label=_("Reason"), max_length=300, widget=UnfoldAdminTextInputWidget)


class PlanForm(ReasonForm):
    """Another plan for a workspace."""

    plan = forms.ChoiceField(label=_("Plan"), choices=PlanName.choices, widget=UnfoldAdminSelectWidget)
    field_order = ("plan", "reason")


class SwitchForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's own takes none at run time
    """What is on or off, for whom, and why."""

    name = forms.ChoiceField(label=_("What"), widget=UnfoldAdminSelectWidget)

    class Meta:
        model = Switch
        fields = ("name", "workspace", "on", "reason")
        help_texts = {
            "workspace": _("Empty: for all. What is said of a workspace counts there, whatever is said of all."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        vendors = sorted({model.provider for model in MODELS.values()})
        providers = [(provider_switch(name), vendor_title(name)) for name in vendors]
        choices = [(_("Everything"), SwitchName.choices), (_("Calls to a provider"), providers)]
        self.fields["name"].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """One row for each pair; and nobody signs up in a workspace."""
        given: dict[str, Any] = super().clean() or {}
        if given.get("name") == SwitchName.SIGN_UPS and given.get("workspace"):
            self.add_error("workspace", _("New accounts belong to no workspace. Leave this empty."))
        others = Switch.objects.filter(name=given.get("name"), workspace=given.get("workspace"))
        if others.exclude(pk=self.instance.pk).exists():
            self.add_error("name", _("There is a switch for this already. Change that one."))
        return given


class AnnouncementForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's own takes none at run time
    """A text per language; the site's own language must have one."""

    class Meta:
        model = Announcement
        fields = ("level", "begins_at", "ends_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for code, _name in settings.LANGUAGES:
            self.fields[text_field(code)].initial = (self.instance.texts or {}).get(code, "")

    def clean(self) -> dict[str, Any]:
        """Keep the texts together; it ends after it begins."""
        given: dict[str, Any] = super().clean() or {}
        begins, ends = given.get("begins_at"), given.get("ends_at")
        if begins and ends and ends <= begins:
            self.add_error("ends_at", _("It has to end after it begins."))
        texts = {code: given.get(text_field(code), "").strip() for code, _name in settings.LANGUAGES}
        self.instance.texts = {code: text for code, text in texts.items() if text}
        return given


def text_field(code: str) -> str:
    """The form's field for a language."""
    return f"text_{code.replace('-', '_')}"


for _code, _language in settings.LANGUAGES:
    # Declared, so that the admin site knows them by name.
    AnnouncementForm.declared_fields[text_field(_code)] = AnnouncementForm.base_fields[text_field(_code)] = (
        forms.CharField(
            label=_language, required=_code == settings.LANGUAGE_CODE, max_length=300, widget=UnfoldAdminTextInputWidget
        )
    )


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
