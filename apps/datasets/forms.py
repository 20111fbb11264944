"""The builder's form, consent and licences, an export."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.datasets.models import Dataset, Format, Licence, Partition
from apps.datasets.selection import CONSENTS, KINDS, STATES, Selection
from apps.generations.models import Generation, GenerationState
from apps.projects.models import Project
from apps.providers.catalogue import MODELS

RATINGS = (("", _("Any rating")), *((str(stars), "★" * stars) for stars in range(1, 6)))
TAGS_MAX = 20
TAG_LENGTH = 60


def tags_of(text: str) -> tuple[str, ...]:
    """Tags from a line with commas, each once; raises ValidationError."""
    tags = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if len(tags) > TAGS_MAX or any(len(tag) > TAG_LENGTH for tag in tags):
        raise forms.ValidationError(_("At most 20 tags of 60 characters each."))
    return tags


class SelectionForm(forms.Form):
    """The filter alone; what is empty means any."""

    kinds = forms.MultipleChoiceField(
        label=_("Kind"), choices=KINDS, required=False, widget=forms.CheckboxSelectMultiple
    )
    models = forms.MultipleChoiceField(
        label=_("Models"), required=False, widget=forms.SelectMultiple(attrs={"size": 5}), help_text=_("None: any.")
    )
    states = forms.MultipleChoiceField(
        label=_("State"),
        choices=[(value, label) for value, label in GenerationState.choices if value in STATES],
        required=False,
        initial=["succeeded"],
        widget=forms.CheckboxSelectMultiple,
    )
    rating = forms.TypedChoiceField(label=_("At least"), choices=RATINGS, required=False, coerce=int, empty_value=None)
    tags = forms.CharField(
        label=_("Tags"), required=False, max_length=1300, help_text=_("Separated by commas; all of them must be there.")
    )
    licences = forms.MultipleChoiceField(label=_("Licence"), required=False, widget=forms.CheckboxSelectMultiple)
    consent = forms.ChoiceField(label=_("Consent"), choices=CONSENTS, required=False, initial="any")
    project: forms.ModelChoiceField[Project] = forms.ModelChoiceField(
        label=_("Project"), queryset=None, required=False, empty_label=_("Any project")
    )
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, workspace_id: UUID, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        fields["project"].queryset = (
            Project.objects.for_workspace(workspace_id).filter(trashed_at=None).order_by("name")
        )
        fields["models"].choices = models_used(workspace_id)
        known = Licence.objects.for_workspace(workspace_id).order_by("text").values_list("text", flat=True).distinct()
        fields["licences"].choices = [*((text, text) for text in known), ("", _("None named"))]

    def clean_tags(self) -> tuple[str, ...]:
        """The tags, each once."""
        return tags_of(self.cleaned_data["tags"])

    def clean(self) -> dict[str, Any]:
        """The days must be in order."""
        found = self.cleaned_data
        if found.get("since") and found.get("until") and found["since"] > found["until"]:
            self.add_error("until", _("This day lies before the first one."))
        return found

    def selection(self) -> Selection:
        """What a valid form selects."""
        found = self.cleaned_data
        several: dict[str, Any] = {
            name: tuple(found[name]) for name in ("models", "kinds", "states", "tags", "licences")
        }
        plain = {name: found[name] for name in ("rating", "since", "until")}
        project = found["project"].id if found["project"] else None
        return Selection(**several, **plain, consent=found["consent"] or "any", project=project)


class BuilderForm(SelectionForm):
    """A selection with the name of a new dataset, or with the dataset that gets another version."""

    field_order = ("name", "note")
    name = forms.CharField(label=_("Name"), max_length=100)
    note = forms.CharField(
        label=_("Note"), max_length=500, required=False, help_text=_("What this version is for. It stays with it.")
    )

    def __init__(self, *args: Any, dataset: Dataset | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if dataset is not None:
            del self.fields["name"]


class ConsentForm(forms.Form):
    """The workspace's consent and its general licence."""

    allowed = forms.BooleanField(
        label=_("Generations of this workspace may enter datasets"),
        required=False,
        help_text=_(
            "Off: only generations for which somebody said yes one by one. Switching it off takes the others out of "
            "every version, and out of what is exported from then on."
        ),
    )
    licence = forms.CharField(
        label=_("Licence"),
        max_length=200,
        required=False,
        help_text=_("Under which licence what is made here may be used, for example CC-BY-4.0. Rows carry it."),
    )


class ModelLicenceForm(forms.Form):
    """A licence for one model. An empty text takes it back."""

    model = forms.CharField(label=_("Model"), max_length=120)
    text = forms.CharField(label=_("Licence"), max_length=200, required=False)


class ExportForm(forms.Form):
    """What an export shall be."""

    format = forms.ChoiceField(label=pgettext_lazy("of a file", "Format"), choices=Format.choices)
    partition = forms.ChoiceField(label=_("Divided by"), choices=Partition.choices, required=False)


def models_used(workspace_id: UUID) -> list[tuple[str, str]]:
    """The models that this workspace has generations of, by title. One look into the index per model, not a scan."""
    rows: QuerySet[Generation] = Generation.objects.for_workspace(workspace_id)
    found: list[tuple[str, str]] = []
    last = ""
    while (model := rows.filter(model__gt=last).order_by("model").values_list("model", flat=True).first()) is not None:
        found.append((model, MODELS[model].title if model in MODELS else model))
        last = model
    return sorted(found, key=lambda pair: pair[1])
