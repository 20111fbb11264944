"""Forms of the project pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.projects.models import NAME_MAX, PROJECT_ROLES
from apps.projects.starters import STARTERS
from apps.workspaces.models import Role


class ProjectForm(forms.Form):
    """A project's name and what it is about."""

    name = forms.CharField(label=_("Name"), max_length=NAME_MAX, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    description = forms.CharField(
        label=_("Description"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )


class WorkflowForm(forms.Form):
    """A new workflow: its name, and what to begin with."""

    name = forms.CharField(label=_("Name"), max_length=NAME_MAX, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    starter = forms.ChoiceField(label=_("Begin with"), required=False, widget=forms.RadioSelect)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["starter"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", _("An empty canvas")), *((one.id, one.title) for one in STARTERS.values())]

    def graph(self) -> dict[str, Any] | None:
        """The chosen starter's graph, None for an empty canvas."""
        chosen = STARTERS.get(self.cleaned_data["starter"])
        return chosen.graph() if chosen else None


class VersionForm(forms.Form):
    """What a moment of a workflow is kept under."""

    name = forms.CharField(
        max_length=NAME_MAX,
        error_messages={
            "required": _("Give the version a name."),
            "max_length": _("A version's name may have at most %(limit_value)d characters."),
        },
    )
    note = forms.CharField(max_length=2000, required=False)


class ShareForm(forms.Form):
    """Whom to share a project with, as what."""

    emails = forms.CharField(
        label=_("People"),
        max_length=40_000,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "ada@example.org", "spellcheck": "false"}),
        help_text=_("Addresses of members or of anybody else, one to a line. Who is no member is invited."),
    )
    role = forms.ChoiceField(
        label=_("Role"), choices=[(role.value, role.label) for role in PROJECT_ROLES], initial=Role.GUEST.value
    )


class NameForm(forms.Form):
    """A name alone, as edited in place."""

    name = forms.CharField(max_length=NAME_MAX)
