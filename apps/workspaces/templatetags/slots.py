"""Places for what other apps show: a lower app's page names a higher app's URL, never imports it."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse

register = template.Library()


@register.simple_tag(takes_context=True)
def slot_url(context: dict[str, Any], name: str, *args: Any) -> str:
    """The URL ``name`` within this workspace, or "" where no such page exists."""
    try:
        return reverse(name, args=[context["workspace"].slug, *args])
    except NoReverseMatch:
        return ""
