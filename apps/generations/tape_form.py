"""The tape's filter as people send it, on the page and over the API: what is wrong with it is said in one sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.assets.palette import colour_parse
from apps.generations.models import GenerationState
from apps.generations.tape import KINDS, STARS, TapeFilter

TAGS_MAX = 10
TAG_MAX = 60
SEED_RANGE = (-(2**63), 2**63 - 1)
COST_MOST = Decimal(1_000_000)
RATINGS = [("0", gettext_lazy("Not rated")), *((str(stars), "★" * stars) for stars in range(1, STARS + 1))]


class TagsField(forms.CharField):
    """Tags between commas."""

    def clean(self, value: Any) -> tuple[str, ...]:
        """The tags, each once."""
        words = [" ".join(word.split()) for word in re.split(r"[,\n]", str(value or "").replace("\0", " "))]
        tags = tuple(dict.fromkeys(word for word in words if word))
        if len(tags) > TAGS_MAX:
            raise forms.ValidationError(_("At most %(most)s tags can be asked for at once.") % {"most": TAGS_MAX})
        if long := next((tag for tag in tags if len(tag) > TAG_MAX), None):
            text = _("The tag “%(tag)s…” is too long: a tag has at most %(most)s characters.")
            raise forms.ValidationError(text % {"tag": long[:20], "most": TAG_MAX})
        return tags


class ColourField(forms.CharField):
    """``#rrggbb``."""

    def clean(self, value: Any) -> str:
        """The colour in lower case, or nothing."""
        text = str(value or "").strip()
        found = colour_parse(text) if text else ""
        if found is None:
            raise forms.ValidationError(_("Write the colour as #rrggbb, for example #d97706."))
        return found


class DayField(forms.CharField):
    """A day, or a moment with its zone. ``end``: the day is included, so the next one's beginning is the bound."""

    def __init__(self, *, end: bool, **more: Any) -> None:
        super().__init__(**more)
        self._end = end

    def clean(self, value: Any) -> datetime | None:
        """The moment it means."""
        text = str(value or "").strip()
        if not text:
            return None
        try:
            if day := parse_date(text):
                day += timedelta(days=1 if self._end else 0)
                return timezone.make_aware(datetime.combine(day, time.min))
            moment = parse_datetime(text.replace(" ", "+"))
        except (ValueError, OverflowError):
            moment = None
        if moment is None:
            raise forms.ValidationError(_("Write the date as year-month-day, for example 2026-03-31."))
        return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


class PlainField(forms.CharField):
    """Text as it was typed; a null character, which no row has, counts as a space."""

    def clean(self, value: Any) -> str:
        """At most so many characters."""
        return str(super().clean(str(value or "").replace("\0", " ")))


class TapeForm(forms.Form):
    """Every way to narrow the tape. ``chosen()`` is the filter when it is valid."""

    q = PlainField(label=gettext_lazy("Words"), required=False, max_length=200)
    model = PlainField(label=gettext_lazy("Model"), required=False, max_length=120)
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), required=False, choices=[(kind, kind) for kind in KINDS])
    state = forms.ChoiceField(
        label=gettext_lazy("State"),
        required=False,
        choices=[("live", gettext_lazy("Unfinished")), *GenerationState.choices],
    )
    project = forms.UUIDField(label=gettext_lazy("Project"), required=False)
    run = forms.UUIDField(label=gettext_lazy("Run"), required=False)
    node = PlainField(label=gettext_lazy("Node"), required=False, max_length=64)
    seed = forms.IntegerField(
        label=gettext_lazy("Seed"), required=False, min_value=SEED_RANGE[0], max_value=SEED_RANGE[1]
    )
    cost_min = forms.DecimalField(
        label=gettext_lazy("Lowest cost"), required=False, min_value=0, max_value=COST_MOST, decimal_places=3
    )
    cost_max = forms.DecimalField(
        label=gettext_lazy("Highest cost"), required=False, min_value=0, max_value=COST_MOST, decimal_places=3
    )
    rating = forms.TypedChoiceField(
        label=gettext_lazy("Stars"), required=False, choices=RATINGS, coerce=int, empty_value=None
    )
    tags = TagsField(label=gettext_lazy("Tags"), required=False)
    colour = ColourField(label=gettext_lazy("Colour"), required=False)
    since = DayField(label=gettext_lazy("From"), required=False, end=False)
    until = DayField(label=gettext_lazy("To"), required=False, end=True)
    board = forms.UUIDField(label=gettext_lazy("Board"), required=False)

    def clean(self) -> dict[str, Any]:
        """Ranges must begin before they end."""
        found: dict[str, Any] = super().clean() or self.cleaned_data
        low, high = found.get("cost_min"), found.get("cost_max")
        if low is not None and high is not None and low > high:
            self.add_error("cost_max", _("The highest cost lies below the lowest one."))
        since, until = found.get("since"), found.get("until")
        if since and until and since >= until:
            self.add_error("until", _("The last day lies before the first one."))
        return found

    def chosen(self) -> TapeFilter:
        """The filter; what is not valid narrows nothing."""
        self.full_clean()
        known = {field.name for field in fields(TapeFilter)}
        return TapeFilter(**{name: value for name, value in self.cleaned_data.items() if name in known})

    def problems(self) -> list[dict[str, str]]:
        """One sentence for each field that is not valid."""
        return [
            {
                "field": name,
                "message": _("%(field)s: %(problem)s") % {"field": self.fields[name].label, "problem": said[0]},
            }
            for name, said in self.errors.items()
        ]


def tape_form(query: Mapping[str, Any]) -> TapeForm:
    """The form of a page's address or a call's query."""
    return TapeForm(query)
