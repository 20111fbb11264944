"""Variants on PostgreSQL: each an item that is priced, held, tried again and reused by itself; one of them goes on."""

from __future__ import annotations

from uuid import uuid4

import pytest

from apps.accounts.models import User
from apps.billing.services import balance_get
from apps.generations.models import Generation, GenerationState
from apps.runs import comparing, services
from apps.runs.driver import advance
from apps.runs.models import Step
from apps.workspaces.models import Workspace
from tests.runs.asking import ring, start
from tests.runs.comparing import (
    LENGTHS,
    MODELS,
    Compare,
    Finish,
    Vendors,
    after,
    asked,
    choice,
    says,
    shown,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("inside")]


def test_each_variant_is_asked_priced_and_paid_by_itself(
    compare: Compare, finish: Finish, workspace: Workspace, vendors: Vendors
) -> None:
    workflow = compare({**MODELS, "sweep": {"length": [1, 2]}})
    quote = services.estimate(workflow=workflow)
    assert quote.high == 2 * 1_000_000 + 2 * 3_000_000
    run = start(workflow)
    assert balance_get(workspace_id=workspace.id).held == quote.high
    finish(run)
    assert run.state == "completed"
    made = shown(run)
    assert [(each.model, each.differs["length"]) for each in made] == [
        ("alpha/writer", 1), ("alpha/writer", 2), ("beta/writer", 1), ("beta/writer", 2),
    ]  # fmt: skip
    assert all(each.latency_ms is not None for each in made)
    assert run.cost == sum(each.cost for each in made) == 2 * 160_000 + 2 * 480_000
    assert [each.winner for each in made] == [True, False, False, False]
    assert choice(run).request == {
        "kind": "choice", "variants": 4, "winner": 0, "variant": dict(made[0].differs), "how": "first",
    }  # fmt: skip
    assert after(run) == {"value": "The sea at dusk."}
    assert balance_get(workspace_id=workspace.id).held == 0
    # The tone is alpha's own: the other was asked without it.
    params = Generation.objects.filter(run_id=run.id).order_by("item").values_list("params", flat=True)
    assert ["tone" in each for each in params] == [True, True, False, False]


def test_one_that_fails_is_not_charged_and_the_first_good_one_goes_on(
    compare: Compare, finish: Finish, vendors: Vendors
) -> None:
    vendors[0].script = "refuses"
    run = finish(start(compare(MODELS)))
    assert run.state == "completed"
    failed, good = shown(run)
    assert (failed.state, failed.cost, failed.winner) == ("failed", 0, False)
    assert (good.state, good.winner) == ("completed", True)
    assert run.cost == good.cost == 480_000
    with pytest.raises(comparing.NotChoosable, match="made nothing, so it cannot go on"):
        comparing.variant_choose(run=run, node="ask", place=0, actor_id=None)


def test_when_all_fail_the_step_fails_with_the_first_reason(
    compare: Compare, finish: Finish, workspace: Workspace, vendors: Vendors
) -> None:
    vendors[0].script = "refuses"
    run = finish(start(compare(LENGTHS)))
    assert (run.state, run.cost) == ("failed", 0)
    assert run.error
    assert "All 3 variants failed, so nothing goes on. The first: " in run.error["message"]
    assert balance_get(workspace_id=workspace.id).held == 0
    assert Step.objects.get(run=run, node="after").state == "skipped"


