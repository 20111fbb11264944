"""Pages and API of datasets: what people see, and each kind of bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from apps.common.tenancy import scope
from apps.datasets import services
from apps.datasets.execution.exporting import export_make
from apps.datasets.execution.reconciling import rechecks_do
from apps.datasets.models import Consent, Dataset, Export, Licence, Version
from apps.generations.models import Generation
from apps.workspaces.models import Workspace
from tests.datasets.frozen import frozen

pytestmark = pytest.mark.django_db
Made = Callable[..., Generation]
Freeze = Callable[..., Version]
Api = Callable[..., Client]
W = "/w/mill/"


def send(client: Client, method: str, path: str, body: Any = None) -> Any:
    """A request with JSON to the API."""
    return client.generic(method, f"/api/v1{path}", "" if body is None else json.dumps(body), "application/json")


# --- Pages ---------------------------------------------------------------------------------------------------------


def test_from_nothing_to_a_version(
    alice_client: Client, victor_client: Client, workspace: Workspace, made: Made
) -> None:
    assert "No datasets yet" in victor_client.get(f"{W}datasets/").content.decode()
    made(), made(rating=5)
    page = alice_client.get(f"{W}datasets/new/").content.decode()
    assert "has not agreed" in page
    shown = alice_client.get(f"{W}datasets/preview/", {"states": "succeeded"}).content.decode()
    assert "2 more fit" in shown
    answer = alice_client.post(f"{W}datasets/new/", {"name": "Mills", "states": "succeeded"})
    assert (answer.status_code, "anybody agreed to" in answer.content.decode()) == (422, True)
    assert not Dataset.objects.for_workspace(workspace.id).exists(), "a refused version leaves no dataset behind"
    alice_client.post(f"{W}settings/consent/", {"allowed": "on", "licence": "CC-BY-4.0"})
    answer = alice_client.post(
        f"{W}datasets/new/", {"name": "Mills", "states": "succeeded", "rating": "4", "note": "best"}
    )
    version = frozen(Version.objects.for_workspace(workspace.id).get())
    assert answer.headers["Location"] == f"{W}datasets/{version.dataset_id}/1/"
    page = victor_client.get(answer.headers["Location"]).content.decode()
    for said in ("best", "1 row", "★★★★", "1 row frozen", "CC-BY-4.0"):
        assert said in page
    assert "Mills" in victor_client.get(f"{W}datasets/").content.decode()
    assert "best" in victor_client.get(f"{W}datasets/{version.dataset_id}/").content.decode()


def test_a_further_version_begins_with_the_last_choice(
    alice_client: Client, agreed: Workspace, made: Made, freeze: Freeze
) -> None:
    made(rating=4, tags=["sea"])
    first = freeze(rating=4, tags=("sea",))
    page = alice_client.get(f"{W}datasets/new/?dataset={first.dataset_id}").content.decode()
    assert 'value="sea"' in page
    answer = alice_client.post(f"{W}datasets/new/?dataset={first.dataset_id}", {"states": "succeeded"})
    assert answer.headers["Location"].endswith("/2/")


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"name": ""}, "This field is required"),
        ({"name": "x" * 101}, "at most 100"),
        ({"kinds": "smell"}, "Select a valid choice"),
        ({"models": "no/such"}, "Select a valid choice"),
        ({"states": "running"}, "Select a valid choice"),
        ({"rating": "9"}, "Select a valid choice"),
        ({"tags": ",".join(map(str, range(30)))}, "At most 20 tags"),
        ({"tags": "x" * 61}, "At most 20 tags"),
        ({"tags": "a\0b"}, "Null characters are not allowed"),
        ({"since": "yesterday"}, "Enter a valid date"),
        ({"since": "2026-02-02", "until": "2026-01-01"}, "lies before the first"),
        ({"project": str(uuid4())}, "Select a valid choice"),
        ({"consent": "theirs"}, "Select a valid choice"),
        ({"licences": "WTFPL"}, "Select a valid choice"),
    ],
)
def test_what_the_builder_refuses(
    bad: dict[str, str], said: str, alice_client: Client, agreed: Workspace, made: Made
) -> None:
    made()
    answer = alice_client.post(f"{W}datasets/new/", {"name": "Mills", "states": "succeeded", **bad})
    assert answer.status_code == 422
    assert said in answer.content.decode()
    if "name" not in bad:
        assert "problem" in alice_client.get(f"{W}datasets/preview/", bad).content.decode()


def test_addresses_that_name_nothing(alice_client: Client, agreed: Workspace, made: Made, freeze: Freeze) -> None:
    made()
    version = freeze()
    for path in (
        "datasets/new/?dataset=nonsense",
        f"datasets/new/?dataset={uuid4()}",
        f"datasets/{uuid4()}/",
        f"datasets/{version.dataset_id}/2/",
        f"datasets/{version.dataset_id}/99999999999999999999/",
        "datasets/?cursor=nonsense",
        f"datasets/exports/{uuid4()}/0/",
    ):
        assert alice_client.get(W + path).status_code == 404, path


@pytest.mark.django_db(transaction=True)
def test_an_export_from_the_page(
    bob_client: Client, victor_client: Client, agreed: Workspace, made: Made, freeze: Freeze
) -> None:
    row = made()
    version = freeze()
    path = f"{W}datasets/{version.dataset_id}/1/exports/"
    assert victor_client.post(path, {"format": "jsonl"}).status_code == 403
    htmx = {"HX-Request": "true"}
    assert "There is no such format" in bob_client.post(path, {"format": "xls"}, headers=htmx).content.decode()
    shown = bob_client.post(path, {"format": "jsonl"}, headers=htmx).content.decode()
    assert "every 1500ms" in shown
    assert "being exported in this format" in bob_client.post(path, {"format": "jsonl"}, headers=htmx).content.decode()
    export = Export.objects.for_workspace(agreed.id).get()
    file = f"{W}datasets/exports/{export.id}/0/"
    assert victor_client.get(file).headers["Location"] == f"{W}datasets/{version.dataset_id}/1/"
    export_make(workspace_id=agreed.id, export_id=export.id)
    shown = victor_client.get(path).content.decode()
    assert "part-00000.jsonl" in shown
    assert "every 1500ms" not in shown
    assert "X-Amz-Expires=600" in victor_client.get(file).headers["Location"]
    services.generation_consent_set(workspace_id=agreed.id, generation_id=row.id, allowed=False, actor_id=None)
    assert "/datasets/" in victor_client.get(file).headers["Location"], "looked through before a link is given"
    assert "no longer handed out" in victor_client.get(path).content.decode()


def test_consent_in_the_settings(ada_client: Client, bob_client: Client, workspace: Workspace, made: Made) -> None:
    made()
    path = f"{W}settings/consent/"
    assert "Nobody has agreed yet" in bob_client.get(path).content.decode()
    assert bob_client.post(path, {"allowed": "on"}).status_code == 403
    assert ada_client.post(path, {"allowed": "on", "licence": "x" * 201}).status_code == 422
    assert not Consent.objects.for_workspace(workspace.id).exists()
    ada_client.post(path, {"allowed": "on", "licence": "CC0"})
    page = bob_client.get(path).content.decode()
    assert "Agreed · Ada" in page
    assert "CC0" in page
    ada_client.post(path, {"licence": ""})
    assert "Withdrawn · Ada" in bob_client.get(path).content.decode()
    assert not Licence.objects.for_workspace(workspace.id).exists()


def test_a_licence_for_one_model(ada_client: Client, workspace: Workspace, made: Made) -> None:
    made()
    path = f"{W}settings/consent/licence/"
    for bad in ({"model": "no/such", "text": "MIT"}, {"model": "sandbox/image", "text": "x" * 201}, {}):
        ada_client.post(path, bad)
    assert not Licence.objects.for_workspace(workspace.id).exists()
    ada_client.post(path, {"model": "sandbox/image", "text": "MIT"})
    assert Licence.objects.for_workspace(workspace.id).get().text == "MIT"
    ada_client.post(path, {"model": "sandbox/image", "text": " "})
    assert not Licence.objects.for_workspace(workspace.id).exists()


def test_consent_beside_a_generation(
    bob_client: Client, victor_client: Client, workspace: Workspace, made: Made
) -> None:
    row = made()
    path, htmx = f"{W}tape/{row.id}/consent/", {"HX-Request": "true"}
    assert f'hx-get="{path}"' in victor_client.get(f"{W}tape/{row.id}/").content.decode()
    assert "Stays out of datasets" in victor_client.get(path).content.decode()
    assert victor_client.post(path, {"consent": "yes"}).status_code == 403
    assert bob_client.post(path, {"consent": "perhaps"}, headers=htmx).status_code == 422
    assert "May enter datasets" in bob_client.post(path, {"consent": "yes"}, headers=htmx).content.decode()
    row.refresh_from_db()
    assert (row.consent,) == (True,)
    bob_client.post(path, {"consent": "workspace"}, headers=htmx)
    row.refresh_from_db()
    assert row.consent is None
    assert Consent.objects.for_workspace(workspace.id).filter(generation_id=row.id).count() == 2


# --- API -----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_from_a_filter_to_a_file(api: Api, agreed: Workspace, made: Made) -> None:
    client, rows = api(), [made(rating=5), made(rating=2)]
    assert send(client, "POST", "/datasets/preview", {"rating": 4}).json()["rows"] == 1
    dataset = send(client, "POST", "/datasets", {"name": "Mills"}).json()["id"]
    answer = send(client, "POST", f"/datasets/{dataset}/versions", {"filter": {"rating": 2}, "note": "all"})
    assert (answer.status_code, answer.json()["state"]) == (202, "freezing")
    frozen(Version.objects.for_workspace(agreed.id).get())
    version = send(client, "GET", f"/datasets/{dataset}/versions/1").json()
    assert (version["number"], version["rows"], version["filter"]["rating"]) == (1, 2, 2)
    at = f"/datasets/{dataset}/versions/1"
    page = send(client, "GET", f"{at}/rows?limit=1").json()
    assert [row["generation"] for row in page["items"]] == [str(rows[0].id)]
    page = send(client, "GET", f"{at}/rows?limit=1&cursor={page['next']}").json()
    assert ([row["generation"] for row in page["items"]], page["next"]) == ([str(rows[1].id)], None)
    export = send(client, "POST", f"{at}/exports", {"format": "jsonl"})
    assert (export.status_code, export.json()["files"]) == (202, [])
    path = f"/datasets/exports/{export.json()['id']}"
    assert send(client, "GET", f"{path}/files/0").json()["type"] == "/problems/export-not-ready"
    assert send(client, "POST", f"{at}/exports", {"format": "jsonl"}).json()["type"] == "/problems/export-running"
    with scope(agreed.id):
        export_make(workspace_id=agreed.id, export_id=Export.objects.get().id)
    done = send(client, "GET", path).json()
    assert (done["state"], done["done"], [file["rows"] for file in done["files"]]) == ("ready", 2, [2, 0])
    assert "X-Amz-Signature" in client.get(done["files"][0]["url"]).json()["url"]
    assert [one["id"] for one in send(client, "GET", f"{at}/exports").json()["items"]] == [done["id"]]
    changed = send(client, "PUT", f"/generations/{rows[0].id}/consent", {"consent": False}).json()
    assert changed == {"generation": str(rows[0].id), "consent": False, "given": False}
    rechecks_do(timezone.now())
    told = send(client, "GET", at).json()
    assert (told["removed"], told["changelog"][0]["why"]) == (1, "consent_withdrawn")
    assert send(client, "GET", path).json()["state"] == "outdated"
    assert [one["versions"] for one in send(client, "GET", "/datasets").json()["items"]] == [1]
    assert send(client, "GET", f"/datasets/{dataset}/versions").json()["items"][0]["number"] == 1
    assert send(client, "GET", "/datasets/consent").json()["licences"] == {"": "CC-BY-4.0"}


@pytest.mark.parametrize(
    "bad",
    [
        {"kinds": ["smell"]},
        {"rating": 6},
        {"rating": "many"},
        {"tags": ["x" * 61]},
        {"tags": ["a\0"]},
        {"tags": [""]},
        {"tags": [str(n) for n in range(21)]},
        {"states": ["running"]},
        {"consent": "theirs"},
        {"since": "2026-13-01"},
        {"since": "2026-02-02", "until": "2026-01-01"},
        {"project": "nonsense"},
        {"project": str(uuid4())},
        {"colour": "red"},
    ],
)
def test_filters_the_api_refuses(bad: dict[str, Any], api: Api, agreed: Workspace) -> None:
    client = api()
    answer = send(client, "POST", "/datasets/preview", bad)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request"), answer.json()
    assert answer.json()["fields"]
    dataset = send(client, "POST", "/datasets", {"name": "A"}).json()["id"]
    assert send(client, "POST", f"/datasets/{dataset}/versions", {"filter": bad}).status_code == 422


def test_other_things_the_api_refuses(api: Api, agreed: Workspace, made: Made, freeze: Freeze) -> None:
    client, row = api(), made()
    version = freeze()
    at = f"/datasets/{version.dataset_id}/versions"
    refused = [
        ("POST", "/datasets", {"name": " "}, 422),
        ("POST", "/datasets", {"name": "x" * 500}, 422),
        ("POST", at, {"note": "x" * 501}, 422),
        ("POST", at, {"filter": {"models": ["no/such"]}}, 422),
        ("POST", f"/datasets/{uuid4()}/versions", {}, 404),
        ("GET", f"/datasets/{uuid4()}/versions", None, 404),
        ("GET", f"{at}/7", None, 404),
        ("GET", f"{at}/1/rows?limit=0", None, 422),
        ("GET", f"{at}/1/rows?cursor=nonsense", None, 422),
        ("POST", f"{at}/1/exports", {"format": "xls"}, 422),
        ("POST", f"{at}/1/exports", {"format": "parquet", "partition": "moon"}, 422),
        ("POST", f"{at}/7/exports", {"format": "jsonl"}, 404),
        ("GET", f"/datasets/exports/{uuid4()}", None, 404),
        ("PUT", f"/generations/{uuid4()}/consent", {"consent": True}, 404),
        ("PUT", f"/generations/{row.id}/consent", {"consent": "perhaps"}, 422),
        ("PUT", f"/generations/{row.id}/consent", {}, 422),
    ]
    for method, path, body, status in refused:
        assert send(client, method, path, body).status_code == status, (method, path, body)
    assert send(client, "POST", at, {"filter": {"models": ["no/such"]}}).json()["type"] == "/problems/nothing-selected"
    assert Version.objects.for_workspace(agreed.id).count() == 1
