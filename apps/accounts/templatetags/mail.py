"""Where mail goes when no mail server is set."""

from __future__ import annotations

from pathlib import Path

from django import template
from django.conf import settings

register = template.Library()


@register.simple_tag
def mail_folder() -> str:
    """The folder mail is written to, relative to the checkout where it lies within; "" with a real mail server."""
    if settings.EMAIL_HOST:
        return ""
    folder = Path(settings.EMAIL_FILE_PATH)
    return str(folder.relative_to(settings.BASE_DIR) if folder.is_relative_to(settings.BASE_DIR) else folder)
