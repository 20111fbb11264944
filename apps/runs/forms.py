"""What a person fills in about a run."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.runs.answers import COMMENT_MAX


class DecisionForm(forms.Form):
    """Approve or reject, with a comment that goes on with the run."""

    decision = forms.ChoiceField(choices=[("approve", "approve"), ("reject", "reject")])
    comment = forms.CharField(
        label=_("Comment"),
        required=False,
        max_length=COMMENT_MAX,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Saved with the decision and passed to the next steps."),
    )
