"""The flywheel's records, consent and licences, and datasets: frozen versions of what people agreed to."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.common.models import TenantModel, TenantRow


class RecordBatch(TenantModel):
    """Records of one workspace and one day that become one object. Its key is chosen before anything is stored."""

    key = models.CharField(max_length=200, unique=True)
    count = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64, blank=True)
    stored_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["created_at"], name="datasets_batch_open", condition=Q(stored_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return self.key


class Record(TenantRow):
    """What one settled generation was, as of then. ``body`` waits here until its batch is stored, then goes.

    The row stays: it tells in which object a generation's record lies, and that there is one already.
    """

    generation_id = models.UUIDField(primary_key=True)
    body = models.JSONField(null=True)
    batch = models.ForeignKey(RecordBatch, on_delete=models.CASCADE, null=True, blank=True, related_name="records")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(
                fields=["workspace", "created_at"], name="datasets_record_waits", condition=Q(batch__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return str(self.generation_id)


class Consent(TenantModel):
    """One decision: may generations of this workspace (or this one generation) enter a dataset? Never changed.

    The newest row without a generation is what the workspace says; no row means no. Whether a single generation may is
    in its own ``consent``; the rows here keep who said so and when. ``allowed`` NULL: as the workspace says.
    """

    generation_id = models.UUIDField(null=True, blank=True)
    allowed = models.BooleanField(null=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["workspace", "generation_id", "-created_at"], name="datasets_consent_newest")]

    def __str__(self) -> str:
        return f"{self.generation_id or 'workspace'} {self.allowed}"


class Licence(TenantModel):
    """Under which licence what a model makes here may be used; ``model`` "" is for all that have none of their own."""

    model = models.CharField(max_length=120, blank=True)
    text = models.CharField(max_length=200)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "model"], name="datasets_licence_once")]

    def __str__(self) -> str:
        return self.text


class Camera(models.TextChoices):
    """How the camera moves through a clip, as far as its picture tells."""

    STATIC = "static", _("Still")
    PAN = "pan", _("Pan")
    TILT = "tilt", _("Tilt")
    ZOOM = "zoom", _("Zoom")
    HANDHELD = "handheld", _("Handheld")
    OTHER = "other", _("Other")


class VideoMeasure(TenantModel):
    """What was measured from a video's pictures. ``motion`` is in percent of the longer side per second.

    ``tries`` counts attempts; ``measured_at`` is empty until one succeeded.
    """

    blob = models.OneToOneField("assets.Blob", on_delete=models.CASCADE, related_name="+")
    tries = models.PositiveSmallIntegerField(default=0)
    measured_at = models.DateTimeField(null=True, blank=True)
    frames = models.PositiveIntegerField(null=True)
    fps = models.FloatField(null=True)
    duration = models.FloatField(null=True)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    codec = models.CharField(max_length=40, blank=True)
    bit_rate = models.BigIntegerField(null=True)
    motion = models.FloatField(null=True)
    camera = models.CharField(max_length=10, choices=Camera.choices, blank=True)
    detail = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.camera} {self.motion}"


class Dataset(TenantModel):
    """A name for versions of one selection."""

    name = models.CharField(_("name"), max_length=100)
    description = models.TextField(_("description"), max_length=2000, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["workspace", "-created_at", "-id"], name="datasets_dataset_list")]

    def __str__(self) -> str:
        return self.name


class VersionState(models.TextChoices):
    """``freezing`` has no rows yet that anybody sees; what failed or was cancelled never gets any."""

    FREEZING = "freezing", _("Freezing")
    FROZEN = "frozen", _("Frozen")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class FreezeError(models.TextChoices):
    """Why a version could not be frozen."""

    NOTHING = "nothing", _("Nothing fits this selection that anybody agreed to.")
    TOO_MUCH = "too_much", _("A version holds at most 1,000,000 generations. Narrow the selection, by date say.")
    TRIES = "tries", _("It could not be frozen after several tries. Try it again; nothing was lost.")


class Version(TenantModel):
    """A selection, fixed: which generations, and what people had said of them. Numbered from 1, never changed.

    What may not be exported any more is marked in its rows; ``revision`` counts such changes, ``removed`` the rows.
    While it is being frozen, ``done`` of ``rows`` says how far it is, and ``fence`` counts claims as with exports.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    note = models.CharField(_("note"), max_length=500, blank=True)
    chosen = models.JSONField(default=dict)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    rows = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)
    revision = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=10, choices=VersionState.choices, default=VersionState.FREEZING)
    error = models.CharField(max_length=10, choices=FreezeError.choices, blank=True)
    done = models.PositiveIntegerField(default=0)
    fence = models.PositiveIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    frozen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="datasets_version_once"),
            models.CheckConstraint(condition=Q(state__in=VersionState.values), name="datasets_version_state"),
            models.CheckConstraint(
                condition=Q(state=VersionState.FROZEN, frozen_at__isnull=False)
                | (~Q(state=VersionState.FROZEN) & Q(frozen_at__isnull=True)),
                name="datasets_version_frozen",
            ),
        ]
        indexes = [
            models.Index(fields=["created_at"], name="datasets_version_open", condition=Q(state=VersionState.FREEZING)),
        ]

    def __str__(self) -> str:
        return str(self.number)

    @property
    def is_frozen(self) -> bool:
        """Whether its rows are there and may be exported."""
        return self.state == VersionState.FROZEN

    @property
    def is_live(self) -> bool:
        """Whether it is being frozen."""
        return self.state == VersionState.FREEZING

    @property
    def part(self) -> float:
        """How much of it is frozen, 0 to 1."""
        return self.done / self.rows if self.rows else 0.0

    @property
    def kept(self) -> int:
        """Rows that may be exported."""
        return self.rows - self.removed


