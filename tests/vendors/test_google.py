"""Google's adapter against its contract server: what it sends, what it makes of the answers, and every scenario."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.billing.services import credits_grant
from apps.generations.models import Generation, GenerationState
from apps.generations.services import generation_cancel
from apps.providers.base import Credentials, ProviderError, Submission, WebhookRefused
from apps.providers.catalogue import model_get, params_complete
from apps.providers.google import GoogleProvider
from apps.workspaces.models import Workspace
from tests.vendors import cases, life
from tests.vendors.cases import Case
from tests.vendors.google_server import KEY, GoogleServer
from tests.vendors.server import serving

IMAGE = "google/nano-banana-2.1"
TEXT = "google/gemini-3.8-flash"
VIDEO = "google/veo-3.1-fast"


@pytest.fixture
def server() -> Iterator[GoogleServer]:
    made = GoogleServer()
    with serving(made):
        yield made


@pytest.fixture
def google(server: GoogleServer) -> GoogleProvider:
    return GoogleProvider(Credentials(key=KEY, base_url=server.url))


def call(model: str, tell: Callable[[str], bool] = lambda _text: True, **params: Any) -> Submission:
    complete = params_complete(model, {"prompt": "a lighthouse", **params})
    return Submission(model, complete, {}, "attempt-1", call=model_get(model).call, tell=tell)


AT_ONCE = [
    "well", "cut", "unreadable", "429", "429-later", "500", "503", "moderated", "fails", "refused",
    "cancel-before", "cancel-after",
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("scenario", AT_ONCE)
def test_google_scenario_image(
    scenario: str, server: GoogleServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(server, workspace, IMAGE, {"prompt": "a lighthouse"}, ends=cases.AT_ONCE)
    row = cases.run(case, scenario, monkeypatch)
    if scenario == "well":
        # 12 tokens read, one picture, 45 tokens of words and thoughts: by the catalogue's terms.
        assert row.cost == round((12 * 1.5e-6 + 0.0336 + 45 * 7.5e-6) * 100 * 1_000_000)
        assert [one["kind"] for one in row.outputs] == ["image"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "scenario", ["well", "cut", "unreadable", "429", "429-later", "500", "503", "moderated", "refused", "cancel-before"]
)
def test_google_scenario_text(
    scenario: str, server: GoogleServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(server, workspace, TEXT, {"prompt": "a lighthouse"}, ends=cases.AT_ONCE)
    row = cases.run(case, scenario, monkeypatch)
    if scenario == "well":
        assert (row.text, row.usage) == ("A lighthouse at dusk.", {"token_in": 10, "token_out": 90})


ASKED = [
    "well", "cut", "unreadable", "429", "429-later", "500", "503", "look-500", "look-unreadable", "expired-url",
    "gone-url", "moderated", "fails", "refused", "cancel-before", "cancel-while", "cancel-after",
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("scenario", ASKED)
def test_google_scenario_video(
    scenario: str, server: GoogleServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(server, workspace, VIDEO, {"prompt": "a lighthouse", "duration": 4}, ends=cases.ASKED)
    row = cases.run(case, scenario, monkeypatch)
    assert not server.keys_elsewhere
    if scenario == "well":
        assert (row.cost, row.outputs[0]["kind"]) == (40_000_000, "video")


@pytest.mark.django_db
def test_a_stream_stops_when_nobody_wants_the_rest(
    server: GoogleServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.script = "long"
    monkeypatch.setattr("apps.generations.execution.telling.EVERY_S", 0.0)
    credits_grant(
        workspace_id=workspace.id, amount=cases.GRANTED, reason="Test", source="test", source_id=str(workspace.id)
    )
    with life.account(server):
        row = life.begin(workspace, TEXT, {"prompt": "a lighthouse"})
        seen: list[str] = []

        def tell(self: Any, text: str) -> bool:
            seen.append(text)
            if len(seen) == 3:
                generation_cancel(workspace_id=row.workspace_id, generation_id=row.id)
            rows = Generation.objects.for_workspace(row.workspace_id).filter(id=row.id, cancel_requested_at=None)
            return rows.exists()

        monkeypatch.setattr("apps.generations.execution.telling.Teller.tell", tell)
        row = life.live(row, monkeypatch)
    assert (row.state, len(seen)) == (GenerationState.CANCELLED, 3)


@pytest.mark.django_db
def test_pictures_and_films_travel_inside_the_request(
    server: GoogleServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    picture = cases.picture_input(workspace, tmp_path)
    case = Case(server, workspace, IMAGE, {"prompt": "in oil"}, {"image": picture, "images": [picture]})
    cases.run(case, "well", monkeypatch)
    parts = server.submitted[0].json()["contents"][0]["parts"]
    assert [list(part) for part in parts] == [["inlineData"], ["inlineData"], ["text"]]


@pytest.mark.django_db
def test_first_image_and_extension_are_told_as_tasks(
    server: GoogleServer, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    film = cases.video_input(workspace, tmp_path)
    case = Case(server, workspace, "google/veo-3.1-extend", {"prompt": "on and on"}, {"video": film})
    cases.run(case, "well", monkeypatch)
    sent = server.submitted[0].json()
    assert sent["generation_config"] == {"video_config": {"task": "extend"}}
    assert [one["type"] for one in sent["input"]] == ["text", "video"]


def test_withheld_is_told_apart_from_broken(google: GoogleProvider, server: GoogleServer) -> None:
    for script, code in {"blocked": "content_policy", "moderated": "content_policy", "words": "failed"}.items():
        server.script = script
        job = google.submit(call(IMAGE))
        assert job.state == "failed"
        assert job.error
        assert job.error.code == code
    assert str(job.error) == "Here it is."


def test_stream_that_stops_in_the_middle_is_lost(google: GoogleProvider, server: GoogleServer) -> None:
    server.script = "half"
    with pytest.raises(ProviderError) as caught:
        google.submit(call(TEXT))
    assert (caught.value.code, caught.value.sent) == ("lost", True)


def test_seconds_to_wait_stand_in_the_body(google: GoogleProvider, server: GoogleServer) -> None:
    server.script = "429"
    for model in (IMAGE, TEXT, VIDEO):
        with pytest.raises(ProviderError) as caught:
            google.submit(call(model))
        assert (caught.value.code, caught.value.retry_after_s, caught.value.sent) == ("rate_limited", 7.0, False)


def test_a_gateway_that_gave_up_knows_nothing(google: GoogleProvider, server: GoogleServer) -> None:
    server.script = "502"
    for model in (IMAGE, TEXT, VIDEO):
        with pytest.raises(ProviderError) as caught:
            google.submit(call(model))
        assert (caught.value.code, caught.value.sent) == ("lost", True)


def test_a_wrong_key_is_ours_to_mend(server: GoogleServer) -> None:
    with pytest.raises(ProviderError) as caught:
        GoogleProvider(Credentials(key="other", base_url=server.url)).submit(call(TEXT))
    assert (caught.value.code, caught.value.permanent) == ("auth", True)


def test_nobody_is_told_to_call(google: GoogleProvider) -> None:
    assert google.find("attempt-1") is None
    with pytest.raises(WebhookRefused):
        google.verify_webhook({}, b"{}")
