"""Runs: the frozen graph, the run, its steps and its events. The journal of record; messages may be lost, rows not."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.common.models import TenantModel, TenantRow
from apps.engine import states


class RunState(models.TextChoices):
    """The engine's run states with their names for people."""

    PENDING = states.RunState.PENDING.value, _("Queued")
    RUNNING = states.RunState.RUNNING.value, _("Running")
    WAITING = states.RunState.WAITING.value, _("Waiting")
    COMPLETED = states.RunState.COMPLETED.value, _("Done")
    FAILED = states.RunState.FAILED.value, _("Failed")
    CANCELLED = states.RunState.CANCELLED.value, _("Cancelled")


class StepState(models.TextChoices):
    """The engine's step states with their names for people."""

    PENDING = states.StepState.PENDING.value, _("Pending")
    READY = states.StepState.READY.value, _("Queued")
    RUNNING = states.StepState.RUNNING.value, _("Running")
    WAITING = states.StepState.WAITING.value, _("Waiting")
    COMPLETED = states.StepState.COMPLETED.value, _("Done")
    FAILED = states.StepState.FAILED.value, _("Failed")
    SKIPPED = states.StepState.SKIPPED.value, _("Skipped")
    CANCELLED = states.StepState.CANCELLED.value, _("Cancelled")
    CACHED = states.StepState.CACHED.value, _("Reused")


# Steps of this type ask a person.
APPROVAL_TYPE = "flow.approval"
# Steps that have outputs which travel on.
STEP_EMITTED = [state.value for state in states.StepState if state.emitted]
RUN_LIVE = [RunState.PENDING, RunState.RUNNING, RunState.WAITING]


class Graph(TenantModel):
    """A graph document as it was when it ran, stored once per workspace by its content."""

    digest = models.BinaryField(max_length=32)
    document = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "digest"], name="runs_graph_once")]

    def __str__(self) -> str:
        return bytes(self.digest).hex()[:12]


# The composite keys of the migrations hold these; a second constraint and index of the same would be paid for each run.
_TENANT: dict[str, Any] = {"db_constraint": False, "db_index": False}


class Run(TenantModel):
    """One execution of a graph.

    ``fence`` and ``lease_until`` say which driver may write; ``wakes`` counts reasons to look again, so that a driver
    cannot let go while one is unseen; ``last_seq`` is the newest event. Costs are micro-credits.
    """

    PROJECT = ("project_id",)

    workflow = models.ForeignKey(
        "projects.Workflow", null=True, on_delete=models.SET_NULL, related_name="runs", **_TENANT
    )
    project = models.ForeignKey("projects.Project", null=True, on_delete=models.SET_NULL, related_name="+", **_TENANT)
    graph = models.ForeignKey(Graph, on_delete=models.PROTECT, related_name="+", **_TENANT)
    version = models.PositiveIntegerField(null=True)
    # Where reused steps come from, the node that runs again with all that hangs on it, and inputs a person edited.
    from_run = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="+", **_TENANT)
    from_node = models.CharField(max_length=64, blank=True, default="", db_default="")
    overrides = models.JSONField(default=dict, db_default={})
    dry_run = models.BooleanField(default=False, db_default=False)
    # The step that this run is: a workflow used as a node.
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="children", **_TENANT)
    parent_position = models.IntegerField(null=True)
    parent_item = models.IntegerField(null=True)
    parent_attempt = models.PositiveSmallIntegerField(null=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    # The API token it was started with; a plain id, which the budgets of tokens go by.
    token_id = models.UUIDField(null=True)
    variables = models.JSONField(default=dict)
    targets = models.JSONField(null=True)
    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.PENDING)
    error = models.JSONField(null=True)
    price_low = models.BigIntegerField(default=0)
    price_high = models.BigIntegerField(default=0)
    max_credits = models.BigIntegerField(null=True)
    # The vendors that its price was told of with keys of the workspace's own: credits never pay those.
    own_providers = ArrayField(models.CharField(max_length=40), default=list, db_default=[])
    cost = models.BigIntegerField(default=0)
    last_seq = models.BigIntegerField(default=0)
    fence = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    held = models.GeneratedField(
        expression=models.ExpressionWrapper(models.Q(lease_until__isnull=False), models.BooleanField()),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    wakes = models.BigIntegerField(default=0)
    wake_at = models.DateTimeField(null=True)
    touched_at = models.DateTimeField(default=timezone.now)
    cancel_requested_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        indexes = [
            models.Index(fields=["workspace", "workflow", "-created_at"], name="runs_run_of_workflow"),
            models.Index(fields=["workspace", "-created_at"], name="runs_run_newest"),
            # No index knows `touched_at` or `lease_until`, which each batch of the journal changes: none is written
            # then (HOT), and the key of a step finds the row at once, not behind all its earlier versions.
            models.Index(
                fields=["workspace", "state", "created_at"],
                condition=models.Q(state__in=["pending", "running"]),
                name="runs_run_busy",
            ),
            models.Index(fields=["wake_at"], condition=models.Q(wake_at__isnull=False), name="runs_run_wake"),
            models.Index(fields=["created_at"], condition=models.Q(state="waiting", held=True), name="runs_run_taken"),
            models.Index(
                fields=["created_at"],
                condition=models.Q(cancel_requested_at__isnull=False, finished_at__isnull=True),
                name="runs_run_uncancelled",
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=RunState.values), name="runs_run_state"),
            models.UniqueConstraint(
                fields=["parent", "parent_position", "parent_item", "parent_attempt"],
                condition=models.Q(parent__isnull=False),
                name="runs_one_child_per_try",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.state}"


class _OfRun(TenantRow):
    """Rows of a run. The composite key to the run carries the tenant, so its parts need no constraint of their own."""

    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )

    class Meta:
        abstract = True


