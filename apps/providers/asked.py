"""What vendors have in common who are asked how a job is, never call, and cannot be asked by a name of ours."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apps.providers.base import Job, ProviderError, WebhookRefused
from apps.providers.http import Vendor
from apps.wording import gettext as _

# An input that travels inside the request. Vendors take about so much in one.
INLINE_MAX_BYTES = 14 * 1024 * 1024
EXTENSIONS: Mapping[str, str] = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
}


class Asked:
    """For adapters: no webhooks and no lookup."""

    lookup_complete = False

    def find(self, attempt_id: str) -> Job | None:
        """None: the vendor knows jobs by its own ids only."""
        return None

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> str:
        """Nobody was told where to call, so whoever does is not the vendor."""
        raise WebhookRefused("This vendor is asked; it was never told to call.")


def filename(content_type: str, fallback: str = "bin") -> str:
    """A name for an output of this type."""
    return f"output.{EXTENSIONS.get(content_type.partition(';')[0].strip().lower(), fallback)}"


def inline(vendor: Vendor, reference: Mapping[str, Any]) -> str:
    """An input as base64, for vendors who take files inside the request. ProviderError: nothing was sent."""
    with tempfile.TemporaryDirectory(prefix="millrace-") as folder:
        path = Path(folder) / "input"
        Inputs(vendor.title).download(reference["url"], path)
        if path.stat().st_size > INLINE_MAX_BYTES:
            megabytes = INLINE_MAX_BYTES // 1024**2
            detail = _("%(vendor)s takes files up to %(size)s MB.", vendor=vendor.title, size=megabytes)
            raise ProviderError("invalid", detail, permanent=True)
        return base64.b64encode(path.read_bytes()).decode("ascii")


class Inputs(Vendor):
    """Our own store, fetched from before a submission."""

    def __init__(self, title: str) -> None:
        super().__init__(title, {})

    def expired(self) -> str:
        """An input that is gone."""
        return _("The input file is no longer there.")
