"""The object store: keys, presigned forms and links, and bytes that stream past without being held."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from apps.common import objects
from apps.common.object_requests import object_form, object_link

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

CHUNK = 1024 * 1024
StorageDown = (BotoCoreError, ClientError)


@dataclass(frozen=True)
class Stored:
    """What the store says of one object."""

    size: int
    etag: str


def client() -> S3Client:
    """The client that our own processes use."""
    return objects.client(settings.S3_ENDPOINT_URL)


def incoming_key(workspace_id: UUID, asset_id: UUID) -> str:
    """Quarantine: where a browser may put an asset's bytes. Nothing is ever served from there."""
    return f"ws/{workspace_id}/incoming/{asset_id}"


def blob_key(workspace_id: UUID, sha256: str) -> str:
    """Where verified bytes stay, by what they are."""
    return f"ws/{workspace_id}/blobs/{sha256[:2]}/{sha256}"


def preview_key(workspace_id: UUID, sha256: str, side: int) -> str:
    """Where a preview of those bytes stays."""
    return f"ws/{workspace_id}/previews/{sha256[:2]}/{sha256}/{side}.webp"


def upload_form(*, key: str, content_type: str, size: int, seconds: int) -> dict[str, Any]:
    """A POST policy ``{url, fields}``: this key, this type, exactly this many bytes, for ``seconds``."""
    fields = {"Content-Type": content_type, "success_action_status": "204"}
    return object_form(key=key, fields=fields, conditions=[["content-length-range", size, size]], seconds=seconds)


def object_head(key: str) -> Stored | None:
    """Size and version of an object, or None when there is none."""
    try:
        found = client().head_object(Bucket=settings.S3_BUCKET, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return None
        raise
    return Stored(size=found["ContentLength"], etag=found["ETag"])


@contextmanager
def object_local(key: str, suffix: str = "") -> Iterator[tuple[Path, str]]:
    """The object as a temporary file and its SHA-256, streamed; the file is gone afterwards."""
    digest = hashlib.sha256()
    with NamedTemporaryFile(prefix="millrace-", suffix=suffix) as local:
        body = client().get_object(Bucket=settings.S3_BUCKET, Key=key)["Body"]
        with body:
            for chunk in body.iter_chunks(CHUNK):
                digest.update(chunk)
                local.write(chunk)
        local.flush()
        yield Path(local.name), digest.hexdigest()


def object_put(path: Path, key: str, content_type: str) -> None:
    """Store a local file, streamed (in parts when it is large)."""
    client().upload_file(str(path), settings.S3_BUCKET, key, ExtraArgs={"ContentType": content_type})


def object_put_bytes(data: bytes, key: str, content_type: str) -> None:
    """Store something small."""
    client().put_object(Bucket=settings.S3_BUCKET, Key=key, Body=data, ContentType=content_type)


def object_copy(source: str, target: str, *, etag: str, content_type: str) -> None:
    """Copy inside the store; ClientError (412) when ``source`` is no longer the version ``etag``.

    The form that wrote ``source`` may still be valid, so what was verified must be what is copied.
    """
    client().copy_object(
        Bucket=settings.S3_BUCKET,
        Key=target,
        CopySource={"Bucket": settings.S3_BUCKET, "Key": source},
        CopySourceIfMatch=etag,
        MetadataDirective="REPLACE",
        ContentType=content_type,
    )


def object_delete(*keys: str) -> None:
    """Delete objects; the ones that do not exist are no error."""
    for key in keys:
        client().delete_object(Bucket=settings.S3_BUCKET, Key=key)


def keys_before(moment: datetime) -> Iterator[str]:
    """The keys of all objects that were written before ``moment``."""
    for page in client().get_paginator("list_objects_v2").paginate(Bucket=settings.S3_BUCKET, Prefix="ws/"):
        for found in page.get("Contents", ()):
            if found["LastModified"] < moment:
                yield found["Key"]


def object_url(key: str, *, seconds: int, content_type: str, disposition: str) -> str:
    """A link to one object that ends after ``seconds`` and fixes how a browser takes it."""
    answer = {"response-content-type": content_type, "response-content-disposition": disposition}
    return object_link(key=key, seconds=seconds, answer=answer)


def file_digest(path: Path) -> str:
    """SHA-256 of a local file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