class Step(_OfRun):
    """One node of a run (one item of it, where a list maps the node). Written when it first leaves ``pending``."""

    PROJECT = ("run__project_id",)

    pk = models.CompositePrimaryKey("run", "position", "item")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps", db_index=False, db_constraint=False)
    position = models.IntegerField()
    item = models.IntegerField(default=0)
    node = models.CharField(max_length=64)
    type = models.CharField(max_length=64)
    version = models.PositiveSmallIntegerField(default=1, db_default=1)
    state = models.CharField(max_length=10, choices=StepState.choices)
    attempt = models.PositiveSmallIntegerField(default=1)
    fence = models.BigIntegerField(default=0)
    claims = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    # Since when it lies in its lane, and which one: whoever has a free place there claims the fairest such step.
    dispatched_at = models.DateTimeField(null=True)
    lane = models.CharField(max_length=6, blank=True, default="", db_default="")
    wake_at = models.DateTimeField(null=True)
    inputs = models.JSONField(null=True)
    outputs = models.JSONField(null=True)
    # What an answer may come from while it waits: an approval, a callback.
    request = models.JSONField(null=True)
    error = models.JSONField(null=True)
    cost = models.BigIntegerField(default=0)
    cache_key = models.BinaryField(max_length=32, null=True)
    cache_reason = models.CharField(max_length=200, blank=True, default="", db_default="")
    # When those who may approve it were written to.
    asked_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["lane", "workspace", "type", "dispatched_at"],
                condition=models.Q(state="ready", dispatched_at__isnull=False),
                name="runs_step_queued",
            ),
            models.Index(
                fields=["lane", "workspace", "type", "lease_until"],
                condition=models.Q(state="running", dispatched_at__isnull=False),
                name="runs_step_claimed",
            ),
            models.Index(
                fields=["workspace", "-started_at"],
                condition=models.Q(type=APPROVAL_TYPE),
                name="runs_step_approvals",
            ),
            models.Index(
                fields=["started_at"],
                condition=models.Q(type=APPROVAL_TYPE, state="waiting", asked_at__isnull=True),
                name="runs_step_unasked",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.node}[{self.item}] {self.state}"


