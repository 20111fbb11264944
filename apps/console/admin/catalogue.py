"""What staff keep: models with their prices, and where customers' own servers may be."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from apps.console.admin.base import Kept
from apps.console.forms import CatalogueEntryForm
from apps.generations.models import AllowedAddress, CatalogueEntry


@admin.register(AllowedAddress)
class AllowedAddressAdmin(Kept, ModelAdmin):  # type: ignore[misc]
    """Where Ollama and ComfyUI servers of customers may be."""

    list_display = ("provider", "base_url", "note", "created_at")
    list_filter = ("provider",)


@admin.register(CatalogueEntry)
class CatalogueEntryAdmin(Kept, ModelAdmin):  # type: ignore[misc]
    """Models, their parameters and prices: a new version is laid over the one before."""

    form = CatalogueEntryForm
    list_display = ("model", "version", "active", "note", "changed_at", "created_by")
    list_filter = ("active",)
    search_fields = ("model", "note")
    readonly_fields = ("created_by", "changed_at")

    def save_model(self, request: HttpRequest, obj: CatalogueEntry, form: Any, change: bool) -> None:
        """Note who wrote it."""
        if not change:
            obj.created_by_id = request.user.pk
        super().save_model(request, obj, form, change)
