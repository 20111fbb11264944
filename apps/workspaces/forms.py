"""Forms of the workspace's settings."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.workspaces.models import Role, TokenScope
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
