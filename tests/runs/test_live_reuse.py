"""Reuse, policy, limits and dry runs of paid steps on the running site, judged by the vendor's own log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apps.assets.models import Asset
from apps.projects.models import Workflow
from apps.sandbox.models import Submission
from apps.workspaces.models import Workspace
from tests.runs.conftest import GRANTED
from tests.runs.graphs import film, graph, image, node
from tests.runs.live import Api, balance, consistent, wait_for

Make = Callable[[dict[str, Any]], Workflow]
PRICE = 4_000_000


def ended(site: Api, workflow: Workflow, **body: Any) -> dict[str, Any]:
    """A run to its end, with its steps by node."""
    run = site.started(workflow, **body)
    found = site.end(run, timeout_s=60)
    consistent(site, run)
    return {**found, "steps": site.steps(run)}


def big(**params: Any) -> dict[str, Any]:
    return image(width=1024, height=1024, **params)


def test_paid_result_is_reused_for_nothing(site: Api, make_workflow: Make) -> None:
    workflow = make_workflow(big())
    first = ended(site, workflow)
    assert (first["state"], first["cost"]) == ("completed", PRICE)
    estimate = site.http.post(f"/workflows/{workflow.id}/estimate", json={}).json()
    assert (estimate["low"], estimate["high"]) == (0, 0)
    assert [(step["node"], step["cached"], step["action"]) for step in estimate["steps"]] == [
        ("words", True, "reuse"),
        ("img", True, "reuse"),
    ]
    again = ended(site, workflow)
    assert (again["state"], again["cost"], balance(site)) == ("completed", 0, GRANTED - PRICE)
    step = again["steps"]["img"]
    assert (step["state"], step["cached"]) == ("cached", True)
    assert step["cache_reason"] == "Reused: nothing has changed"
    assert step["outputs"] == first["steps"]["img"]["outputs"]
    assert Submission.objects.count() == 1
    # The same work in another workflow is the same work.
    other = ended(site, make_workflow(big()))
    assert (other["steps"]["img"]["state"], other["cost"], Submission.objects.count()) == ("cached", 0, 1)


def test_another_seed_or_always_new_is_paid_again(site: Api, make_workflow: Make) -> None:
    workflow = make_workflow(big())
    ended(site, workflow)
    other = ended(site, workflow, graph=big(seed=2))
    assert (other["cost"], other["steps"]["img"]["cache_reason"]) == (PRICE, "`seed` changed")
    assert other["steps"]["words"]["cached"]
    fresh = ended(site, workflow, graph=big(seed=2, **{"$always_new": True}))
    assert (fresh["cost"], fresh["steps"]["img"]["cache_reason"]) == (PRICE, "Always new")
    assert Submission.objects.count() == 3


def test_result_whose_file_is_gone_is_made_again(site: Api, make_workflow: Make) -> None:
    workflow = make_workflow(big())
    first = ended(site, workflow)
    site.http.delete(f"/assets/{first['steps']['img']['outputs']['image']['$asset']}").raise_for_status()
    again = ended(site, workflow)
    assert (again["steps"]["img"]["state"], again["cost"]) == ("completed", PRICE)
    assert again["steps"]["img"]["cache_reason"] == "A file of the earlier result is gone"


def test_limit_stops_before_the_step_that_could_pass_it(site: Api, make_workflow: Make) -> None:
    own = {"model": "sandbox/image", "width": 1024, "height": 1024}
    nodes = [node("words", "input.text", text="sea")]
    nodes += [node(f"img{seed}", "image.generate", seed=seed, **own) for seed in (1, 2)]
    document = graph(nodes, *[("words", "text", f"img{seed}", "prompt") for seed in (1, 2)])
    run = ended(site, make_workflow(document), max_credits=PRICE + 1)
    assert (run["state"], run["cost"], run["max_credits"]) == ("failed", PRICE, PRICE + 1)
    codes = {name: (step["error"] or {}).get("code") for name, step in run["steps"].items()}
    assert sorted(str(code) for code in codes.values()) == ["None", "None", "max-credits"]
    assert Submission.objects.count() == 1
    assert (balance(site), site.get("/credits")["held"]) == (GRANTED - PRICE, 0)


def test_limit_of_nothing_lets_everything_free_run(site: Api, make_workflow: Make) -> None:
    run = ended(site, make_workflow(big()), max_credits=0)
    assert (run["state"], run["cost"], run["steps"]["words"]["state"]) == ("failed", 0, "completed")
    assert run["steps"]["img"]["error"]["code"] == "max-credits"
    assert (balance(site), site.get("/credits")["held"]) == (GRANTED, 0)


def test_dry_run_says_what_it_would_do_and_does_nothing(site: Api, make_workflow: Make, funded: Workspace) -> None:
    document = big()
    document["nodes"] += [node("show", "output.gallery"), node("pass")]
    document["edges"] += [
        {"id": "s", "source": "img", "source_port": "image", "target": "show", "target_port": "asset"},
        {"id": "p", "source": "words", "source_port": "text", "target": "pass", "target_port": "value"},
    ]
    workflow = make_workflow(document)
    run = ended(site, workflow, dry_run=True)
    assert (run["state"], run["cost"], run["dry_run"]) == ("completed", 0, True)
    steps = run["steps"]
    assert (steps["pass"]["state"], steps["pass"]["outputs"]) == ("completed", {"value": "sea"})
    assert (steps["img"]["state"], steps["img"]["error"]["code"]) == ("skipped", "dry-run")
    assert steps["img"]["error"]["message"] == "It would ask sandbox/image, for at most 4 credits."
    assert steps["show"]["state"] == "skipped"
    assert (Submission.objects.count(), balance(site), site.get("/credits")["held"]) == (0, GRANTED, 0)
    # What was paid for before is shown, and what follows says what it would do.
    ended(site, workflow, targets=["img"])
    dry = ended(site, workflow, dry_run=True)["steps"]
    assert (dry["img"]["state"], dry["show"]["state"]) == ("cached", "skipped")
    assert dry["show"]["error"]["message"] == "It would show the file in the gallery."
    assert not Asset.objects.for_workspace(funded.id).exclude(published_at=None).exists()


def test_passing_failure_of_a_vendor_is_tried_again_and_a_refusal_is_not(site: Api, make_workflow: Make) -> None:
    retry = {"$retry": {"times": 2, "backoff_s": 0.1}}
    run = ended(site, make_workflow(image(fail="error", **retry)))
    step = run["steps"]["img"]
    assert (run["state"], step["attempt"], [one["attempt"] for one in step["attempts"]]) == ("failed", 3, [1, 2])
    assert all(one["error"]["code"] == "failed" for one in step["attempts"])
    began = [
        event.body["at"]
        for event in site.stream(run["id"])
        if (event.kind, event.body.get("node")) == ("step_started", "img")
    ]
    assert [one["started_at"] for one in step["attempts"]] == began[:2], "the timeline shows when each try began"
    assert Submission.objects.count() == 3
    refused = ended(site, make_workflow(image(fail="refuse", **retry)))
    assert (refused["steps"]["img"]["attempt"], refused["steps"]["img"]["attempts"]) == (1, [])
    assert (balance(site), site.get("/credits")["held"]) == (GRANTED, 0)


def test_call_over_its_time_limit_is_cancelled_and_not_charged(site: Api, make_workflow: Make) -> None:
    run = ended(site, make_workflow(film(latency_s=30, **{"$timeout_s": 1})))
    assert (run["state"], run["steps"]["film"]["error"]["code"]) == ("failed", "timeout")
    assert (balance(site), site.get("/credits")["held"]) == (GRANTED, 0)


def test_failure_of_a_paid_step_takes_the_error_branch(site: Api, make_workflow: Make) -> None:
    document = image(fail="moderated", **{"$on_failure": "branch"})
    document["nodes"].append(node("why"))
    document["edges"].append(
        {"id": "w", "source": "img", "source_port": "error", "target": "why", "target_port": "value"}
    )
    run = ended(site, make_workflow(document))
    assert (run["state"], run["steps"]["img"]["state"]) == ("completed", "failed")
    assert run["steps"]["why"]["outputs"]["value"]["code"] == "content_policy"


def test_next_try_begins_by_itself(site: Api, make_workflow: Make) -> None:
    document = graph([node("bad", fail_times=2, **{"$retry": {"times": 2, "backoff_s": 0.1, "factor": 1}})])
    run = site.started(make_workflow(document))
    assert wait_for(lambda: site.run(run)["state"] == "completed" or None, timeout_s=15)
    assert [event.kind for event in site.stream(run)].count("step_retrying") == 2
