"""The console speaks the reader's language: names of models and of apps, titles of columns, the theme's own texts."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import label_for_field
from django.utils import translation

from apps.common.catalogue import messages_of

CHINESE = re.compile("[\u4e00-\u9fff]")
SAME = {"ID", "Stripe webhook"}
# What is put together at the table's edge, not a title.
SIGNS = {"action_checkbox", "__str__"}


def said(page: Any) -> dict[str, str]:
    """Every title that its pages show, by where it stands."""
    model = page.model
    titles = {f"{model.__name__}": model._meta.verbose_name, f"{model.__name__}s": model._meta.verbose_name_plural}
    titles[f"app of {model.__name__}"] = apps.get_app_config(model._meta.app_label).verbose_name
    shown_fields = import_module("apps.console.admin.titles").shown_fields  # the pages are there once the URLs are
    for name in shown_fields(page) - SIGNS - set(getattr(page.form, "declared_fields", {})):
        titles[f"{model.__name__}.{name}"] = label_for_field(name, model, model_admin=page)
    for inline in page.inlines:
        shown = inline(model, admin.site)
        for name in shown.fields:
            titles[f"{inline.__name__}.{name}"] = label_for_field(name, shown.model, model_admin=shown)
    return {place: str(title) for place, title in titles.items()}


@pytest.mark.django_db
def test_every_title_of_the_console_is_chinese_for_the_chinese() -> None:
    import_module("config.urls")
    with translation.override("zh-hans"):
        titles = [pair for page in admin.site._registry.values() for pair in said(page).items()]
        raw = [f"{place}: {title}" for place, title in titles if title not in SAME and not CHINESE.search(title)]
    assert not raw, "\n".join(raw)
    assert len(titles) > 150


def test_what_the_theme_says_is_in_the_catalogue() -> None:
    assert (None, "Type to search") in messages_of("django")
    assert (None, "Save and continue editing") not in messages_of("django")  # Django says it itself
    with translation.override("zh-hans"):
        assert CHINESE.search(translation.gettext("Type to search"))
        assert CHINESE.search(translation.gettext("Save and continue editing"))
