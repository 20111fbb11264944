"""How a session is told apart from the others."""

from __future__ import annotations

from django import template
from django.utils.translation import gettext as _

register = template.Library()

# The first that fits: browsers also call themselves what they descend from.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


@register.filter
def browser(user_agent: str) -> str:
    """A user agent's header for people: "Firefox on Linux"."""
    names = {
        "browser": next((name for mark, name in _BROWSERS if mark in user_agent), ""),
        "system": next((name for mark, name in _SYSTEMS if mark in user_agent), ""),
    }
    if names["browser"] and names["system"]:
        return _("%(browser)s on %(system)s") % names
    return names["browser"] or names["system"] or _("Another program")
