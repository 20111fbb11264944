"""The staff's catalogue entries reach every process, and one that cannot be used reaches none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from apps.console.forms import CatalogueEntryForm
from apps.generations.catalogue_store import CATALOGUE
from apps.generations.models import CatalogueEntry
from apps.providers.catalogue import MODELS, models_replace
from tests.generations.test_keys import ENTRY

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    models_replace([])


def entry(**changes: Any) -> dict[str, Any]:
    return {"model": ENTRY["id"], "version": 1, "document": {**ENTRY, **changes}, "active": True, "note": ""}


def test_a_new_version_counts_within_moments() -> None:
    CatalogueEntry.objects.create(**entry())
    CATALOGUE.load()
    assert MODELS[ENTRY["id"]].version == 1
    CatalogueEntry.objects.create(**{**entry(version=2, title="Second"), "version": 2})
    CATALOGUE.load()
    assert (MODELS[ENTRY["id"]].version, MODELS[ENTRY["id"]].title) == (2, "Second")
    CatalogueEntry.objects.filter(version=2).update(active=False)
    CATALOGUE.load()
    assert MODELS[ENTRY["id"]].version == 1


def test_every_process_hears_of_a_change(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    monkeypatch.setattr(CATALOGUE, "_every_s", 0)
    CATALOGUE.sync()
    with django_capture_on_commit_callbacks(execute=True):
        CatalogueEntry.objects.create(**entry())
    CATALOGUE.sync()
    assert ENTRY["id"] in MODELS
    with django_capture_on_commit_callbacks(execute=True):
        CatalogueEntry.objects.all().get().delete()
    CATALOGUE.sync()
    assert ENTRY["id"] not in MODELS


def test_without_entries_the_products_own_stay() -> None:
    CATALOGUE.load()
    assert "sandbox/image" in MODELS
    assert ENTRY["id"] not in MODELS


def test_a_broken_entry_changes_nothing() -> None:
    CatalogueEntry.objects.create(**entry(kind="hologram"))
    CATALOGUE.load()
    assert ENTRY["id"] not in MODELS
    assert "sandbox/image" in MODELS


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "hologram"}, "kind must be one of"),
        ({"price": {"terms": [], "source": "x", "as_of": "y"}}, "at least one term"),
        ({"price": {"terms": [{"usd": -1, "per": "image"}], "source": "x", "as_of": "y"}}, "a price term needs usd"),
        ({"capabilities": ["text-to-hologram"]}, "there is no text-to-hologram"),
        ({"params": {"x": {"$use": "nothing"}}}, "no shared schema called nothing"),
        ({"surprise": 1}, "not known: surprise"),
        ({"version": 7}, "Its id and version must be those above."),
    ],
)
def test_the_form_says_what_is_wrong(changes: dict[str, Any], sentence: str) -> None:
    form = CatalogueEntryForm(entry(**changes))
    assert not form.is_valid()
    assert sentence in str(form.errors["document"])


def test_the_form_takes_a_good_one() -> None:
    assert CatalogueEntryForm(entry()).is_valid()
