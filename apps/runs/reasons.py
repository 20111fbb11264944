"""Why a step was reused or had to run, as a sentence in the reader's language. What is stored are codes."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.sentences import clauses

# The API names the run something was taken from; to a person its identifier says nothing.
_IDENTIFIER = re.compile(r"\s*[(（][0-9a-f-]{36}[)）]")
_FIXED: dict[str, Promise] = {
    "hit": gettext_lazy("Reused: nothing has changed"),
    "pinned": gettext_lazy("Pinned output"),
    "new": gettext_lazy("First run of this node"),
    "forced": gettext_lazy("Run again on request"),
    "always-new": gettext_lazy("Always new"),
    "effect": gettext_lazy("Acts outside Millrace, so it is never reused"),
    "unsuccessful": gettext_lazy("Did not succeed last time"),
    "cleared": gettext_lazy("Earlier results were forgotten"),
    "later": gettext_lazy("The earlier run had not made its result yet when this one started"),
    # Runs of before there was "later" have it in its place.
    "evicted": gettext_lazy("The earlier run had not made its result yet when this one started"),
    "gone": gettext_lazy("A file of the earlier result is gone"),
}

_FILLED: dict[str, Callable[[list[str]], str]] = {
    "kept": lambda parts: _("Kept from an earlier run where it succeeded (%(run)s)") % {"run": parts[0]},
    "type": lambda parts: _("node type %(old)s → %(new)s") % {"old": parts[0], "new": parts[1]},
    "code": lambda parts: _("node code %(old)s → %(new)s") % {"old": parts[0], "new": parts[1]},
    "param changed": lambda parts: _("`%(name)s` changed") % {"name": parts[0]},
    "param new": lambda parts: _("`%(name)s` is new") % {"name": parts[0]},
    "param gone": lambda parts: _("`%(name)s` was removed") % {"name": parts[0]},
    "input changed": lambda parts: _("input `%(name)s` changed") % {"name": parts[0]},
    "input new": lambda parts: _("input `%(name)s` is new") % {"name": parts[0]},
    "input gone": lambda parts: _("input `%(name)s` was removed") % {"name": parts[0]},
}


def is_reuse(stored: str) -> bool:
    """Whether it says that the step was reused."""
    return stored in ("hit", "pinned") or stored.startswith("kept ")


def reason_text(stored: str) -> str:
    """One line for people; empty when there is nothing to say."""
    return clauses(_line(code) for code in stored.split("\n")) if stored else ""


def _line(code: str) -> str:
    if code in _FIXED:
        return str(_FIXED[code])
    first, *rest = code.split(" ")
    if first in _FILLED:
        return _FILLED[first](rest)
    return _FILLED[f"{first} {rest[0]}"](rest[1:]) if rest and f"{first} {rest[0]}" in _FILLED else code


def why_text(codes: str) -> str:
    """Why it ran or was reused, in words and without identifiers."""
    return _IDENTIFIER.sub("", reason_text(codes))
