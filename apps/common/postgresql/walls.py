"""Which statements meet the wall: those whose text names a table with a policy, or a function that reads one."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from django.apps import apps
from django.db.models import Model

_KEEP = 4000
_LONGEST = 20_000
# What is about the table, not its rows, asks no policy.
_FREE = ("TRUNCATE", "ANALYZE", "VACUUM", "ALTER", "DROP", "LOCK")
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
    return _named().search(text) is not None and not text.startswith(_FREE)


@cache
def _named() -> re.Pattern[str]:
    tables = _any(model._meta.db_table for model in walled_models())
    functions = _any(name for config in apps.get_app_configs() for name in getattr(config, "walled_functions", ()))
    written = _any(model._meta.db_table for model in walled_models("walled_writes"))
    return re.compile(
        rf"""\b(?:{tables}|{functions})\b
        | \b(?:INTO|UPDATE|DELETE\ FROM)\s+"?{written}\b
        | \b{written}\b.*\bFOR\ (?:NO\ KEY\ )?UPDATE""",
        re.VERBOSE | re.DOTALL,
    )


def _any(names: Any) -> str:
    return f"(?:{'|'.join(sorted(names))})"
