"""Why a file is not taken: a code with its values is stored, the sentence is made for whoever reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

SENTENCES = {
    "type_mismatch": gettext_noop(
        "This is not %(declared)s but %(real)s. Rename it, or convert it, and upload it again."
    ),
    "active_content": gettext_noop(
        "%(real)s can carry scripts, so it is not taken as a picture. Export it as PNG or WebP and upload that."
    ),
    "size_mismatch": gettext_noop("%(real)s arrived where %(declared)s were announced. Upload the file again."),
    "hash_mismatch": gettext_noop("The bytes that arrived are not those that were announced. Upload the file again."),
    "too_many_pixels": gettext_noop(
        "The picture is %(width)s × %(height)s pixels. At most %(limit)s megapixels are taken: scale it down first."
    ),
    "damaged": gettext_noop(
        "The file is damaged or cut short: it announces %(declared)s but cannot be read to its end."
    ),
    "no_picture": gettext_noop("The file announces %(declared)s but holds no picture track."),
    "no_sound": gettext_noop("The file announces %(declared)s but holds no sound track."),
    "not_text": gettext_noop("The file announces %(declared)s but holds bytes that are not text."),
    "empty": gettext_noop("The file is empty."),
}


class Refused(Exception):
    """The bytes are not what they claim, or not what we take. ``code`` is a key of SENTENCES."""

    def __init__(self, code: str, **values: Any) -> None:
        self.refusal = {"code": code, **values}
        super().__init__(refusal_sentence(self.refusal))


class TooHeavy(Exception):
    """More pixels than the caller wants to decode where it is; not a refusal."""


def refusal_sentence(refusal: Mapping[str, Any]) -> str:
    """The refusal in the reader's language; an empty string when there is none."""
    if not refusal:
        return ""
    values = {
        key: filesizeformat(value) if key in {"declared", "real"} and isinstance(value, int) else value
        for key, value in refusal.items()
    }
    sentence = SENTENCES[refusal["code"]]
    return _(sentence) % values
