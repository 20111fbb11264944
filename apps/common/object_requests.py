"""What of the object store needs no more than a signature: links, forms, and whether it answers.

A client would read its whole description of S3 for that, 12 MB and 0.2 s, and take three times as long for a link. The
signatures are botocore's own, so both ways are one and the same to the store.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from django.conf import settings

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from botocore.httpsession import URLLib3Session

# For /readyz, which somebody waits for.
TIMEOUT_S = 5
# RFC 3986, 2.3, and what parts a key.
_UNQUOTED = "/~"


class StoreRefuses(Exception):
    """The store answers, but not for our bucket."""


def object_link(*, key: str, seconds: int, answer: Mapping[str, str]) -> str:
    """A link to GET ``key`` for so many ``seconds``, as browsers reach it; ``answer`` fixes ``response-…`` headers."""
    from botocore.auth import S3SigV4QueryAuth
    from botocore.awsrequest import AWSRequest

    address = f"{_bucket(settings.S3_PUBLIC_URL)}/{quote(key, safe=_UNQUOTED)}?{urlencode(answer, quote_via=quote)}"
    request = AWSRequest(method="GET", url=address)
    S3SigV4QueryAuth(_credentials(), "s3", settings.S3_REGION, expires=seconds).add_auth(request)
    return str(request.url)


def object_form(*, key: str, fields: Mapping[str, str], conditions: Sequence[Any], seconds: int) -> dict[str, Any]:
    """A POST policy ``{url, fields}`` for ``key``, as browsers reach it: these fields and what ``conditions`` ask."""
    from botocore.auth import S3SigV4PostAuth
    from botocore.awsrequest import AWSRequest

    request = AWSRequest(method="POST", url=_bucket(settings.S3_PUBLIC_URL))
    filled = {**fields, "key": key}
    expiration = datetime.now(UTC) + timedelta(seconds=seconds)
    request.context["s3-presign-post-fields"] = filled
    request.context["s3-presign-post-policy"] = {
        "expiration": expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "conditions": [
            *({name: value} for name, value in fields.items()),
            *conditions,
            {"bucket": settings.S3_BUCKET},
            {"key": key},
        ],
    }
    S3SigV4PostAuth(_credentials(), "s3", settings.S3_REGION).add_auth(request)
    return {"url": str(request.url), "fields": filled}


def bucket_check() -> None:
    """Ask the store for our bucket: StoreRefuses, or BotoCoreError when it cannot be reached."""
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest

    request = AWSRequest(method="HEAD", url=_bucket(settings.S3_ENDPOINT_URL))
    S3SigV4Auth(_credentials(), "s3", settings.S3_REGION).add_auth(request)
    status = _http().send(request.prepare()).status_code
    if status != 200:
        raise StoreRefuses(f"HEAD of the bucket {settings.S3_BUCKET} is answered with {status}")


def _bucket(endpoint: str) -> str:
    """The address of the bucket in path style, where every store knows it."""
    return f"{(endpoint or _amazon()).rstrip('/')}/{settings.S3_BUCKET}"


def _amazon() -> str:
    """Where Amazon has S3 in our region, which is what no endpoint means."""
    domain = "amazonaws.com.cn" if settings.S3_REGION.startswith("cn-") else "amazonaws.com"
    return f"https://s3.{settings.S3_REGION}.{domain}"


def _credentials() -> Any:
    """The keys as they are now; without ours, those that this machine or its role was given, which change."""
    return _source().get_frozen_credentials()


@cache
def _source() -> Credentials:
    if settings.S3_ACCESS_KEY:
        from botocore.credentials import Credentials

        return Credentials(settings.S3_ACCESS_KEY, settings.S3_SECRET_KEY)
    from botocore.exceptions import NoCredentialsError

    from apps.common import object_descriptions

    found: Credentials | None = object_descriptions.session().get_credentials()
    if found is None:
        raise NoCredentialsError
    return found


@cache
def _http() -> URLLib3Session:
    from botocore.httpsession import URLLib3Session

    return URLLib3Session(timeout=TIMEOUT_S)


def _forget() -> None:
    for made in (_source, _http):
        made.cache_clear()


# A connection must not be shared with a forked worker process.
os.register_at_fork(after_in_child=_forget)
