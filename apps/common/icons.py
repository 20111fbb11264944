"""Lucide's icons (ISC), inlined as SVG. The build writes them to ``static/dist/icons.json``."""

from __future__ import annotations

import json
from functools import cache

from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe


@cache
def _icons() -> dict[str, str]:
    path = settings.BASE_DIR / "static" / "dist" / "icons.json"
    # Without a build (a test of one app, say) pages still render; a test holds every icon used to the set.
    icons: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    return icons


def icon_svg(name: str, label: str = "") -> SafeString:
    """The icon as inline SVG in the colour of the text; hidden from screen readers unless it has a label."""
    named = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html(
        # How its lines are drawn is said once, in frame.css: a large run sends a thousand of these.
        '<svg class="icon" viewBox="0 0 24 24" width="16" height="16" {}>{}</svg>',
        named,
        mark_safe(_icons().get(name, "")),  # noqa: S308 our own build's file
    )
