"""allauth's forms in our words."""

from __future__ import annotations

from typing import Any

from allauth.account import forms as allauth_forms
from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User


class SignupForm(allauth_forms.SignupForm):  # type: ignore[misc]
    """A name, an address, a password."""

    name = forms.CharField(label=_("Your name"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    field_order = ("name", "email", "password1")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("E-mail address")
        # The validators explain themselves when they refuse; before that one sentence is enough.
        self.fields["password1"].help_text = _("At least 10 characters.")
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)

    def custom_signup(self, request: Any, user: User) -> None:
        """allauth calls this with the new, saved person."""
        user.name = self.cleaned_data["name"].strip()
        user.save(update_fields=["name"])


class LoginForm(allauth_forms.LoginForm):  # type: ignore[misc]
    """An address and a password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("E-mail address")
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)
