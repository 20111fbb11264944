"""What every socket of the site needs to know of its reader."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils import translation


def socket_language(connection: Any) -> str:
    """The reader's language from the ASGI scope: the cookie of the language switch, else what the browser asks for."""
    cookie = connection.get("cookies", {}).get(settings.LANGUAGE_COOKIE_NAME, "")
    accepted = dict(connection["headers"]).get(b"accept-language", b"").decode("latin-1")
    for code in [cookie, *(part.partition(";")[0].strip() for part in accepted.split(","))]:
        try:
            return translation.get_supported_language_variant(code)
        except LookupError:
            continue
    return settings.LANGUAGE_CODE
