"""The demo workspace: who signs in, what they have, and the workflow that is run before their eyes."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction

from apps.accounts.models import User
from apps.billing.services import credits_grant
from apps.common.tenancy import scope
from apps.projects.models import Project, Workflow
from apps.projects.services import project_create, workflow_create
from apps.projects.starters import STARTERS
from apps.workspaces.models import Membership, Role, Workspace
from apps.workspaces.plans import PlanName

EMAIL = "demo@millrace.local"
SLUG = "demo"
CREDITS = 10_000 * 1_000_000


@transaction.atomic
def demo_seed() -> Workspace:
    """The demo workspace with its person, credits and workflows, made where it is missing. Repeatable."""
    user = User.objects.filter(email__iexact=EMAIL).first() or User.objects.create_user(EMAIL, name="Demo")
    if settings.DEMO_PASSWORD and not user.check_password(settings.DEMO_PASSWORD):
        user.set_password(settings.DEMO_PASSWORD)
        user.save(update_fields=["password"])
    EmailAddress.objects.get_or_create(user=user, email=EMAIL, defaults={"verified": True, "primary": True})
    workspace, _made = Workspace.objects.get_or_create(slug=SLUG, defaults={"name": "Demo"})
    # Benchmarks and outsiders' scripts run here.
    Workspace.objects.filter(id=workspace.id).update(plan=PlanName.TEAM)
    Membership.objects.get_or_create(workspace=workspace, user=user, defaults={"role": Role.OWNER})
    credits_grant(
        workspace_id=workspace.id, amount=CREDITS, reason="Demo credits", source="demo", source_id=str(workspace.id)
    )
    with scope(workspace.id):
        if not Project.objects.exists():
            project = project_create(workspace_id=workspace.id, name="First steps", actor_id=user.id)
            for starter in STARTERS.values():
                workflow_create(
                    workspace_id=workspace.id,
                    project_id=project.id,
                    name=str(starter.title),
                    graph=starter.graph(),
                    actor_id=user.id,
                )
    return workspace


def demo_user() -> User:
    """The person of the demo workspace."""
    return User.objects.get(email__iexact=EMAIL)


def demo_workflow(workspace: Workspace) -> Workflow:
    """The Postcard workflow of the demo workspace, made again when somebody threw it away."""
    with scope(workspace.id):
        found = Workflow.objects.filter(name="Postcard", trashed_at=None, project__trashed_at=None)
        workflow: Workflow | None = found.order_by("created_at").first()
        if workflow is None:
            user = demo_user()
            project = project_create(workspace_id=workspace.id, name="First steps", actor_id=user.id)
            workflow = workflow_create(
                workspace_id=workspace.id,
                project_id=project.id,
                name="Postcard",
                graph=STARTERS["postcard"].graph(),
                actor_id=user.id,
            )
        return workflow
