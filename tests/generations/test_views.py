"""The tape's pages and fragments: who sees what, what a row says, and what a page costs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from apps.generations.keys import key_revoke, key_set
from apps.generations.models import Generation, GenerationState
from apps.workspaces.models import Workspace
from tests.generations.conftest import look, money, send
from tests.generations.vendor import Vendor

pytestmark = pytest.mark.django_db
Start = Callable[..., Generation]


def page(name: str, *args: object) -> str:
    """A path in alice's workspace."""
    return reverse(f"generations:{name}", args=["mill", *args])


@pytest.fixture
def done(start: Start, vendor: Vendor) -> Generation:
    row = send(start())
    vendor.finish()
    return look(row)


def test_tape_shows_what_was_asked_made_and_paid(alice_client: Client, done: Generation) -> None:
    body = alice_client.get(page("tape")).content.decode()
    for words in ("a lighthouse", "Sandbox image", "seed 7", "1.5 credits", "Done"):
        assert words in body
    assert "<img src=" in body


def test_empty_tape_offers_the_first_step(alice_client: Client, victor_client: Client, workspace: Workspace) -> None:
    assert page("generation_create") in alice_client.get(page("tape")).content.decode()
    assert page("generation_create") not in victor_client.get(page("tape")).content.decode()
    assert "Nothing matches" in alice_client.get(page("tape"), {"q": "zzz"}).content.decode()


def test_tape_items_filter_and_page(alice_client: Client, start: Start) -> None:
    project = uuid4()
    for number in range(30):
        start(params={"prompt": f"ship {number:02}"}, project_id=project if number % 2 else None)
    first = alice_client.get(page("tape_items"), {"project": str(project)}).content.decode()
    assert first.count('class="tape-row"') == 15
    body = alice_client.get(page("tape_items")).content.decode()
    assert body.count('class="tape-row"') == 24
    further = re.search(r'hx-get="([^"]+cursor=[^"]+)"', body)
    assert further
    rest = alice_client.get(further[1].replace("&amp;", "&")).content.decode()
    assert (rest.count('class="tape-row"'), "tape-live" in rest) == (6, False)
    assert alice_client.get(page("tape_items"), {"cursor": "broken"}).status_code == 404


