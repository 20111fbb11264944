"""Forms of the workspace's settings."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.workspaces.audit_log import AuditFilter
from apps.workspaces.audit_words import ACTIONS
from apps.workspaces.models import Role, TokenScope
from apps.workspaces.services import TOKEN_DAYS


class NameForm(forms.Form):
    """The name of a workspace."""

    name = forms.CharField(label=_("Name"), max_length=100)


class InviteForm(forms.Form):
    """Whom to invite, as what."""

    email = forms.EmailField(
        label=_("E-mail address"),
        widget=forms.EmailInput(attrs={"autocomplete": "off", "placeholder": "ada@example.org"}),
    )
    role = forms.ChoiceField(label=_("Role"))

    def __init__(self, *args: Any, roles: list[Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [(role.value, role.label) for role in roles]  # type: ignore[attr-defined]
        self.fields["role"].initial = Role.EDITOR.value


class TokenForm(forms.Form):
    """A new API token."""

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("Where it will be used, so that you know it again.")
    )
    scopes = forms.MultipleChoiceField(
        label=_("Permissions"), choices=TokenScope.choices, widget=forms.CheckboxSelectMultiple, initial=["read"]
    )
    days = forms.TypedChoiceField(label=_("Expires in"), coerce=int, initial=30)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        days = [(count, _("%(count)s days") % {"count": count}) for count in TOKEN_DAYS]
        self.fields["days"].choices = days  # type: ignore[attr-defined]


def _acts() -> list[tuple[str, Any]]:
    return [("", _("Everything")), *sorted(ACTIONS.items(), key=lambda known: str(known[1]))]


class AuditFilterForm(forms.Form):
    """What of the audit log to show. Everything is optional."""

    words = forms.CharField(label=_("Contains"), required=False, max_length=100)
    person = forms.CharField(label=_("Person"), required=False, max_length=100)
    action = forms.ChoiceField(label=_("Act"), required=False, choices=_acts)
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    target = forms.CharField(required=False, max_length=100, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        """A range the wrong way round is said, not shown as an empty log."""
        given: dict[str, Any] = super().clean() or {}
        if given.get("since") and given.get("until") and given["since"] > given["until"]:
            self.add_error("until", _("This day lies before the first one."))
        return given

    def chosen(self) -> AuditFilter:
        """The filter; of an invalid form, nothing is filtered by the field that is wrong."""
        self.is_valid()
        return AuditFilter(**{name: value for name, value in self.cleaned_data.items() if value})
