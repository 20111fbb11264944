"""Links, forms and the check of the bucket, which go without a client."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from django.test import Client

from apps.common import object_requests, objects
from apps.common.object_requests import StoreRefuses, bucket_check, object_form, object_link
from config import health

CLOSED = "http://127.0.0.1:1"
KEYS = ["ws/1/blobs/aa/bb", "ws/1/a b+c~é/漢'(1)&x=y%20.png"]


@pytest.fixture(autouse=True)
def unknown() -> Iterator[None]:
    """What was made for other settings is not kept."""

    def forget() -> None:
        object_requests._forget()
        objects._forget()

    forget()
    yield
    forget()


@pytest.fixture
def role(request: pytest.FixtureRequest, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As at Amazon: no address, and keys that the machine was given."""
    settings.S3_ENDPOINT_URL = settings.S3_PUBLIC_URL = settings.S3_ACCESS_KEY = settings.S3_SECRET_KEY = ""
    settings.S3_REGION = getattr(request, "param", "eu-central-1")
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
        monkeypatch.setenv(f"AWS_{name}", f"the-{name}")


def same_second(make: Callable[[], Any]) -> Any:
    """What ``make`` answers when no second passes meanwhile: signatures and policies name it."""
    while True:
        before = datetime.now(UTC).replace(microsecond=0)
        made = make()
        if datetime.now(UTC).replace(microsecond=0) == before:
            return made


def assert_link_as_client(key: str, settings: Any) -> str:
    answer = {"response-content-type": "image/png", "response-content-disposition": 'inline; filename="a b.png"'}
    params = {
        "Bucket": settings.S3_BUCKET,
        "Key": key,
        "ResponseContentType": answer["response-content-type"],
        "ResponseContentDisposition": answer["response-content-disposition"],
    }
    client = objects.client(settings.S3_PUBLIC_URL)
    ours, theirs = same_second(
        lambda: (
            object_link(key=key, seconds=60, answer=answer),
            client.generate_presigned_url("get_object", Params=params, ExpiresIn=60),
        )
    )
    assert ours == theirs
    return str(ours)


@pytest.mark.parametrize("key", KEYS)
def test_a_link_is_the_one_a_client_signs(key: str, settings: Any) -> None:
    assert_link_as_client(key, settings)


@pytest.mark.parametrize("role", ["eu-central-1", "cn-north-1"], indirect=True)
@pytest.mark.usefixtures("role")
def test_without_an_address_and_keys_amazon_and_the_role_are_asked(settings: Any) -> None:
    link = assert_link_as_client(KEYS[0], settings)
    assert link.startswith(f"https://s3.{settings.S3_REGION}.amazonaws.com")
    assert "X-Amz-Security-Token=the-SESSION_TOKEN" in link


@pytest.mark.parametrize("keys", ["own", "role"])
def test_a_form_is_the_one_a_client_signs(keys: str, settings: Any, request: pytest.FixtureRequest) -> None:
    if keys == "role":
        request.getfixturevalue("role")
    fields, size = {"Content-Type": "image/png"}, ["content-length-range", 3, 3]
    client = objects.client(settings.S3_PUBLIC_URL)
    ours, theirs = same_second(
        lambda: (
            object_form(key="ws/1/x", fields=fields, conditions=[size], seconds=60),
            client.generate_presigned_post(
                settings.S3_BUCKET, "ws/1/x", Fields=dict(fields), Conditions=[dict(fields), size], ExpiresIn=60
            ),
        )
    )
    assert ours == theirs


def test_the_bucket_answers() -> None:
    bucket_check()


@pytest.mark.parametrize("wrong", ["S3_BUCKET", "S3_SECRET_KEY"])
def test_a_store_that_refuses_is_not_ready(wrong: str, settings: Any) -> None:
    setattr(settings, wrong, "not-the-one")
    with pytest.raises(StoreRefuses):
        bucket_check()


def test_a_store_that_is_away_is_not_ready(settings: Any, monkeypatch: pytest.MonkeyPatch, client: Client) -> None:
    settings.S3_ENDPOINT_URL = CLOSED
    with pytest.raises(EndpointConnectionError):
        bucket_check()
    monkeypatch.setattr(health, "PARTS", {"storage": health.PARTS["storage"]})
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert json.loads(answer.content) == {"ok": False, "storage": {"ok": False, "error": "EndpointConnectionError"}}
