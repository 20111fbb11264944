"""Forms of a person's own pages."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """The name others see."""

    class Meta:
        model = User
        fields = ("name",)
        labels = {"name": _("Your name")}
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name", "required": True})}

    def clean_name(self) -> str:
        """A name is not only spaces."""
        name: str = self.cleaned_data["name"].strip()
        if not name:
            raise forms.ValidationError(_("Enter the name that others should see."))
        return name
