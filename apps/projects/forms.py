"""Forms of the project pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.projects.models import NAME_MAX
from apps.projects.starters import STARTERS


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


class NameForm(forms.Form):
    """A name alone, as edited in place."""

    name = forms.CharField(max_length=NAME_MAX)