class Why(models.TextChoices):
    """Why a row of a version is not exported."""

    CONSENT = "consent_withdrawn", _("Consent was withdrawn")
    ASSET = "asset_deleted", _("A file of it was deleted")
    GENERATION = "generation_deleted", _("The generation was deleted")


class Row(TenantRow):
    """One generation in a version, in the order they were made, with what people said of it when it was frozen."""

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveIntegerField()
    generation_id = models.UUIDField()
    model = models.CharField(max_length=120)
    rating = models.PositiveSmallIntegerField(null=True)
    tags = ArrayField(models.CharField(max_length=60), default=list)
    licence = models.CharField(max_length=200, blank=True)
    why = models.CharField(max_length=20, choices=Why.choices, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["version", "position"], name="datasets_row_once")]
        indexes = [models.Index(fields=["version", "model", "position"], name="datasets_row_by_model")]

    def __str__(self) -> str:
        return f"{self.version_id} {self.position}"


class ChangeKind(models.TextChoices):
    """What happened to a version."""

    FROZEN = "frozen", _("Frozen")
    REMOVED = "removed", _("Removed")
    RESTORED = "restored", _("Came back")


class Change(TenantModel):
    """A line of a version's changelog: so many rows, when, why."""

    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="changes")
    kind = models.CharField(max_length=10, choices=ChangeKind.choices)
    why = models.CharField(max_length=20, choices=Why.choices, blank=True)
    count = models.PositiveIntegerField()

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.count}"


class Format(models.TextChoices):
    """What an export is."""

    PARQUET = "parquet", _("Parquet, files by reference")
    JSONL = "jsonl", _("JSON lines, files by reference")
    WEBDATASET = "webdataset", _("WebDataset: tar shards with the files")


class Partition(models.TextChoices):
    """What a Parquet export is divided by."""

    DATE = "date", _("Day")
    MODEL = "model", _("Model")


class ExportState(models.TextChoices):
    """``outdated``: rows of its version were removed since, so its files are gone and no link is given any more."""

    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    READY = "ready", _("Done")
    FAILED = "failed", _("Failed")
    OUTDATED = "outdated", _("Outdated")


class Export(TenantModel):
    """A version as files. ``files`` has what is stored: ``{"name", "size", "rows", "sha256"}``.

    ``after`` is where the next file begins, so that another worker goes on there. ``fence`` counts claims; an older
    claimant changes nothing.
    """

    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="exports")
    format = models.CharField(max_length=12, choices=Format.choices)
    partition = models.CharField(max_length=8, choices=Partition.choices, default=Partition.DATE)
    state = models.CharField(max_length=10, choices=ExportState.choices, default=ExportState.QUEUED)
    error = models.CharField(max_length=300, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    revision = models.PositiveIntegerField(default=0)
    after = models.JSONField(default=list)
    files = models.JSONField(default=list)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    fence = models.PositiveIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ExportState.values), name="datasets_export_state"),
            models.CheckConstraint(condition=Q(format__in=Format.values), name="datasets_export_format"),
        ]
        indexes = [
            models.Index(
                fields=["created_at"], name="datasets_export_open", condition=Q(state__in=["queued", "running"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.format} {self.state}"

    @property
    def is_live(self) -> bool:
        """Whether it is still being made."""
        return self.state in (ExportState.QUEUED, ExportState.RUNNING)

    @property
    def part(self) -> float:
        """How much is done, 0 to 1."""
        return self.done / self.total if self.total else 0.0

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(int(file["size"]) for file in self.files)


class Recheck(TenantRow):
    """This workspace's versions are to be looked through: consent was withdrawn or a file deleted. One row at most."""

    id = models.BigAutoField(primary_key=True)
    wanted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace"], name="datasets_recheck_once")]

    def __str__(self) -> str:
        return str(self.workspace_id)
