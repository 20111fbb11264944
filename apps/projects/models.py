"""Projects, workflows, and the log of operations that a workflow's graph is made of."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.common.models import TenantManager, TenantModel
from apps.workspaces.models import Role

NAME_MAX = 100
COMMENT_MAX = 4000
# What somebody can be in a project. Owners are of workspaces.
PROJECT_ROLES = (Role.GUEST, Role.VIEWER, Role.EDITOR, Role.ADMIN)


class Project(TenantModel):
    """A folder of workflows and of what they made. ``active_at`` is the last change to it or to anything in it.

    A ``private`` one is seen by those who are listed in :class:`ProjectMember` alone.
    """

    PROJECT = ("id",)

    name = models.CharField(_("name"), max_length=NAME_MAX)
    description = models.TextField(_("description"), max_length=2000, blank=True)
    private = models.BooleanField(_("private"), default=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    active_at = models.DateTimeField(default=timezone.now, editable=False)
    trashed_at = models.DateTimeField(null=True, blank=True, editable=False)

    # What is not in the trash.
    LIVE: ClassVar[Q] = Q(trashed_at=None)

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-created_at", "-id"], name="projects_project_made"),
            models.Index(fields=["workspace"], name="projects_project_private", condition=Q(private=True)),
            models.Index(
                fields=["workspace", "-active_at", "-id"], name="projects_project_active", condition=Q(trashed_at=None)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ProjectMember(TenantModel):
    """A member's own role in a project: it raises theirs in the workspace; in a private project it is the only one."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="members")
    membership = models.ForeignKey("workspaces.Membership", on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=10, choices=[(role.value, role.label) for role in PROJECT_ROLES])

    PROJECT = ("project_id",)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "membership"], name="projects_member_once"),
            models.CheckConstraint(
                condition=Q(role__in=[role.value for role in PROJECT_ROLES]), name="projects_member_role"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.project_id} {self.membership_id} {self.role}"


class Workflow(TenantModel):
    """A graph and its history.

    The truth is the log: the :class:`Operation` rows 1 to ``last_seq``. ``snapshot`` is only a cache of the first
    ``snapshot_seq`` of them, and ``nodes_bound`` and ``bytes_bound`` are upper bounds of the document's size that
    become exact with each snapshot, so that an ordinary change never has to load the document.
    """

    PROJECT = ("project_id",)

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="workflows")
    name = models.CharField(_("name"), max_length=NAME_MAX)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    active_at = models.DateTimeField(default=timezone.now, editable=False)
    trashed_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_seq = models.BigIntegerField(default=0, editable=False)
    snapshot = models.JSONField(default=dict, editable=False)
    snapshot_seq = models.BigIntegerField(default=0, editable=False)
    nodes_bound = models.IntegerField(default=0, editable=False)
    bytes_bound = models.IntegerField(default=0, editable=False)
    published_version = models.PositiveIntegerField(null=True, blank=True, editable=False)

    # What is not in the trash, by itself or with its project.
    LIVE: ClassVar[Q] = Q(trashed_at=None, project__trashed_at=None)
    # What a list, or anything that needs no graph, leaves unread: it may be megabytes.
    HEAVY: ClassVar[str] = "snapshot"

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(snapshot_seq__gte=0, snapshot_seq__lte=models.F("last_seq")),
                name="projects_workflow_snapshot_within_log",
            )
        ]
        indexes = [
            models.Index(fields=["workspace", "project", "-created_at", "-id"], name="projects_workflow_made"),
            models.Index(
                fields=["workspace", "project", "-active_at", "-id"],
                name="projects_workflow_active",
                condition=Q(trashed_at=None),
            ),
            models.Index(
                fields=["workspace", "-trashed_at"],
                name="projects_workflow_trash",
                condition=Q(trashed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Operation(models.Model):
    """One change to a graph, in the server's order: ``seq`` has no gaps. ``apps.engine.operations`` reads ``op``.

    The largest table of the app, so its key is the log's own address and there is no further index for reading: a
    workflow belongs to one workspace, and the composite foreign key holds the row's workspace to it.
    """

    PROJECT = ("workflow__project_id",)

    pk = models.CompositePrimaryKey("workflow_id", "seq")
    workspace = models.ForeignKey("workspaces.Workspace", on_delete=models.CASCADE, related_name="+", db_index=False)
    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="operations", db_index=False)
    seq = models.BigIntegerField()
    # Nulled when the person is deleted; what they drew stays.
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    client_id = models.CharField(max_length=64)
    client_seq = models.BigIntegerField()
    op = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = TenantManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workflow", "client_id", "client_seq"], name="projects_operation_once"),
            models.CheckConstraint(condition=Q(seq__gte=1), name="projects_operation_seq_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.workflow_id}#{self.seq}"


class WorkflowVersion(TenantModel):
    """A named point in a workflow's log that never changes. The published one is what triggers and the API run."""

    PROJECT = ("workflow__project_id",)

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    seq = models.BigIntegerField()
    name = models.CharField(_("name"), max_length=NAME_MAX, blank=True)
    note = models.TextField(_("note"), max_length=2000, blank=True)
    document = models.JSONField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    published_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workflow", "number"], name="projects_version_number_once")]
        indexes = [models.Index(fields=["workspace", "workflow", "-number"], name="projects_version_list")]

    def __str__(self) -> str:
        return f"{self.workflow_id} v{self.number}"


class Comment(TenantModel):
    """What somebody said of a workflow, or of one of its nodes; with ``parent`` an answer in that one's thread.

    A deleted one keeps its text until its author can no longer take that back, and is shown to nobody.
    """

    PROJECT = ("workflow__project_id",)

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="comments")
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="answers")
    node = models.CharField(max_length=64, blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    body = models.TextField(max_length=COMMENT_MAX)
    edited_at = models.DateTimeField(null=True, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)
    resolved_at = models.DateTimeField(null=True, editable=False)
    resolved_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(parent=None) | Q(node="", resolved_at=None), name="projects_comment_thread_head"
            )
        ]
        indexes = [models.Index(fields=["workspace", "workflow", "created_at"], name="projects_comment_list")]

    def __str__(self) -> str:
        return self.body[:60]


class Mention(TenantModel):
    """A person named in a comment; a mark on their Home until they have seen it."""

    PROJECT = ("comment__workflow__project_id",)

    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="mentions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    seen_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["comment", "user"], name="projects_mention_once")]
        indexes = [models.Index(fields=["workspace", "user"], name="projects_mention_open", condition=Q(seen_at=None))]

    def __str__(self) -> str:
        return f"{self.comment_id} {self.user_id}"
