"""allauth's forms in our words."""

from __future__ import annotations

from typing import Any

from allauth.account import forms as allauth_forms
from allauth.socialaccount import forms as social_forms
from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User

_LABELS = {
    "email": _("E-mail address"),
    "login": _("E-mail address"),
    "password1": _("New password"),
    "password2": _("New password again"),
    "oldpassword": _("Current password"),
}


class _Ours:
    """One label instead of a label and a placeholder; one sentence on passwords (the validators explain a refusal)."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label = _LABELS.get(name, field.label)
            field.widget.attrs.pop("placeholder", None)
        if "password1" in self.fields:
            self.fields["password1"].help_text = _("At least 10 characters.")


class SignupForm(_Ours, allauth_forms.SignupForm):  # type: ignore[misc]
    """A name, an address, a password."""

    name = forms.CharField(label=_("Your name"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    field_order = ("name", "email", "password1")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].label = _("Password")

    def custom_signup(self, request: Any, user: User) -> None:
        """allauth calls this with the new, saved person."""
        user.name = self.cleaned_data["name"].strip()
        user.save(update_fields=["name"])


class SocialSignupForm(_Ours, social_forms.SignupForm):  # type: ignore[misc]
    """Whoever comes from Google, GitHub or an organisation: the name and address they bring, to be corrected."""

    name = forms.CharField(label=_("Your name"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    field_order = ("name", "email")

    def custom_signup(self, request: Any, user: User) -> None:
        """allauth calls this with the new, saved person."""
        user.name = self.cleaned_data["name"].strip()
        user.save(update_fields=["name"])


class LoginForm(_Ours, allauth_forms.LoginForm):  # type: ignore[misc]
    """An address and a password."""


class AddEmailForm(_Ours, allauth_forms.AddEmailForm):  # type: ignore[misc]
    """Another address."""


class ChangePasswordForm(_Ours, allauth_forms.ChangePasswordForm):  # type: ignore[misc]
    """The old password and a new one."""


class ResetPasswordForm(_Ours, allauth_forms.ResetPasswordForm):  # type: ignore[misc]
    """The address to send the link to."""


class ResetPasswordKeyForm(_Ours, allauth_forms.ResetPasswordKeyForm):  # type: ignore[misc]
    """A new password, from the link."""
