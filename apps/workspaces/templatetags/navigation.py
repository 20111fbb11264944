"""Links to a workspace's pages that know whether they are the page being shown."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.common.icons import icon_svg

register = template.Library()


@register.simple_tag(takes_context=True)
def nav_item(
    context: dict[str, Any], name: str, icon: str, label: str, exact: bool = False, also: str = ""
) -> SafeString | str:
    """One link; ``also`` lists, by spaces, beginnings of paths that belong to it too. "" when there is no such page."""
    slug = context["workspace"].slug
    try:
        url = reverse(name, args=[slug])
    except NoReverseMatch:
        return ""
    path = context["request"].path
    inside = path.removeprefix(f"/w/{slug}")
    here = path == url if exact else path.startswith(url) or any(inside.startswith(part) for part in also.split())
    picture = icon_svg(icon) if icon else ""
    current = SafeString(' aria-current="page"') if here else ""
    return format_html('<a href="{}"{}>{}{}</a>', url, current, picture, label)
