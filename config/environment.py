"""Where settings come from: the environment first, then the embedded stack's own file.

The embedded stack (``deploy/stack``) writes ``stack.json`` with the addresses it chose; a variable of the same
name in the environment replaces it. A missing or malformed value stops the process with one sentence.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(os.environ.get("MILLRACE_VAR") or BASE_DIR / "var").resolve()


@cache
def _stack() -> dict[str, str]:
    path = VAR_DIR / "stack.json"
    if not path.exists():
        return {}
    try:
        values = json.loads(path.read_text())
    except ValueError as error:
        raise ImproperlyConfigured(f"{path} is not valid JSON ({error}). Move it aside and run `make up`.") from error
    return {str(key): str(value) for key, value in values.items()}


def text(name: str, default: str | None = None) -> str:
    """The value of ``name``; ImproperlyConfigured when it is nowhere and has no default."""
    value = os.environ.get(name) or _stack().get(name) or default
    if value is None:
        raise ImproperlyConfigured(f"{name} is not set. Run `make up` for the embedded stack, or set {name}.")
    return value


def number(name: str, default: int) -> int:
    """An integer setting."""
    value = text(name, str(default))
    try:
        return int(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from error


def flag(name: str, default: bool) -> bool:
    """A yes/no setting: 1, true, yes, on or 0, false, no, off."""
    value = text(name, str(default)).lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")


def words(name: str, default: str) -> list[str]:
    """A comma-separated list."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]
