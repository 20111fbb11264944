"""What is told to everybody."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin

from apps.console.admin.base import Kept
from apps.console.banners import ANNOUNCEMENTS
from apps.console.forms import AnnouncementForm, text_field
from apps.console.models import Announcement


@admin.register(Announcement)
class AnnouncementAdmin(Kept, ModelAdmin):  # type: ignore[misc]
    """A sentence per language, from when until when."""

    form = AnnouncementForm
    list_display = ("words", "level", "begins_at", "ends_at", "created_by")
    list_filter = ("level",)
    list_select_related = ("created_by",)
    ordering = ("-begins_at",)
    fields = (*(text_field(code) for code, _name in settings.LANGUAGES), "level", "begins_at", "ends_at")
    actions = None

    @admin.display(description=gettext_lazy("Text"))
    def words(self, row: Announcement) -> str:
        """In the reader's language."""
        return row.text

    def save_model(self, request: HttpRequest, obj: Announcement, form: Any, change: bool) -> None:
        """Note who wrote it, and tell every process."""
        if not change:
            obj.created_by_id = request.user.pk
        super().save_model(request, obj, form, change)
        ANNOUNCEMENTS.changed()

    def delete_model(self, request: HttpRequest, obj: Announcement) -> None:
        """It disappears from every page within seconds."""
        super().delete_model(request, obj)
        ANNOUNCEMENTS.changed()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """The same for several."""
        super().delete_queryset(request, queryset)
        ANNOUNCEMENTS.changed()
