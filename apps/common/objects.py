"""The way to the object store: one session per process, because each holds megabytes of service descriptions.

Under ASGI each request has a thread of its own, so nothing may be kept per thread: making it takes 0.1 s.
"""

from __future__ import annotations

import os
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings

if TYPE_CHECKING:
    from boto3.session import Session
    from types_boto3_s3 import S3Client

# Threads may share clients, but may not make them from one session at the same time.
_making = threading.Lock()


@cache
def _session() -> Session:
    """The process's session, to be used under ``_making`` only."""
    import boto3  # 20 MB, which beat and workers that touch no file never need

    from apps.common import object_descriptions

    return boto3.session.Session(
        aws_access_key_id=settings.S3_ACCESS_KEY or None,
        aws_secret_access_key=settings.S3_SECRET_KEY or None,
        region_name=settings.S3_REGION,
        botocore_session=object_descriptions.session(),
    )


@cache
def client(endpoint: str) -> S3Client:
    """The client for that address; threads share it."""
    from botocore.config import Config

    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        max_pool_connections=32,
        connect_timeout=5,
        read_timeout=60,
        retries={"max_attempts": 3, "mode": "standard"},
    )
    with _making:
        return _session().client("s3", endpoint_url=endpoint or None, config=config)


@cache
def resource(endpoint: str, config: Any) -> Any:
    """What django-storages works with. Nothing is ever loaded into it, so threads share it like a client."""
    with _making:
        return _session().resource("s3", endpoint_url=endpoint or None, config=config)


def _forget() -> None:
    global _making
    _making = threading.Lock()  # another thread may have held it at the fork
    for made in (_session, client, resource):
        made.cache_clear()


# A connection must not be shared with a forked worker process.
os.register_at_fork(after_in_child=_forget)
