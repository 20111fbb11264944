"""Which statements meet the wall: those whose text names a table with a policy, or a function that reads one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.apps import apps
from django.db.models import Model

# So many texts of so many characters are remembered at most: some megabytes.
_KEEP = 1000
_LONGEST = 8000
# What is about the table, not its rows, asks no policy.
_FREE = ("TRUNCATE", "ANALYZE", "VACUUM", "ALTER", "DROP", "LOCK")
_WORD = re.compile(r"\w+")
_meets: dict[str, bool] = {}


def walled_models(attribute: str = "walled") -> list[type[Model]]:
    """The models that stand behind the wall: of each app's ``walled`` those that name a workspace.

    ``walled`` in an app's config is True for all of its models but the ``unwalled``, or has their names. With
    ``walled_writes`` the models whose rows are only written behind it.
    """
    found: list[type[Model]] = []
    for config in apps.get_app_configs():
        walled, without = getattr(config, attribute, ()), getattr(config, "unwalled", ())
        for model in config.get_models(include_auto_created=True):
            names = any(field.column == "workspace_id" for field in model._meta.concrete_fields)
            if names and model.__name__ not in without and (walled is True or model.__name__ in walled):
                found.append(model)
    return found


def meets(sql: Any) -> bool:
    """Whether the session must know the scope before this statement. Statements are remembered by their text."""
    text: str = sql if isinstance(sql, str) else sql.as_string(None)
    known = _meets.get(text)
    if known is None:
        known = _asks(text)
        if len(text) <= _LONGEST:
            if len(_meets) >= _KEEP:
                _meets.clear()
            _meets[text] = known
    return known


def _asks(text: str) -> bool:
    wall = _wall()
    named = {word.group() for prefix in wall.begin for word in _words(text, prefix)}
    if named & wall.both:
        return not text.startswith(_FREE)
    return not named.isdisjoint(wall.written) and wall.writes.search(text) is not None


def _words(text: str, prefix: str) -> Iterator[re.Match[str]]:
    """The words that begin so. Most texts have none, which is found much faster than by a pattern."""
    place = text.find(prefix)
    while place >= 0:
        word = _WORD.match(text, place)
        if word is not None and (place == 0 or not (text[place - 1].isalnum() or text[place - 1] == "_")):
            yield word
        place = text.find(prefix, place + len(prefix))


@dataclass(frozen=True)
class _Wall:
    """Names behind the wall both ways, those of tables that are written behind it, and what a write looks like."""

    both: frozenset[str]
    written: frozenset[str]
    begin: frozenset[str]
    writes: re.Pattern[str]


@cache
def _wall() -> _Wall:
    both = {model._meta.db_table for model in walled_models()}
    both |= {name for config in apps.get_app_configs() for name in getattr(config, "walled_functions", ())}
    written = {model._meta.db_table for model in walled_models("walled_writes")}
    tables = f"(?:{'|'.join(sorted(written))})"
    writes = rf"""(?:\bINTO|\bUPDATE|\bDELETE\ FROM)\s+"?{tables}\b | \bFOR\ (?:NO\ KEY\ )?UPDATE\b"""
    begin = {name.partition("_")[0] + "_" for name in both | written}
    return _Wall(frozenset(both), frozenset(written), frozenset(begin), re.compile(writes, re.VERBOSE))
