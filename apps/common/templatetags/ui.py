"""The small parts of every page; ``templates/components/README.md`` shows each in use."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.utils import formats, timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _

from apps.common.icons import icon_svg
from apps.common.money import credits_number, credits_text
from apps.common.states import look_of

register = template.Library()


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """``{% icon "play" %}``: one Lucide icon, 16 px, in the colour of the text."""
    return icon_svg(name, label)


@register.filter("credits")
def credits_filter(amount: int | None) -> str:
    """Micro-credits for people: ``{{ cost|credits }}`` → "12.5 credits"; nothing for None."""
    return "" if amount is None else credits_text(amount)


@register.filter
def credits_bare(amount: int | None) -> str:
    """The number alone, for columns whose head says credits."""
    return "" if amount is None else credits_number(amount)


@register.filter
def seconds(value: float | None) -> str:
    """A duration in seconds, shortly: "340 ms", "4.2 s", "3 min 20 s", "2 h 5 min"."""
    if value is None:
        return ""
    if value < 1:
        return _("%(n)s ms") % {"n": round(value * 1000)}
    if value < 60:
        return _("%(n)s s") % {"n": formats.number_format(round(value, 1), decimal_pos=1)}
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return _("%(m)s min %(s)s s") % {"m": minutes, "s": rest}
    hours, minutes = divmod(minutes, 60)
    return _("%(h)s h %(m)s min") % {"h": hours, "m": minutes}


@register.filter
def said(text: str) -> SafeString:
    """A sentence in which names stand between backticks: those are set as code."""
    parts = text.split("`")
    return format_html_join("", "{}", ((_quoted(part) if at % 2 else part,) for at, part in enumerate(parts)))


def _quoted(name: str) -> SafeString:
    return format_html("<code>{}</code>", name)


@register.simple_tag
def ago(moment: datetime | None, empty: str = "—") -> SafeString | str:
    """``{% ago run.created_at %}``: "3 minutes ago", the exact time on hover, kept true by the page's script."""
    if moment is None:
        return empty
    now = timezone.now()
    if moment > now:
        words = _("in %(time)s") % {"time": timeuntil(moment, now, depth=1)}
    elif (now - moment).total_seconds() < 60:
        words = _("now")
    else:
        words = _("%(time)s ago") % {"time": timesince(moment, now, depth=1)}
    exact = formats.date_format(timezone.localtime(moment), "DATETIME_FORMAT")
    return format_html('<time data-relative datetime="{}" title="{}">{}</time>', moment.isoformat(), exact, words)


@register.simple_tag
def state(value: str, pill: bool = False, word: str = "") -> SafeString:
    """``{% state run.state %}``: the state's shape, hue and word. ``pill=True`` on a tinted ground."""
    look = look_of(value)
    return format_html(
        '<span class="state{}" data-shape="{}" style="--hue: var(--state-{})">{}{}</span>',
        " pill" if pill else "",
        look.shape,
        look.shape,
        icon_svg(look.icon),
        word or look.word,
    )


@register.simple_tag
def state_shape(value: str) -> SafeString:
    """Only the shape, with its word for screen readers and on hover: for tight rows."""
    look = look_of(value)
    return format_html(
        '<span class="state" data-shape="{}" style="--hue: var(--state-{})" title="{}">{}</span>',
        look.shape,
        look.shape,
        look.word,
        icon_svg(look.icon, str(look.word)),
    )


@register.inclusion_tag("components/more.html", takes_context=True)
def load_more(context: dict[str, Any], cursor: str | None, target: str = "this") -> dict[str, Any]:
    """The row that fetches the next page of a list when it comes into view. Nothing when ``cursor`` is None."""
    query = context["request"].GET.copy()
    query["cursor"] = cursor or ""
    # A page that came back fetched much at once; from here on it reads on as ever.
    query.pop("limit", None)
    return {"cursor": cursor, "query": query.urlencode(), "path": context["request"].path, "target": target}
