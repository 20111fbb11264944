"""The API answers in the language that is asked for, down to the sentences of the engine, which knows no Django."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from apps.common.described import texts_of
from apps.common.templatetags.ui import said
from apps.projects.models import Workflow
from apps.runs.listing import run_titles
from apps.runs.models import Run
from apps.runs.services import run_start
from apps.workspaces.models import Workspace
from tests.runs.graphs import chain, graph, node

CHINESE = {"Accept-Language": "zh-hans"}


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    """A request leaves its language in the thread; here the next test would be told in it."""
    with translation.override("en"):
        yield


@pytest.fixture
def alice_api(api: Callable[..., Client], workspace: Workspace) -> Client:
    return api()


def is_name(text: str) -> bool:
    """Whether it may be what a vendor calls a thing, a format or a size, which has no Chinese name."""
    return len(text) <= 32 and not re.search(r"\b(the|a|an|of|and|or|with|for|to|in|is|it)\b", text.lower())


def is_chinese(text: str) -> bool:
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


@pytest.mark.parametrize("path", ["node-types", "models"])
def test_the_catalogues_are_chinese(alice_api: Client, path: str) -> None:
    items = alice_api.get(f"/api/v1/{path}", headers=CHINESE).json()["items"]
    assert items
    assert [text for text in texts_of(items) if text and not (is_chinese(text) or is_name(text))] == []
    assert [item["description"] for item in items if not is_chinese(item["description"])] == []
    assert [item["title"] for item in alice_api.get(f"/api/v1/{path}").json()["items"]] != [
        item["title"] for item in items
    ]


def _errors(client: Client, workflow: Workflow, document: dict[str, Any]) -> list[str]:
    body = json.dumps({"graph": document})
    path = f"/api/v1/workflows/{workflow.id}/validate"
    answer = client.post(path, body, content_type="application/json", headers=CHINESE)
    return [error["message"] for error in answer.json()["errors"]]


def test_a_mistake_in_a_graph_is_told_in_chinese(alice_api: Client, make_workflow: Callable[..., Workflow]) -> None:
    made = make_workflow(chain(1))
    assert _errors(alice_api, made, graph([node("a", "image.resize")])) == ["请给“图片”接上一个输入。"]
    assert (
        _errors(alice_api, made, graph([node("a", "flow.wait", seconds=-1)]))[0] == "“秒”必须在 0 到 2,592,000 之间。"
    )


def test_a_step_is_called_as_its_type_in_the_readers_language(
    make_workflow: Callable[..., Workflow], inside: None
) -> None:
    run: Run = run_start(workflow=make_workflow(chain(1)), actor_id=None)
    assert set(run_titles(run).values()) == {"Pass"}
    with translation.override("zh-hans"):
        assert all(map(is_chinese, run_titles(run).values()))


def test_names_between_backticks_are_code_and_stay_text() -> None:
    assert said("input `<b>` changed & `x` is new") == (
        "input <code>&lt;b&gt;</code> changed &amp; <code>x</code> is new"
    )
    assert said("an odd ` stays harmless <i>") == "an odd <code> stays harmless &lt;i&gt;</code>"
    assert said("") == ""
