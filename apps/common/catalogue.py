"""The message catalogue, kept without gettext's programs: Babel finds the messages, polib keeps and compiles them.

English is the source and needs no catalogue. ``django`` holds what Python and templates say, ``djangojs`` what
scripts say.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import django
import polib
from django.conf import settings
from django.utils.translation.template import templatize

from apps.common.described import texts_of
from apps.nodes.registry import catalogue_json
from apps.providers.catalogue import MODELS

Key = tuple[str | None, str]  # context, message
KEYWORDS: dict[str, Any] = {
    **dict.fromkeys(("_", "t", "gettext", "gettext_lazy", "gettext_noop")),
    **dict.fromkeys(("tn", "ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}
DOMAINS = ("django", "djangojs")
_PO = Path("LC_MESSAGES") / "django.po"
LANGUAGES = {"zh_Hans": "nplurals=1; plural=0;"}


def source_files(domain: str) -> Iterator[Path]:
    """Every file whose messages belong to ``domain``."""
    root: Path = settings.BASE_DIR
    if domain == "djangojs":
        for suffix in ("ts", "tsx"):
            yield from (path for path in (root / "static" / "src").rglob(f"*.{suffix}") if ".test." not in path.name)
        return
    for folder in (root / "apps", root / "config"):
        yield from (path for path in folder.rglob("*.py") if "migrations" not in path.parts)
    yield from template_files()


def template_files() -> Iterator[Path]:
    """Every template of ours."""
    root: Path = settings.BASE_DIR
    folders = [root / "templates", *(root / "apps").glob("*/templates")]
    for folder in folders:
        yield from (path for path in folder.rglob("*") if path.suffix in {".html", ".txt"})


def theme_files() -> Iterator[Path]:
    """What the theme of the console says: it comes without translations of its own."""
    spec = find_spec("unfold")
    assert spec is not None and spec.origin is not None
    root = Path(spec.origin).parent
    yield from (*root.glob("*.py"), *(root / "templatetags").glob("*.py"))
    yield from (path for path in (root / "templates").rglob("*.html") if "unfold_crispy" not in path.parts)


@cache
def _said_by_theme() -> list[tuple[tuple[str, ...], str | None]]:
    """The theme's messages that Django's own catalogues, which it borrows from, do not have."""
    root = Path(django.__file__).parent
    folders = [root / "conf" / "locale", *(root / "contrib" / app / "locale" for app in ("admin", "auth"))]
    told: set[str] = set()
    for folder in folders:
        told.update(entry.msgid for entry in polib.pofile(str(folder / next(iter(LANGUAGES)) / _PO)) if entry.msgstr)
    said = (message for path in sorted(theme_files()) for message in _found(path))
    return [(parts, context) for parts, context in said if parts[0] not in told]


def _found(path: Path) -> Iterator[tuple[tuple[str, ...], str | None]]:
    from babel.messages.extract import extract  # a tool of development: serving needs no Babel

    text = path.read_text()
    method, options = "python", {}
    if path.suffix in {".html", ".txt"}:
        # Babel's tokenizer minds indentation; a template's means nothing.
        text = "\n".join(line.lstrip() for line in templatize(text, origin=str(path)).split("\n"))
    elif path.suffix in {".ts", ".tsx"}:
        method, options = "javascript", {"jsx": "true", "parse_template_string": "true"}
    stream = io.BytesIO(text.encode())
    for _line, message, _comments, context in extract(method, stream, KEYWORDS, options=options):
        yield (message if isinstance(message, tuple) else (message,)), context


def _said_by_catalogues() -> Iterator[tuple[str, str]]:
    """Texts of node types and models with where they stand. An error of a node is a text too, but has no catalogue."""
    for node in catalogue_json():
        yield from ((text, "apps/nodes/registry.py") for text in texts_of(node))
    for model in MODELS.values():
        yield from ((text, "apps/providers/catalogue.py") for text in texts_of(model.to_json()))


def messages_of(domain: str) -> dict[Key, polib.POEntry]:
    """Every message in the source, by context and text, with the files it stands in."""
    found: dict[Key, polib.POEntry] = {}
    for path in sorted(source_files(domain)):
        for parts, context in _found(path):
            _note(found, parts, context, str(path.relative_to(settings.BASE_DIR)))
    if domain == "django":
        for text, place in _said_by_catalogues():
            _note(found, (text,), None, place)
        for parts, context in _said_by_theme():
            _note(found, parts, context, "unfold")
    return found


def _note(found: dict[Key, polib.POEntry], parts: tuple[str, ...], context: str | None, place: str) -> None:
    if not parts[0]:
        return
    entry = found.setdefault((context, parts[0]), polib.POEntry(msgid=parts[0], msgctxt=context))
    if len(parts) > 1 and parts[1]:
        entry.msgid_plural = parts[1]
    if (place, "") not in entry.occurrences:
        entry.occurrences.append((place, ""))
    if "%(" in parts[0] and "python-format" not in entry.flags:
        entry.flags.append("python-format")


def po_path(language: str, domain: str) -> Path:
    """Where the catalogue of a language lies."""
    return Path(settings.BASE_DIR) / "locale" / language / "LC_MESSAGES" / f"{domain}.po"


def catalogue_read(language: str, domain: str) -> polib.POFile:
    """The catalogue as committed; an empty one where there is none yet."""
    path = po_path(language, domain)
    catalogue: polib.POFile = polib.pofile(str(path)) if path.exists() else polib.POFile()
    catalogue.wrapwidth = 120
    return catalogue


def catalogue_update(language: str, domain: str) -> tuple[int, int]:
    """Bring the catalogue up to the source; translations stay, messages that are gone go.

    Returns how many there are and how many are untranslated.
    """
    old: dict[Key, polib.POEntry] = {(entry.msgctxt, entry.msgid): entry for entry in catalogue_read(language, domain)}
    fresh = polib.POFile(wrapwidth=120)
    fresh.metadata = {
        "Language": language,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": LANGUAGES[language],
    }
    messages = messages_of(domain)
    for key in sorted(messages, key=lambda key: (key[1], key[0] or "")):
        entry, known = messages[key], old.get(key)
        if entry.msgid_plural:
            entry.msgstr_plural = {0: (known.msgstr_plural.get(0, "") or known.msgstr) if known else ""}
        elif known:
            entry.msgstr = known.msgstr or known.msgstr_plural.get(0, "")
        fresh.append(entry)
    path = po_path(language, domain)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh.save(str(path))
    return len(fresh), len(fresh.untranslated_entries())


def catalogue_compile(language: str, domain: str) -> None:
    """Write the ``.mo`` that Django reads, beside the ``.po``."""
    path = po_path(language, domain)
    if path.exists():
        polib.pofile(str(path)).save_as_mofile(str(path.with_suffix(".mo")))


def catalogue_problems(language: str, domain: str) -> list[str]:
    """What is missing, empty, fuzzy, or has lost a placeholder: one line each."""
    known: dict[Key, polib.POEntry] = {
        (entry.msgctxt, entry.msgid): entry for entry in catalogue_read(language, domain)
    }
    problems = []
    for key, wanted in messages_of(domain).items():
        entry, place = known.get(key), wanted.occurrences[0][0]
        if entry is None:
            problems.append(f"{place}: not in the catalogue: {wanted.msgid!r}")
            continue
        told = entry.msgstr or entry.msgstr_plural.get(0, "")
        if not told or "fuzzy" in entry.flags:
            problems.append(f"{place}: untranslated: {wanted.msgid!r}")
        elif _placeholders(told) != _placeholders(wanted.msgid_plural or wanted.msgid):
            problems.append(f"{place}: placeholders differ: {wanted.msgid!r}")
    return problems


def _placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)[sd]", text))
