"""Django's default storage on the process's one connection."""

from __future__ import annotations

from typing import Any

from storages.backends.s3 import S3Storage

from apps.common import objects


class ObjectStorage(S3Storage):  # type: ignore[misc]
    """Under ASGI each request has a thread of its own; the parent class would build a session (0.1 s) for each."""

    @property
    def connection(self) -> Any:
        """The resource that all threads share."""
        return objects.resource(self.endpoint_url or "", self.client_config)

    @property
    def bucket(self) -> Any:
        """Made anew, which costs nothing: the parent class would carry it over into forked workers."""
        return self.connection.Bucket(self.bucket_name)
