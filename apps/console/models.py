"""What staff tell everybody."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from apps.common.ids import uuid7


class AnnouncementLevel(models.TextChoices):
    """How much it matters; the look of the banner."""

    INFO = "info", _("News")
    WARNING = "warning", _("Warning")
    ERROR = "error", _("Trouble")


class Announcement(models.Model):
    """A sentence on every page, from ``begins_at`` until ``ends_at`` (NULL: until it is taken away).

    ``texts``: the sentence by language code; a language without one reads that of the site's own.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    texts = models.JSONField()
    level = models.CharField(
        _("level"), max_length=10, choices=AnnouncementLevel.choices, default=AnnouncementLevel.INFO
    )
    begins_at = models.DateTimeField(_("from"), default=timezone.now)
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        verbose_name = _("announcement")
        verbose_name_plural = _("announcements")
        constraints = [
            models.CheckConstraint(condition=Q(level__in=AnnouncementLevel.values), name="console_announcement_level"),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("begins_at")), name="console_announcement_span"
            ),
        ]

    def __str__(self) -> str:
        return self.text[:80]

    @property
    def text(self) -> str:
        """In the reader's language, else in the site's own."""
        return str(self.texts.get(get_language() or "") or self.texts.get(settings.LANGUAGE_CODE, ""))