def test_tape_items_cost_the_same_for_many(
    alice_client: Client, start: Start, vendor: Vendor, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(6):
        vendor.jobs.clear()
        row = send(start())
        vendor.finish()
        look(row)
    alice_client.get(page("tape_items"))
    with django_assert_max_num_queries(5):  # session, person, membership, rows, outputs
        alice_client.get(page("tape_items"))


def test_tape_live_answers_only_what_was_asked(alice_client: Client, start: Start, done: Generation) -> None:
    live, newest = start(), start()
    body = alice_client.get(page("tape_live"), {"id": [str(live.id), "junk"], "newest": str(live.id)}).content.decode()
    assert f'id="generation-{live.id}" hx-swap-oob="true"' in body
    assert str(newest.id) not in body.replace(str(live.id), "")
    assert "1 new" in body


def test_generation_detail_is_a_panel_or_a_page(alice_client: Client, done: Generation) -> None:
    url = page("generation_detail", done.id)
    panel = alice_client.get(url, {"panel": 1}, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in panel
    assert "data-tape-close" in panel
    whole = alice_client.get(url).content.decode()
    assert "<html" in whole
    copied = re.search(r'data-copy="(\{[^"]+\})"', whole)
    assert copied
    graph = json.loads(copied[1].replace("&quot;", '"'))
    assert graph["format"] == "millrace/1"
    assert [node["type"] for node in graph["nodes"]] == ["input.text", "image.generate"]
    assert graph["nodes"][1]["params"] == {"model": "sandbox/image", "seed": 7}


def test_failure_says_that_it_was_free(alice_client: Client, start: Start, vendor: Vendor) -> None:
    vendor.fault = "refuse"
    row = send(start())
    body = alice_client.get(page("generation_detail", row.id)).content.decode()
    assert "the prompt is too long." in body
    assert "You were not charged." in body


def test_generation_cancel_and_give_up(alice_client: Client, start: Start, vendor: Vendor, rich: Workspace) -> None:
    row = start()
    answer = alice_client.post(page("generation_cancel", row.id), headers={"HX-Request": "true"})
    assert "Cancelled" in answer.content.decode()
    vendor.fault = "lost-before"
    lost = send(start())
    assert "Mark as failed" in alice_client.get(page("generation_detail", lost.id)).content.decode()
    alice_client.post(page("generation_give_up", lost.id))
    lost.refresh_from_db()
    assert (lost.state, money(rich)) == (GenerationState.FAILED, (0, 0))
    assert alice_client.post(page("generation_give_up", lost.id)).status_code == 302


def test_use_these_settings_again(alice_client: Client, done: Generation, rich: Workspace) -> None:
    form = alice_client.get(page("generation_create"), {"from": str(done.id)})
    body = form.content.decode()
    assert "a lighthouse" in body
    assert 'value="7"' in body
    assert "4 credits" in body
    once = re.search(r'name="once" value="([^"]+)"', body)
    assert once
    sent = {"once": once[1], "from": str(done.id), "model": "sandbox/image", "prompt": "a lighthouse", "seed": "7"}
    sent |= {"width": "512", "height": "512", "style": "auto", "latency_s": "0", "fail": ""}
    first = alice_client.post(page("generation_create"), sent)
    again = alice_client.post(page("generation_create"), sent)
    assert first.status_code == again.status_code == 302
    assert first["Location"] == again["Location"]
    made = Generation.objects.for_workspace(rich.id).exclude(id=done.id).get()
    assert (made.prompt, made.seed, made.params["width"]) == ("a lighthouse", 7, 512)


def sent_from(body: str) -> dict[str, str]:
    """What the page's form would send."""
    hidden = dict(re.findall(r'name="(once|agreed_credits)" value="([^"]+)"', body))
    settings = {
        "prompt": "a lighthouse",
        "width": "512",
        "height": "512",
        "style": "auto",
        "latency_s": "0",
        "fail": "",
    }
    return {**hidden, **settings, "model": "sandbox/image"}


def test_what_was_shown_is_what_is_agreed_to(alice_client: Client, rich: Workspace) -> None:
    key_set(workspace_id=rich.id, provider="sandbox", key="a-key-of-their-own-1234")
    open_form = alice_client.get(page("generation_create"), {"model": "sandbox/image"}).content.decode()
    assert "on your own key" in open_form
    sent = sent_from(open_form)
    assert sent["agreed_credits"] == "0"
    key_revoke(workspace_id=rich.id, provider="sandbox")
    refused = alice_client.post(page("generation_create"), sent)
    body = refused.content.decode()
    assert refused.status_code == 422
    assert "This now costs up to 4 credits; the price shown was 0 credits. Nothing was sent or charged." in body
    assert "a lighthouse" in body, "nothing typed is lost"
    assert (Generation.objects.for_workspace(rich.id).count(), money(rich)) == (0, (0, 0))
    again = sent_from(body)
    assert (again["agreed_credits"], again["once"]) == ("4000000", sent["once"])
    made = alice_client.post(page("generation_create"), again)
    assert made.status_code == 302
    # The first form, sent again by a lost click, answers what was made.
    assert alice_client.post(page("generation_create"), sent)["Location"] == made["Location"]


def test_form_says_what_is_wrong_and_what_a_model_does_not_take(
    alice_client: Client, done: Generation, workspace: Workspace
) -> None:
    wrong = {"once": str(uuid4()), "model": "sandbox/image", "prompt": "x", "width": "999999", "style": "auto"}
    answer = alice_client.post(page("generation_create"), wrong)
    assert answer.status_code == 422
    assert "2048" in answer.content.decode()


def test_another_model_keeps_what_fits_and_says_what_it_does_not_use(
    alice_client: Client, done: Generation, workspace: Workspace
) -> None:
    typed = {
        "once": str(uuid4()),
        "shown": "sandbox/image",
        "prompt": "x",
        "seed": "5",
        "width": "1000",
        "style": "sea",
    }
    other = alice_client.get(page("generation_create"), {**typed, "height": "1024", "model": "sandbox/video"})
    body = other.content.decode()
    assert "Not used by Sandbox video: Width." in body, "1000 is no multiple of 16; the rest fits, or was no choice"
    assert 'value="5"' in body
    assert 'value="768"' in body, "the model's own default stands in"
    back = re.search(r'<a class="link" href="(\?[^"]+)"', body)
    assert back
    undone = alice_client.get(page("generation_create") + back[1].replace("&amp;", "&")).content.decode()
    assert 'value="1000"' in undone
    assert "Not used by" not in undone
    words = alice_client.get(page("generation_create"), {**typed, "model": "sandbox/text"}).content.decode()
    assert "Not used by Sandbox text: Width, Style." in words


def test_form_says_how_many_credits_are_missing(alice_client: Client, workspace: Workspace) -> None:
    sent = {"once": str(uuid4()), "model": "sandbox/text", "prompt": "x", "sentences": "5"}
    answer = alice_client.post(page("generation_create"), sent)
    assert answer.status_code == 422
    assert "1 credit missing" in answer.content.decode()


def test_who_may_come_in(
    alice_client: Client, victor_client: Client, charlie_client: Client, done: Generation, start: Start
) -> None:
    live = start()
    reads = [
        page("tape"),
        page("tape_items"),
        page("tape_live"),
        page("home_recent"),
        page("generation_detail", done.id),
    ]
    writes = [page("generation_create"), page("generation_cancel", live.id), page("generation_give_up", live.id)]
    for path in reads:
        statuses = [client.get(path).status_code for client in (alice_client, victor_client, charlie_client, Client())]
        assert statuses == [200, 200, 404, 302], path
    for path in writes:
        statuses = [client.post(path).status_code for client in (victor_client, charlie_client, Client())]
        assert statuses == [403, 404, 302], path
    live.refresh_from_db()
    assert live.state == GenerationState.PREPARED


def test_foreign_generations_do_not_exist(charlie_client: Client, done: Generation) -> None:
    for name in ("generation_detail", "generation_cancel", "generation_give_up"):
        url = reverse(f"generations:{name}", args=["elsewhere", done.id])
        answer = charlie_client.get(url) if name == "generation_detail" else charlie_client.post(url)
        assert answer.status_code == 404
    assert (
        charlie_client.get(
            reverse("generations:generation_create", args=["elsewhere"]), {"from": str(done.id)}
        ).status_code
        == 404
    )
