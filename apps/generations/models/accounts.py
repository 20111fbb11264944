"""What calls are made with: keys of a workspace's own, allowed addresses, and the staff's catalogue entries."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.common.models import TenantModel


class ProviderKey(TenantModel):
    """A key of the workspace's own with a vendor, for one project or for all. It is used, and never shown again."""

    PROJECT = ("project_id",)

    project_id = models.UUIDField(null=True, blank=True)
    provider = models.CharField(max_length=40)
    sealed = models.BinaryField(max_length=4000)
    hint = models.CharField(max_length=12, blank=True)
    base_url = models.CharField(max_length=300, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "provider", "project_id"],
                condition=Q(revoked_at__isnull=True),
                nulls_distinct=False,
                name="generations_one_key",
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.hint}"


class AllowedAddress(models.Model):
    """An address of a vendor that people run themselves (Ollama, ComfyUI), allowed by the staff of this site."""

    provider = models.CharField(max_length=40, choices=[("ollama", "Ollama"), ("comfyui", "ComfyUI")])
    base_url = models.URLField(max_length=300, help_text=_("Without a path, as http://10.0.0.5:11434"))
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("allowed address")
        verbose_name_plural = _("allowed addresses")
        constraints = [models.UniqueConstraint(fields=["provider", "base_url"], name="generations_address_once")]

    def __str__(self) -> str:
        return f"{self.provider} {self.base_url}"


class CatalogueEntry(models.Model):
    """A version of a model's catalogue entry, written by the staff: laid over the one that comes with the product."""

    model = models.CharField(max_length=120)
    version = models.PositiveIntegerField()
    document = models.JSONField(help_text=_("As docs/providers.md says; the newest active version counts."))
    active = models.BooleanField(default=True)
    note = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("catalogue entry")
        verbose_name_plural = _("models and prices")
        constraints = [models.UniqueConstraint(fields=["model", "version"], name="generations_entry_version_once")]

    def __str__(self) -> str:
        return f"{self.model} {self.version}"