def test_another_winner_does_again_only_what_follows(
    compare: Compare,
    finish: Finish,
    alice: User,
    workspace: Workspace,
    vendors: Vendors,
) -> None:
    says(vendors[1], "Waves.")
    workflow = compare(MODELS)
    first = finish(start(workflow))
    spent, calls = balance_get(workspace_id=workspace.id).available, asked(vendors)
    second = comparing.variant_choose(run=first, node="ask", place=1, actor_id=alice.id)
    assert (second.price_low, second.price_high) == (0, 0)
    assert comparing.variant_choose(run=first, node="ask", place=1, actor_id=alice.id) == second, "a double click"
    advance(second.id)
    second.refresh_from_db()
    assert (second.state, second.cost) == ("completed", 0)
    assert after(second) == {"value": "Waves."}
    ran = Step.objects.filter(run=second, state="completed", request__isnull=True).values_list("node", flat=True)
    assert list(ran) == ["after"]
    assert [each.winner for each in shown(second)] == [False, True]
    assert asked(vendors) == calls
    assert balance_get(workspace_id=workspace.id).available == spent
    # What was chosen stays chosen while it is among the variants, and choosing it again starts nothing.
    third = finish(start(workflow))
    assert after(third) == {"value": "Waves."}
    assert comparing.variant_choose(run=third, node="ask", place=1, actor_id=alice.id) == third
    # Back to the first: everything is known by now.
    fourth = comparing.variant_choose(run=third, node="ask", place=0, actor_id=alice.id)
    advance(fourth.id)
    assert after(fourth) == {"value": "The sea at dusk."}


def test_choosing_pays_for_no_variant_that_failed(compare: Compare, finish: Finish, vendors: Vendors) -> None:
    vendors[0].script = "refuses"
    own = {"models": ["beta/writer", "alpha/writer"], "sweep": {"length": [1, 2]}}
    first = finish(start(compare(own)))
    calls = asked(vendors)
    second = comparing.variant_choose(run=first, node="ask", place=1, actor_id=None)
    assert second.price_high == 0
    advance(second.id)
    second.refresh_from_db()
    assert second.state == "completed"
    assert [each.state for each in shown(second)] == ["cached", "cached", "skipped", "skipped"]
    assert asked(vendors) == calls


def test_a_run_waits_for_a_person_and_holds_no_worker(
    compare: Compare, finish: Finish, alice: User, vendors: Vendors
) -> None:
    says(vendors[1], "Waves.")
    workflow = compare({**MODELS, "choose": "person"})
    run = start(workflow)
    with pytest.raises(comparing.NotChoosable, match="This variant is still being made"):
        comparing.variant_choose(run=run, node="ask", place=0, actor_id=alice.id)
    finish(run)
    assert run.state == "waiting"
    assert run.lease_until is None
    assert choice(run).state == "waiting"
    assert comparing.variant_choose(run=run, node="ask", place=1, actor_id=alice.id) == run
    with pytest.raises(comparing.NotChoosable, match="still under way"):
        comparing.variant_choose(run=run, node="ask", place=0, actor_id=alice.id)
    advance(run.id)
    run.refresh_from_db()
    assert run.state == "completed"
    assert after(run) == {"value": "Waves."}
    assert (choice(run).request or {})["how"] == "person"
    # The same results need no second choice.
    again = finish(start(workflow))
    assert (again.state, after(again)) == ("completed", {"value": "Waves."})


def test_after_thirty_days_the_first_good_one_goes_on(compare: Compare, finish: Finish) -> None:
    run = finish(start(compare({**LENGTHS, "choose": "person"})))
    ring(run)
    advance(run.id)
    run.refresh_from_db()
    assert run.state == "completed"
    assert (choice(run).request or {})["how"] == "timeout"
    assert shown(run)[0].winner


def test_the_most_votes_of_several_members_decide(compare: Compare, finish: Finish, alice: User, bob: User) -> None:
    workflow = compare({**LENGTHS, "choose": "votes"})
    run = finish(start(workflow))
    assert shown(run)[0].winner, "without any vote the first one goes on"
    for place, voter in ((1, alice), (1, alice), (2, alice), (2, bob)):
        comparing.variant_vote(run=run, node="ask", place=place, user_id=voter.id, vote=True)
    assert [each.votes.count for each in shown(run)] == [0, 1, 2]
    again = finish(start(workflow))
    assert [each.votes.count for each in shown(again)] == [0, 1, 2], "votes go with the result, reused or not"
    assert shown(again)[2].winner
    for voter in (alice, bob):
        comparing.variant_vote(run=again, node="ask", place=2, user_id=voter.id, vote=False)
    assert shown(finish(start(workflow)))[1].winner


