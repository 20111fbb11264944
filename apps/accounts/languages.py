"""Which language a person reads: the one they last chose, or last signed in with."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import get_language

from apps.accounts.models import User


def language_keep(user_id: UUID) -> None:
    """Remember the language of this request for what is written to its person later."""
    language = get_language() or ""
    User.objects.filter(id=user_id).exclude(language=language).update(language=language)
