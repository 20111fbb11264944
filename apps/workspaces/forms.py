"""Forms of the workspace's settings."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.workspaces.audit_log import AuditFilter
from apps.workspaces.audit_words import ACTIONS
from apps.workspaces.models import Role, SingleSignOn, TokenScope
from apps.workspaces.services import TOKEN_DAYS


class NameForm(forms.Form):
    """The name of a workspace."""

    name = forms.CharField(label=_("Name"), max_length=100)


class TypedForm(forms.Form):
    """A name that is typed again, so that nothing is deleted by mistake."""

    typed = forms.CharField(label=_("Your e-mail address"), max_length=254)


class InviteForm(forms.Form):
    """Whom to invite, as what: one address, or many."""

    emails = forms.CharField(
        label=_("E-mail addresses"),
        max_length=40_000,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "ada@example.org", "spellcheck": "false"}),
        help_text=_("One, or many: one to a line, or with commas between."),
    )
    role = forms.ChoiceField(label=_("Role"))

    def __init__(self, *args: Any, roles: list[Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [(role.value, role.label) for role in roles]  # type: ignore[attr-defined]
        self.fields["role"].initial = Role.EDITOR.value


class ServiceAccountForm(forms.Form):
    """A new service account."""

    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("What it is for, such as “Nightly reports”."))
    role = forms.ChoiceField(label=_("Role"))

    def __init__(self, *args: Any, roles: list[Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [(role.value, role.label) for role in roles]  # type: ignore[attr-defined]


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


class OrganisationForm(forms.Form):
    """Which workspace somebody wants to sign in to."""

    workspace = forms.SlugField(
        label=_("Workspace"),
        max_length=60,
        help_text=_("The last part of its address: /w/…/"),
        error_messages={"invalid": _("Only the last part of the address: letters, digits and hyphens.")},
    )


class SingleSignOnForm(forms.Form):
    """A workspace's identity provider."""

    name = forms.CharField(label=_("Name"), max_length=60, help_text=_("Stands on the button: Sign in with …"))
    issuer = forms.CharField(label=_("Issuer"), max_length=300, help_text=_("As https://login.example.org"))
    client_id = forms.CharField(label=_("Client ID"), max_length=200)
    secret = forms.CharField(
        label=_("Client secret"),
        max_length=500,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_("Kept sealed and never shown. Leave it empty to keep the one before."),
    )
    role = forms.TypedChoiceField(label=_("Whoever comes joins as"), coerce=Role)
    required = forms.BooleanField(
        label=_("Require it"),
        required=False,
        help_text=_("Members enter only through it; owners can still use their password."),
    )

    def __init__(self, *args: Any, sign_on: SingleSignOn | None, may_require: bool, **kwargs: Any) -> None:
        known = ("name", "issuer", "client_id", "role", "required")
        kwargs["initial"] = {name: getattr(sign_on, name) for name in known} if sign_on else {"role": Role.EDITOR}
        super().__init__(*args, **kwargs)
        choices = [(role.value, role.label) for role in Role if role not in (Role.GUEST, Role.OWNER)]
        self.fields["role"].choices = choices  # type: ignore[attr-defined]
        self.may_require = may_require or bool(sign_on and sign_on.required)

    def clean_required(self) -> bool:
        """Not before somebody came through it, or a mistake would lock everybody out."""
        wanted: bool = self.cleaned_data["required"]
        if wanted and not self.may_require:
            raise forms.ValidationError(_("Sign in through it once yourself; then you can require it of all."))
        return wanted


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