def test_what_made_nothing_or_is_not_there_gets_no_vote(
    compare: Compare, finish: Finish, alice: User, vendors: Vendors
) -> None:
    vendors[0].script = "refuses"
    run = finish(start(compare(MODELS)))
    with pytest.raises(comparing.NotVotable, match="This variant made nothing"):
        comparing.variant_vote(run=run, node="ask", place=0, user_id=alice.id, vote=True)
    for name, place in (("ask", 2), ("ask", -1), ("words", 0), ("nobody", 0)):
        with pytest.raises(comparing.NoSuchVariant):
            comparing.variant_vote(run=run, node=name, place=place, user_id=alice.id, vote=True)


def test_a_variant_whose_file_is_gone_cannot_go_on(compare: Compare, finish: Finish) -> None:
    run = finish(start(compare(LENGTHS)))
    gone = {"$asset": str(uuid4()), "kind": "image"}
    Step.objects.filter(run=run, node="ask", item=1).update(outputs={"text": gone})
    with pytest.raises(comparing.NotChoosable, match="in the trash or gone"):
        comparing.variant_choose(run=run, node="ask", place=1, actor_id=None)


def test_cancel_in_the_middle_ends_variants_and_choice(compare: Compare, workspace: Workspace, finish: Finish) -> None:
    run = start(compare(LENGTHS))
    services.run_cancel(run=run)
    advance(run.id)
    finish(run)
    assert run.state == "cancelled"
    assert {each.state for each in shown(run)} == {"cancelled"}
    assert choice(run).state == "cancelled"
    assert balance_get(workspace_id=workspace.id).held == 0
    assert not Generation.objects.filter(run_id=run.id, state=GenerationState.SUCCEEDED).exists()


def test_a_limit_stops_the_variants_that_would_pass_it(compare: Compare, finish: Finish) -> None:
    run = finish(start(compare(LENGTHS), max_credits=2_500_000))
    assert run.state == "completed"
    assert [each.state for each in shown(run)] == ["completed", "completed", "failed"]
    assert "This run may cost at most" in shown(run)[2].error["message"]


def test_a_dry_run_says_what_each_variant_would_ask(compare: Compare, finish: Finish) -> None:
    run = finish(start(compare(LENGTHS), dry_run=True))
    assert run.state == "completed"
    assert [each.error["code"] for each in shown(run)] == ["dry-run"] * 3
    assert choice(run).state == "skipped"


def test_a_driver_that_died_finds_the_same_choice(compare: Compare, finish: Finish) -> None:
    run = start(compare({**LENGTHS, "choose": "person"}))
    finish(run)
    before = choice(run).wake_at
    advance(run.id)
    assert choice(run).wake_at == before
    assert Step.objects.filter(run=run, node="ask").count() == 4


def test_an_estimate_of_known_variants_is_free_and_names_the_wait(compare: Compare, finish: Finish) -> None:
    workflow = compare({**LENGTHS, "choose": "person"})
    finish(start(workflow))
    quote = services.estimate(workflow=workflow)
    told = {step.node: step for step in quote.steps}
    assert quote.high == 0
    assert told["ask"].reason == "Waits for a choice"
    assert told["after"].action == "run"


def test_a_run_with_a_variant_named_by_hand(compare: Compare, finish: Finish) -> None:
    workflow = compare(LENGTHS)
    run = finish(start(workflow, part=services.Part(inputs={"ask": {"$winner": {"length": 2}}})))
    assert [each.state for each in shown(run)] == ["skipped", "completed", "skipped"]
    with pytest.raises(services.NoSuchNode, match="has no such variant"):
        start(workflow, part=services.Part(inputs={"ask": {"$winner": {"length": 9}}}))
