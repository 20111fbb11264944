"""The submission log is for staff, and for whoever has the vendor's key."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client

from apps.sandbox.services import job_submit
from tests.sandbox.orders import raw

pytestmark = pytest.mark.django_db
URL = "/sandbox/submissions"
KEY = {"Authorization": f"Bearer {settings.SANDBOX_KEY}"}


def _client(*, staff: bool) -> Client:
    user = get_user_model().objects.create_user(email=f"{staff}@millrace.test", password="x")
    user.is_staff = staff
    user.save()
    client = Client()
    client.force_login(user)
    return client


def test_submission_list_page() -> None:
    job_submit(raw=raw(client_reference="<b>one</b>"))
    answer = _client(staff=True).get(URL, headers={"Accept": "text/html"})
    assert answer.status_code == HTTPStatus.OK
    assert b"&lt;b&gt;one&lt;/b&gt;" in answer.content


def test_submission_list_json() -> None:
    for reference in ("one", "two", "two"):
        job_submit(raw=raw(client_reference=reference))
    client = _client(staff=True)
    everything = client.get(URL, headers={"Accept": "application/json"}).json()
    assert [item["client_reference"] for item in everything["items"]] == ["two", "two", "one"]
    assert everything["count"] == 3
    assert client.get(f"{URL}?format=json&client_reference=two").json()["count"] == 2
    first = client.get(f"{URL}?format=json&limit=2").json()
    rest = client.get(f"{URL}?format=json&limit=2&cursor={first['next']}").json()
    assert len(first["items"]) + len(rest["items"]) == 3
    assert rest["next"] is None


def test_submission_list_refuses_others() -> None:
    assert _client(staff=False).get(URL).status_code == HTTPStatus.NOT_FOUND
    assert Client().get(URL).status_code == HTTPStatus.FOUND
    assert Client().get(f"{URL}?format=json", headers=KEY).status_code == HTTPStatus.OK
    assert Client().get(URL, headers={"Authorization": "Bearer wrong"}).status_code == HTTPStatus.FOUND


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=1001", "cursor=%00", "cursor=nonsense"])
def test_submission_list_with_bad_paging(query: str) -> None:
    answer = Client().get(f"{URL}?format=json&{query}", headers=KEY)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert answer.json()["error"]["message"]


def test_api_wants_the_key() -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic é"}):
        answer = Client().post("/sandbox/v1/jobs", raw(), "application/json", headers=headers)
        assert answer.status_code == HTTPStatus.UNAUTHORIZED
        assert answer.json()["error"]["code"] == "auth"
