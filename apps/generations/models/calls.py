"""One paid call to a provider: what was asked, where it stands, what it cost and what came of it."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.common.models import TenantModel, TenantRow


class GenerationState(models.TextChoices):
    """Where a paid call stands. The one enum for every surface."""

    PREPARED = "prepared", _("Queued")
    SUBMITTING = "submitting", _("Submitting")
    SUBMITTED = "submitted", _("Waiting at the provider")
    RUNNING = "running", _("Running")
    SUCCEEDED = "succeeded", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")
    EXPIRED = "expired", _("Expired")
    UNKNOWN = "unknown", _("Unclear")


# States in which the credits are still held.
LIVE = (
    GenerationState.PREPARED,
    GenerationState.SUBMITTING,
    GenerationState.SUBMITTED,
    GenerationState.RUNNING,
    GenerationState.UNKNOWN,
)
# States in which the provider has it, or may have it.
SENT = (
    GenerationState.SUBMITTING,
    GenerationState.SUBMITTED,
    GenerationState.RUNNING,
    GenerationState.UNKNOWN,
)
# States in which the provider is asked how it goes.
POLLED = (GenerationState.SUBMITTED, GenerationState.RUNNING, GenerationState.UNKNOWN)


class Generation(TenantModel):
    """One paid call. Its id is the attempt id that the provider is told and the id of its hold.

    ``project_id``, ``workflow_id`` and ``run_id`` are plain columns: the tape outlives what it came from. ``params``
    and ``inputs`` are as they were at that moment. ``delivery`` is what the provider says it made, until we have
    copied it.
    ``fence`` counts claims, so that a claimant which was given up changes nothing. Money is in micro-credits.
    """

    PROJECT = ("project_id",)

    project_id = models.UUIDField(null=True, blank=True)
    workflow_id = models.UUIDField(null=True, blank=True)
    run_id = models.UUIDField(null=True, blank=True)
    node = models.CharField(max_length=64, blank=True)
    item = models.PositiveIntegerField(default=0)
    attempt = models.PositiveSmallIntegerField(default=1)
    actor_id = models.UUIDField(null=True, blank=True)
    idempotency_key = models.CharField(max_length=255, blank=True)

    kind = models.CharField(max_length=10)
    provider = models.CharField(max_length=40)
    model = models.CharField(max_length=120)
    prompt = models.TextField(blank=True)
    params = models.JSONField(default=dict)
    inputs = models.JSONField(default=dict)
    seed = models.BigIntegerField(null=True, blank=True)
    request_digest = models.BinaryField(max_length=32)

    state = models.CharField(max_length=10, choices=GenerationState.choices, default=GenerationState.PREPARED)
    tries = models.PositiveSmallIntegerField(default=0)
    fence = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    provider_request_id = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001
    provider_urls = models.JSONField(default=dict)
    delivery = models.JSONField(null=True, blank=True)

    hold_id = models.UUIDField()
    price_low = models.BigIntegerField()
    price_high = models.BigIntegerField()
    cost = models.BigIntegerField(default=0)

    progress = models.FloatField(null=True, blank=True)
    progress_message = models.CharField(max_length=200, blank=True)
    error_code = models.CharField(max_length=30, blank=True)
    error = models.TextField(blank=True)
    error_detail = models.TextField(blank=True)
    permanent = models.BooleanField(default=False)

    submitted_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    latency_ms = models.PositiveIntegerField(null=True, blank=True)
    # Since when the vendor has answered that it is busy.
    busy_since = models.DateTimeField(null=True, blank=True)
    poll_after = models.DateTimeField(default=timezone.now)
    polled_at = models.DateTimeField(null=True, blank=True)
    polls = models.PositiveIntegerField(default=0)
    deadline_at = models.DateTimeField()
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    cancel_sent_at = models.DateTimeField(null=True, blank=True)
    # Its answer was lost, and by then nobody could say what became of it: since then a person is asked.
    asked_at = models.DateTimeField(null=True, blank=True)

    outputs = models.JSONField(default=list)
    # What a model that writes has written.
    text = models.TextField(blank=True, default="", db_default="")
    # What the vendor says it used (tokens, seconds, megapixels), where it says so.
    usage = models.JSONField(default=dict, db_default={})
    # Who was asked before this model answered, and why not they:
    # ``{"model", "code", "message", "at", "asked", "dropped"}`` each.
    route = models.JSONField(default=list, db_default=[])
    # The workspace's own key that it is made with; NULL: the platform's account.
    key_id = models.UUIDField(null=True, blank=True)
    # What it would have cost with the platform's account, where it is made with another.
    list_price = models.BigIntegerField(default=0, db_default=0)
    # Those of the vendors it may be sent to that it was priced with a key of the workspace's own for.
    own_providers = ArrayField(models.CharField(max_length=40), default=list, blank=True, db_default=[])
    # Which models are asked in turn if the vendor of this one is busy or ill.
    fallbacks = models.JSONField(default=list, db_default=[])
    # Which version of the catalogue's entry the form and the price came from.
    model_version = models.PositiveIntegerField(default=1, db_default=1)
    # What people say of it: stars 1 to 5, tags, and whether it may enter a dataset (NULL: as the workspace says).
    rating = models.PositiveSmallIntegerField(null=True, blank=True)
    tags = ArrayField(models.CharField(max_length=60), default=list, blank=True, db_default=[])
    consent = models.BooleanField(null=True, blank=True)
    # The comparison that it is a variant of, where it was asked for without a graph, and what differs in it. Its place
    # there is ``item``.
    comparison_id = models.UUIDField(null=True, blank=True)
    differs = models.JSONField(null=True, blank=True)
    assets = models.ManyToManyField("assets.Asset", through="GenerationOutput", related_name="generations")

    class Meta:
        verbose_name = _("paid call")
        verbose_name_plural = _("paid calls")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=GenerationState.values), name="generations_state"),
            models.CheckConstraint(
                condition=Q(cost__gte=0, cost__lte=F("price_high"), price_low__gte=0, price_low__lte=F("price_high")),
                name="generations_price",
            ),
            models.CheckConstraint(
                condition=Q(state="succeeded") | Q(cost=0), name="generations_only_success_is_charged"
            ),
            models.CheckConstraint(
                condition=Q(rating__isnull=True) | Q(rating__range=(1, 5)), name="generations_rating"
            ),
            models.UniqueConstraint(
                fields=["run_id", "node", "item", "attempt"],
                condition=Q(run_id__isnull=False),
                name="generations_attempt_once",
            ),
            models.UniqueConstraint(
                fields=["provider", "provider_request_id"], name="generations_provider_request_once"
            ),
            models.UniqueConstraint(
                fields=["workspace", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="generations_idempotency_once",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "-created_at", "-id"], name="generations_tape"),
            models.Index(fields=["workspace", "project_id", "-created_at", "-id"], name="generations_project"),
            models.Index(fields=["workspace", "model", "-created_at", "-id"], name="generations_model"),
            models.Index(fields=["workspace", "run_id"], name="generations_run", condition=Q(run_id__isnull=False)),
            models.Index(
                fields=["workspace", "comparison_id", "item"],
                name="generations_comparison",
                condition=Q(comparison_id__isnull=False),
            ),
            models.Index(
                fields=["provider", "-settled_at"], name="generations_health", condition=Q(settled_at__isnull=False)
            ),
            models.Index(
                fields=["poll_after"], name="generations_due", condition=Q(state__in=[str(state) for state in LIVE])
            ),
            # Who waits for a place, and how many places each workspace has taken (apps.generations.execution.claims).
            models.Index(
                fields=["workspace", "poll_after"],
                name="generations_waiting",
                condition=Q(state="prepared", cancel_requested_at__isnull=True),
            ),
            models.Index(
                fields=["workspace"],
                name="generations_flying",
                condition=Q(state__in=["submitting", "submitted", "running", "unknown"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.state}"

    @property
    def asks(self) -> bool:
        """Whether a person is asked what to do about its lost answer."""
        return self.state == GenerationState.UNKNOWN and self.asked_at is not None

    @property
    def is_live(self) -> bool:
        """Whether it may still change by itself."""
        return self.state in LIVE


class SubmissionTurn(TenantRow):
    """When a workspace last had a call sent: of those with as many in flight, the longest unserved is next."""

    workspace = models.OneToOneField(
        "workspaces.Workspace", on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    served_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.workspace_id} {self.served_at}"


class ProviderPause(models.Model):
    """Until when nothing is sent to a vendor with one account: its pace is reached, or it said so.

    ``key_id``: a workspace's own key; NULL: the platform's account.
    """

    provider = models.CharField(max_length=40)
    key_id = models.UUIDField(null=True, blank=True)
    until = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "key_id"], nulls_distinct=False, name="generations_pause_once")
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.until}"


class GenerationOutput(TenantModel):
    """One file that a generation made, in the provider's order."""

    PROJECT = ("generation__project_id",)

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="output_rows")
    asset = models.ForeignKey("assets.Asset", on_delete=models.CASCADE, related_name="+")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["generation", "position"], name="generations_output_once"),
        ]
        indexes = [models.Index(fields=["workspace", "generation"], name="generations_output_rows")]

    def __str__(self) -> str:
        return f"{self.generation_id} {self.position}"


class Vote(TenantModel):
    """A member's vote for a generation, where several are compared. Each member has one for each."""

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="votes")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["generation", "user"], name="generations_one_vote")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.generation_id}"
