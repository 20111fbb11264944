"""Chinese is complete, and no template says anything outside of a translation tag."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings

from apps.common.catalogue import DOMAINS, LANGUAGES, catalogue_problems, catalogue_read, source_files, template_files
from apps.common.icons import _icons

# Names, and words that are the same in every language.
SAME_EVERYWHERE = {
    "Millrace",
    "Ctrl",
    "K",
    "CSV",
    "JSON",
    "API",
    "credits",
    "English",
    "s",
    "fps",
    "px",
    "mr_",
    "w",
    "Esc",
    "SHA",
}
_NEUTRAL = re.compile(
    r"\{#.*?#\}|\{%\s*comment.*?endcomment\s*%\}"
    r"|\{%\s*blocktrans(?:late)?\b.*?endblocktrans(?:late)?\s*%\}"
    r"|\{%\s*block \w+_class\s*%\}.*?\{%\s*endblock[^%]*%\}"
    r"|<(script|style|code|kbd|template-source)\b.*?</\1>|<!--.*?-->|<!doctype[^>]*>",
    re.S | re.I,
)
_TAGS = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.S)
_SAID = re.compile(
    r"""\s(?:title|placeholder|aria-label|alt|data-confirm|data-confirm-action|hx-confirm)=(?:"([^"]*)"|'([^']*)')"""
)
_ELEMENT = re.compile(r"""<(?:"[^"]*"|'[^']*'|[^'">])*>""", re.S)
_WORD = re.compile(r"[^\W\d_]{2,}")


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_is_translated(language: str, domain: str) -> None:
    problems = catalogue_problems(language, domain)
    assert not problems, "run `manage.py messages update` and translate:\n" + "\n".join(problems)


@pytest.mark.parametrize(
    ("domain", "message"),
    [
        ("django", "Connect something to %(port)s."),  # said by plain Python
        ("django", "Draws a picture from a prompt."),  # declared by a node type
        ("django", "Mountain ridges"),  # a choice in a model's form
        ("djangojs", "A node cannot feed itself."),
    ],
)
def test_a_missing_translation_is_found(monkeypatch: pytest.MonkeyPatch, domain: str, message: str) -> None:
    whole = catalogue_read("zh_Hans", domain)
    for entry in list(whole):
        if entry.msgid == message:
            whole.remove(entry)
    monkeypatch.setattr("apps.common.catalogue.catalogue_read", lambda language, domain: whole)
    said = [problem for problem in catalogue_problems("zh_Hans", domain) if repr(message) in problem]
    assert len(said) == 1


# Python that speaks to people without Django: a sentence put together there would escape the extraction.
PLAIN = sorted(
    path for room in ("engine", "nodes", "providers") for path in (settings.BASE_DIR / "apps" / room).rglob("*.py")
)
REFUSALS = {"NodeFailure", "GraphProblem", "OperationError", "DocumentError", "ProviderError", "ParamProblem", "Skip"}


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: str(path.relative_to(settings.BASE_DIR)))
def test_plain_python_says_nothing_untranslated(path: Path) -> None:
    assert literal_sentences(path.read_text()) == []


def literal_sentences(source: str) -> list[str]:
    """Literals with more than one word, f-strings too, that are handed to a refusal as they are."""
    found = []
    for call in ast.walk(ast.parse(source)):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in REFUSALS:
            found += [ast.unparse(part) for part in call.args if isinstance(part, ast.JoinedStr)]
            found += [
                ast.unparse(part) for part in call.args if isinstance(part, ast.Constant) and " " in str(part.value)
            ]
    return found


def test_the_scan_of_plain_python_sees_what_it_should() -> None:
    assert literal_sentences('raise NodeFailure(_("It is gone."), code="gone")') == []
    assert literal_sentences('raise NodeFailure("It is gone.", code="gone")') == ["'It is gone.'"]
    assert literal_sentences('raise NodeFailure(f"{it} gone", code="gone")') == ["f'{it} gone'"]


def bare_words(text: str) -> list[str]:
    """Words a reader would see that no translation reaches."""
    text = _TAGS.sub("", _NEUTRAL.sub("", text))
    said = [value for pair in _SAID.findall(text) for value in pair]
    said.append(_ELEMENT.sub(" ", text))
    return [word for part in said for word in _WORD.findall(part) if word not in SAME_EVERYWHERE]


def test_the_scan_sees_what_it_should() -> None:
    assert bare_words('<p title="{% translate "Fine" %}">{% translate "Fine" %} {{ name }} · 12</p>') == []
    assert bare_words('<p title="Oops">Hello <b>{{ name }}</b></p>') == ["Oops", "Hello"]
    assert bare_words("{% blocktranslate %}Fine <b>too</b>{% endblocktranslate %}<code>w/x</code>") == []


@pytest.mark.parametrize("path", sorted(template_files()), ids=lambda path: str(path.relative_to(settings.BASE_DIR)))
def test_templates_say_nothing_untranslated(path: Path) -> None:
    if path.suffix == ".html":
        assert bare_words(path.read_text()) == []


_BARE_IN_SCRIPTS = re.compile(
    r"""(?<![=-])>\s*([^<>{}()=;]*[A-Za-z]{3,}[^<>{}()=;]*)</"""
    r"""|\b(?:title|placeholder|alt|label|aria-label|ariaLabel|aria-roledescription)="([^"]*[A-Za-z]{3,}[^"]*)\""""
)


def bare_in_script(source: str) -> list[str]:
    """Words in JSX that are written as they are."""
    return [text or attribute for text, attribute in _BARE_IN_SCRIPTS.findall(source)]


def test_the_scan_of_scripts_sees_what_it_should() -> None:
    assert bare_in_script('<p title={t("Fine")}>{t("Fine")}</p>') == []
    assert bare_in_script('<p title="Oops">Hello</p>') == ["Oops", "Hello"]


@pytest.mark.parametrize(
    "path", sorted(source_files("djangojs")), ids=lambda path: str(path.relative_to(settings.BASE_DIR))
)
def test_scripts_say_nothing_untranslated(path: Path) -> None:
    if path.suffix == ".tsx" and "dev" not in path.parts:
        assert bare_in_script(path.read_text()) == []


@pytest.mark.skipif(not _icons(), reason="the front end is not built")
def test_every_icon_exists() -> None:
    used = {
        (name, path.name)
        for path in template_files()
        for name in re.findall(r"""\{% icon ["']([\w-]+)["']""", path.read_text())
    }
    assert not {pair for pair in used if pair[0] not in _icons()}
