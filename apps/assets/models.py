"""Blobs are bytes, stored once per workspace; assets are what people see: a name, a source, a state over a blob."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Concat, Upper
from django.utils.translation import gettext_lazy as _

from apps.common.models import TenantModel, TenantRow


class Kind(models.TextChoices):
    """What the bytes are for; ports and the gallery's filter speak of these."""

    IMAGE = "image", _("Image")
    VIDEO = "video", _("Video")
    AUDIO = "audio", _("Audio")
    TABLE = "table", _("Table")
    FILE = "file", _("File")


class Source(models.TextChoices):
    """Where an asset came from."""

    UPLOAD = "upload", _("Uploaded")
    GENERATION = "generation", _("Generated")
    NODE = "node", _("Made by a node")


class AssetState(models.TextChoices):
    """``pending`` waits for its bytes, ``verifying`` has them looked at, then ``ready`` or ``refused`` for good."""

    PENDING = "pending", _("Waiting for the upload")
    VERIFYING = "verifying", _("Being checked")
    READY = "ready", _("Ready")
    REFUSED = "refused", _("Refused")


class PreviewState(models.TextChoices):
    """``none`` is for kinds that have no picture."""

    PENDING = "pending", _("Being drawn")
    READY = "ready", _("Ready")
    FAILED = "failed", _("Could not be drawn")
    NONE = "none", _("No preview")


class Blob(TenantModel):
    """Bytes under their SHA-256, with what was measured from them.

    ``meta`` holds ``width, height, duration, fps, codec, frames, has_audio`` (and ``columns, encoding`` of tables), as
    far as the kind has them; ``previews`` maps the longest side in pixels to a storage key.
    """

    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    content_type = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    key = models.CharField(max_length=200)
    meta = models.JSONField(default=dict)
    previews = models.JSONField(default=dict)
    preview_state = models.CharField(max_length=10, choices=PreviewState.choices, default=PreviewState.PENDING)
    # What it is made of, as numbers of `palette`, the largest share first.
    colours = ArrayField(models.SmallIntegerField(), default=list, blank=True, db_default=[])

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "sha256"], name="assets_blob_once"),
            models.CheckConstraint(condition=models.Q(kind__in=Kind.values), name="assets_blob_kind"),
            models.CheckConstraint(
                condition=models.Q(preview_state__in=PreviewState.values), name="assets_blob_preview_state"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sha256[:12]} {self.content_type}"


class Asset(TenantModel):
    """A file of the workspace. ``size``, ``content_type`` and ``kind`` are claims until the state is ``ready``.

    ``project_id`` is a plain column because projects lie above assets. ``refusal`` is ``{"code", …values}``: the
    sentence is made when it is shown, in the reader's language. ``checked_at`` is when verification last began.
    """

    PROJECT = ("project_id",)

    blob = models.ForeignKey(Blob, on_delete=models.RESTRICT, related_name="assets", null=True, blank=True)
    filename = models.CharField(max_length=255)
    title = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=12, choices=Source.choices)
    project_id = models.UUIDField(null=True, blank=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    content_type = models.CharField(max_length=100)
    size = models.PositiveBigIntegerField()
    state = models.CharField(max_length=10, choices=AssetState.choices, default=AssetState.PENDING)
    refusal = models.JSONField(default=dict, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    published_at = models.DateTimeField(null=True, blank=True)
    trashed_at = models.DateTimeField(null=True, blank=True)
    upload_key = models.CharField(max_length=200, blank=True)
    claimed_sha256 = models.CharField(max_length=64, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    # What a node had opened when it made this, and in which run: plain columns, they outlive both.
    made_from = ArrayField(models.UUIDField(), default=list, blank=True, db_default=[])
    made_in = models.UUIDField(null=True, blank=True)
    # What the gallery's search by name looks into.
    naming = models.GeneratedField(
        expression=Upper(Concat("filename", models.Value(" "), "title")),
        output_field=models.TextField(),
        db_persist=True,
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=Kind.values), name="assets_asset_kind"),
            models.CheckConstraint(condition=models.Q(source__in=Source.values), name="assets_asset_source"),
            models.CheckConstraint(condition=models.Q(state__in=AssetState.values), name="assets_asset_state"),
            # Ready means there are bytes: nobody can hand on a reference to nothing.
            models.CheckConstraint(
                condition=~models.Q(state=AssetState.READY) | models.Q(blob__isnull=False),
                name="assets_asset_ready_blob",
            ),
        ]
        indexes = [
            models.Index(
                fields=["workspace", "-created_at", "-id"],
                condition=models.Q(trashed_at__isnull=True),
                name="assets_asset_gallery",
            ),
            models.Index(
                fields=["workspace", "-trashed_at", "-id"],
                condition=models.Q(trashed_at__isnull=False),
                name="assets_asset_trash",
            ),
            models.Index(
                fields=["created_at"],
                condition=~models.Q(state=AssetState.READY),
                name="assets_asset_unsettled",
            ),
            GinIndex(fields=["naming"], opclasses=["gin_trgm_ops"], name="assets_asset_naming"),
        ]

    def __str__(self) -> str:
        return self.title or self.filename

    @property
    def name(self) -> str:
        """What people call it."""
        return self.title or self.filename

    @property
    def measured(self) -> dict[str, Any]:
        """The blob's measurements; empty before there is a blob."""
        return cast("dict[str, Any]", self.blob.meta) if self.blob else {}


def asset_rows(workspace_id: UUID) -> models.QuerySet[Asset]:
    """A workspace's assets with what every surface shows of them, in one query."""
    rows = Asset.objects.for_workspace(workspace_id).select_related("blob", "created_by")
    return cast("models.QuerySet[Asset]", rows)


class Derivation(TenantRow):
    """That something was made from a file. Written by the database itself when a file or a generation is.

    The same stands in ``Asset.made_from`` and ``Generation.inputs``, whose indexes row-level security cannot use.
    """

    pk = models.CompositePrimaryKey("source_id", "kind", "made_id")
    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    source_id = models.UUIDField()
    # "asset" or "generation"
    kind = models.CharField(max_length=10)
    made_id = models.UUIDField()
    created_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "source_id", "kind", "-created_at"], name="assets_derivation_newest")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.made_id} from {self.source_id}"
