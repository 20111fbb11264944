"""Forms of a person's own pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User


class SignupForm(forms.Form):
    """What Millrace asks beside allauth's e-mail and password."""

    name = forms.CharField(
        label=_("Your name"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    field_order = ("name", "email", "password1")

    def signup(self, request: Any, user: User) -> None:
        """allauth calls this with the new, saved person."""
        user.name = self.cleaned_data["name"]
        user.save(update_fields=["name"])


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """The name others see."""

    class Meta:
        model = User
        fields = ("name",)
        labels = {"name": _("Your name")}  # noqa: RUF012
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name", "required": True})}  # noqa: RUF012

    def clean_name(self) -> str:
        """A name is not only spaces."""
        name: str = self.cleaned_data["name"].strip()
        if not name:
            raise forms.ValidationError(_("Enter the name that others should see."))
        return name
