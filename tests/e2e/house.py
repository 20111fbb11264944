"""A workspace that has been lived in: many people, long names, money that came and went, budgets near their end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from apps.accounts.models import User
from apps.billing import services
from apps.billing.budgets import budget_create
from apps.billing.models import Purchase, PurchaseKind, PurchaseState, StripeCustomer, TopupRule
from apps.common.ids import uuid7
from apps.common.money import MICRO
from apps.common.tenancy import scope
from apps.projects.services import project_create, workflow_create
from apps.runs.services import run_start
from apps.workspaces.inviting import member_invite
from apps.workspaces.models import Membership, Role, TokenScope, Workspace
from apps.workspaces.service_accounts import service_account_create, service_token_issue
from apps.workspaces.services import member_change_role, token_issue
from tests.runs.graphs import graph, node

# Nearly as long as a name may be, in words and in one word.
LONG = "A name that is longer than anybody would give to a thing, and that somebody gives it all the same"
ONE_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
NAMES = (LONG, ONE_WORD, "李小龙", "Ada Lovelace", "Grace Hopper", "Karen Spärck Jones", "Ἀσπασία", "Bob")
HOSTED = "https://pay.example.org"


def house_fill(workspace: Workspace, owner: User) -> dict[str, Any]:
    """Fill it, as its owner; answers ids that addresses are made of."""
    with scope(workspace.id):
        people_fill(workspace, owner)
        return money_fill(workspace, owner)


def people_fill(workspace: Workspace, owner: User, count: int = 24) -> None:
    """Members of every role, invitations, service accounts and tokens."""
    actor = Membership.objects.get(workspace=workspace, user=owner)
    roles = [Role.ADMIN, Role.EDITOR, Role.VIEWER, Role.GUEST]
    for number in range(count):
        name = NAMES[number % len(NAMES)]
        user = User.objects.create_user(f"member-{number}@{'a' * 30}.example.org", name=name)
        Membership.objects.create(workspace=workspace, user=user, role=roles[number % 4])
    member_change_role(actor=actor, user_id=user.id, role=Role.EDITOR)
    for local in ("newcomer", "somebody.with.a.rather.long.address+and-a-tag"):
        member_invite(actor=actor, email=f"{local}@{'b' * 30}.example.org", role=Role.EDITOR)
    for name in ("Nightly", LONG):
        account = service_account_create(actor=actor, name=name, role=Role.EDITOR)
        asked: dict[str, Any] = {"name": LONG, "scopes": TokenScope.values, "days": 30}
        service_token_issue(account=account, issued_by_id=owner.id, **asked)
        token_issue(workspace_id=workspace.id, created_by_id=owner.id, **asked)


def money_fill(workspace: Workspace, owner: User) -> dict[str, Any]:
    """Purchases in every state, charges of runs and of single calls, holds, a dispute, budgets, automatic top-up."""
    ids: dict[str, Any] = {"workspace_id": workspace.id, "actor_id": owner.id}
    project = project_create(name=LONG, **ids)
    document = graph([node("words", "input.text", text="sea"), node("end")], ("words", "text", "end", "value"))
    workflow = workflow_create(name=ONE_WORD, project_id=project.id, graph=document, **ids)
    run = run_start(workflow=workflow, actor_id=owner.id)
    bought = [purchase(workspace, owner, kind, state) for kind in PurchaseKind for state in PurchaseState]
    paid = next(one for one in bought if one.topup_id)
    for micro in (1, 2_500_000, 123_456_789):
        charge(ids, micro, project_id=project.id, workflow_id=workflow.id, model="sandbox/image")
    services.credits_hold(amount=7 * MICRO, hold_id=run.id, description=LONG, run_id=run.id, **ids)
    back: dict[str, Any] = {"workspace_id": workspace.id, "amount": 300 * MICRO, "topup_id": paid.topup_id}
    services.credits_clawback(
        source="stripe_refund", source_id=f"{paid.id}:1", description=f"Paid back: {paid.description}", **back
    )
    services.credits_freeze(source="stripe_dispute", source_id="dp_1", description="Disputed", **back)
    for about, limit in (("workspace", 130), ("project", 120), ("run", 5_000)):
        target = project.id if about == "project" else None
        period = "total" if about == "run" else "month"
        budget_create(scope=about, target_id=target, period=period, limit=limit * MICRO, **ids)
    StripeCustomer.objects.create(
        workspace=workspace, customer_id=f"cus_{workspace.id.hex}", livemode=False, method_label="Visa •••• 4242"
    )
    TopupRule.objects.create(
        workspace=workspace, threshold=100 * MICRO, credits=1_000 * MICRO, monthly_cap=10_000, failures=2
    )
    open_one = next(one for one in bought if one.state == PurchaseState.OPEN and one.kind == PurchaseKind.PACK)
    return {"run": run.id, "paid": paid.id, "open": open_one.id, "project": project.id}


def purchase(workspace: Workspace, owner: User, kind: PurchaseKind, state: PurchaseState) -> Purchase:
    """One purchase as our side keeps it; a paid one has brought its credits, and has papers."""
    made = Purchase(
        workspace=workspace, kind=kind, state=state, credits=1_000 * MICRO, amount=1_000, currency="usd",
        livemode=False, actor_id=owner.id, description=f"{kind.label}: 1,000 credits",
    )  # fmt: skip
    if kind == PurchaseKind.AUTOMATIC and state == PurchaseState.PROCESSING:
        made.state = PurchaseState.FAILED  # one at a time, says the database
    if made.state == PurchaseState.FAILED:
        made.error = f"The card was declined, says a bank at length. {LONG}."
    if state == PurchaseState.PAID:
        made.paid, made.paid_at, made.refunded = 1_190, timezone.now() - timedelta(days=3), 300
        made.receipt_url, made.invoice_url = f"{HOSTED}/receipt", f"{HOSTED}/invoice"
        made.topup_id = services.credits_topup(
            workspace_id=workspace.id, amount=made.credits, source="stripe_cs", source_id=f"cs_{made.id}",
            description=made.description, actor_id=owner.id,
        ).id  # fmt: skip
    made.save()
    return made


def charge(ids: dict[str, Any], micro: int, **about: Any) -> None:
    """A call that was made by itself, and paid."""
    hold_id = uuid7()
    services.credits_hold(hold_id=hold_id, amount=micro, description=LONG, **ids, **about)
    services.hold_capture(hold_id=hold_id, amount=micro, description=f"sandbox/image: {LONG}")
