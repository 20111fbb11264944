"""Variables that a graph speaks of: what is not set, or does not fit, is said before a run and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.projects.models import Workflow
from apps.runs.models import Run
from tests.runs.calls import post
from tests.runs.graphs import graph, node

pytestmark = pytest.mark.django_db
Make = Callable[[dict[str, Any]], Workflow]
PAUSE = node("pause", "flow.wait", seconds={"$variable": "seconds"})


def document(*nodes: dict[str, Any], **variables: Any) -> dict[str, Any]:
    """A text, and these nodes behind it."""
    ports = {"flow.template": "values"}
    edges = [("words", "text", one["id"], ports.get(one["type"], "value")) for one in nodes]
    words = node("words", "input.text", text={"$variable": "subject"})
    return graph([words, *nodes], *edges, variables=variables)


def template(text: str) -> dict[str, Any]:
    return node("letter", "flow.template", template=text)


@pytest.mark.parametrize(
    ("made", "given", "told"),
    [
        (document(), {}, ("words", "text", "missing-variable", "The variable subject is not set.")),
        (
            document(PAUSE, subject="sea"),
            {},
            ("pause", "seconds", "missing-variable", "The variable seconds is not set."),
        ),
        (document(subject="sea"), {"subject": 5}, ("words", "text", "bad-param", "Text must be text.")),
        (document(PAUSE, subject="sea", seconds=1), {"seconds": -1}, ("pause", "seconds", "bad-param", None)),
        (
            document(template("Dear {{ variables.who }},"), subject="sea"),
            {},
            ("letter", "template", "missing-variable", "The variable who is not set."),
        ),
        (
            document(template("{{variables.who.names[0]}}"), subject="sea"),
            {"whom": 1},
            ("letter", "template", "missing-variable", "The variable who is not set."),
        ),
        (
            document(node("fork", "flow.condition", expression="value == variables.who"), subject="sea"),
            {},
            ("fork", "expression", "missing-variable", "The variable who is not set."),
        ),
    ],
)
def test_it_is_said_before_the_run(
    alice_api: Client, make_workflow: Make, made: dict[str, Any], given: dict[str, Any], told: tuple[str, ...]
) -> None:
    workflow = make_workflow(made)
    for act in ("validate", "estimate", "runs"):
        status, answer = post(alice_api, f"/workflows/{workflow.id}/{act}", {"variables": given})
        assert status == (200 if act == "validate" else 422), act
        (problem,) = answer["errors"]
        message = told[3] or problem["message"]
        assert problem == {"node": told[0], "port": told[1], "code": told[2], "message": message}, act
        assert act == "validate" or (answer["type"], answer["detail"]) == ("/problems/invalid-graph", message)
    assert not Run.objects.for_workspace(workflow.workspace_id).exists()


@pytest.mark.parametrize(
    ("made", "body"),
    [
        (document(), {"variables": {"subject": "sea"}}),
        (document(PAUSE, subject="sea"), {"targets": ["words"]}),
        (document({**PAUSE, "params": {**PAUSE["params"], "$pin": {"value": 1}}}, subject="sea"), {}),
        (document(node("fork", "flow.condition", expression="has(variables.who)"), subject="sea"), {}),
        (document(template("{{ variables.who || 'you' }} {{ value }} {{ variables }}"), subject="sea"), {}),
    ],
)
def test_what_a_run_does_not_need_is_not_asked_for(
    alice_api: Client, make_workflow: Make, made: dict[str, Any], body: dict[str, Any]
) -> None:
    workflow = make_workflow(made)
    assert post(alice_api, f"/workflows/{workflow.id}/validate", body)[1]["errors"] == []
    assert post(alice_api, f"/workflows/{workflow.id}/estimate", body)[0] == 200
    assert post(alice_api, f"/workflows/{workflow.id}/runs", body)[0] == 202
