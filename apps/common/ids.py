"""Identifiers: UUID version 7, so that keys made one after the other lie side by side in an index (RFC 9562)."""

from __future__ import annotations

from uuid import UUID

import uuid_utils.compat


def uuid7() -> UUID:
    """A new time-ordered UUID."""
    return uuid_utils.compat.uuid7()
