"""What a form field's template asks about its widget."""

from __future__ import annotations

from django import forms, template
from django.forms.boundfield import BoundField

register = template.Library()


@register.filter
def widget_kind(field: BoundField) -> str:
    """ "check", "choices", "password" or "plain": which of the four ways to draw the field."""
    widget = field.field.widget
    if isinstance(widget, forms.CheckboxInput):
        return "check"
    if isinstance(widget, (forms.RadioSelect, forms.CheckboxSelectMultiple)):
        return "choices"
    return "password" if isinstance(widget, forms.PasswordInput) else "plain"