class LaneTurn(TenantRow):
    """When a workspace was last served in a lane: of those with as many steps at work, the longest unserved is next."""

    pk = models.CompositePrimaryKey("lane", "workspace")
    lane = models.CharField(max_length=6)
    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    served_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.lane} {self.workspace_id} {self.served_at}"


class RunEvent(_OfRun):
    """Something that happened in a run. ``seq`` is gapless and in commit order."""

    PROJECT = ("run__project_id",)

    pk = models.CompositePrimaryKey("run", "seq")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="events", db_index=False, db_constraint=False)
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=24)
    at = models.DateTimeField()
    body = models.JSONField()

    def __str__(self) -> str:
        return f"{self.seq} {self.kind}"


class Attempt(_OfRun):
    """A try of a step that failed and was followed by another. The last try is the step itself."""

    PROJECT = ("run__project_id",)

    pk = models.CompositePrimaryKey("run", "position", "item", "attempt")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="attempts", db_index=False, db_constraint=False)
    position = models.IntegerField()
    item = models.IntegerField()
    attempt = models.PositiveSmallIntegerField()
    error = models.JSONField()
    cost = models.BigIntegerField(default=0)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.position}[{self.item}] attempt {self.attempt}"


class CacheEntry(TenantRow):
    """Where a result with this key is to be found: a settled step. ``size`` in bytes."""

    PROJECT = ("run__project_id",)

    pk = models.CompositePrimaryKey("workspace", "key")
    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    key = models.BinaryField(max_length=32)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    position = models.IntegerField()
    item = models.IntegerField()
    size = models.IntegerField()
    used_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["workspace", "used_at"], name="runs_cache_least_used")]

    def __str__(self) -> str:
        return bytes(self.key).hex()[:12]


class CacheClearing(TenantModel):
    """When reuse was last forbidden for a workspace, one workflow or one node: what is older does not count there."""

    workflow = models.ForeignKey("projects.Workflow", null=True, on_delete=models.CASCADE, related_name="+")
    node = models.CharField(max_length=64, blank=True, default="")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "workflow", "node"], nulls_distinct=False, name="runs_one_clearing_per_place"
            )
        ]

    def __str__(self) -> str:
        return f"{self.workflow_id or self.workspace_id} {self.node} {self.at}"


class Choice(TenantModel):
    """Which result a person chose among a node's variants. It holds wherever that very result is among them again.

    ``digest`` is that of the outputs; ``variant`` is what differed in the one that was chosen.
    """

    workflow = models.ForeignKey("projects.Workflow", on_delete=models.CASCADE, related_name="+")
    node = models.CharField(max_length=64)
    digest = models.BinaryField(max_length=32)
    variant = models.JSONField()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "workflow", "node"], name="runs_one_choice")]

    def __str__(self) -> str:
        return f"{self.workflow_id} {self.node}"


class Letter(TenantModel):
    """A mail that asks one person for one approval. The row comes first, and is claimed before anything is sent.

    ``named`` says that the address itself may decide, so that its link works without signing in. A letter that was
    claimed and neither sent nor given back may or may not have gone out: it is not sent again unless a person asks for
    it. ``agains`` counts how often somebody did, ``again_at`` is the last time.
    """

    PROJECT = ("run__project_id",)

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+", db_index=False)
    position = models.IntegerField()
    item = models.IntegerField()
    attempt = models.PositiveSmallIntegerField()
    address = models.EmailField()
    named = models.BooleanField()
    tries = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True, default=timezone.now)
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True, default="")
    agains = models.PositiveSmallIntegerField(db_default=0, default=0)
    again_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="runs_letter_due"),
            models.Index(fields=["workspace", "-created_at"], name="runs_letter_newest"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "position", "item", "attempt", "address"], name="runs_letter_once_per_request"
            )
        ]

    def __str__(self) -> str:
        return f"{self.address} {self.run_id}/{self.position}"

    @property
    def refused(self) -> str:
        """What the mail server said when it refused this letter for good; "" when it did not."""
        return self.error if self.due_at is None and self.sent_at is None and self.error.startswith("5") else ""
