"""Queues, providers, workspaces and announcements."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import redis
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import User
from apps.common.lanes import beat_tick
from apps.console import queues
from apps.console.banners import ANNOUNCEMENTS
from apps.console.models import Announcement
from apps.generations.models import Generation, GenerationState
from apps.workspaces.models import Workspace
from tests.tenancy.samples import SAMPLES, Place

pytestmark = pytest.mark.django_db
NEW = "admin:console_announcement_add"


def test_queues_tell_lengths_workers_and_the_scheduler(root_client: Client) -> None:
    assert root_client.get(reverse("console:queues")).status_code == 200
    broker = redis.Redis.from_url(settings.REDIS_URL)
    before = broker.llen("millrace:work")
    beat_tick()
    look = queues.queues_look()
    assert look.redis
    assert not look.beat_late
    assert {queue.name: queue.length for queue in look.queues}["work"] == before
    page = root_client.get(reverse("console:queues_now")).content.decode()
    assert "Ticked" in page
    assert "io-steps" in page


def test_queues_are_shown_when_redis_is_gone(root_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> Any:
        raise redis.TimeoutError

    monkeypatch.setattr(queues, "_redis", gone)
    monkeypatch.setattr(queues, "_workers", gone)
    page = root_client.get(reverse("console:queues_now")).content.decode()
    assert "Does not answer" in page
    assert "could not be asked in time" in page


def test_providers_tell_calls_errors_and_latency(root_client: Client, workspace: Workspace, alice: User) -> None:
    place = Place(workspace, alice)
    rows = Generation.objects.for_workspace(workspace.id)
    ended: dict[str, Any] = {"settled_at": timezone.now(), "state": GenerationState.SUCCEEDED}
    for latency in (1000, 3000):
        rows.filter(id=SAMPLES["generation_id"](place)).update(latency_ms=latency, **ended)
    failed = {**ended, "state": GenerationState.FAILED, "error_code": "unavailable", "error": "It was ill."}
    rows.filter(id=SAMPLES["generation_id"](place)).update(**failed)
    old = {**failed, "settled_at": timezone.now() - timedelta(hours=5)}
    rows.filter(id=SAMPLES["generation_id"](place)).update(**old)
    answer = root_client.get(reverse("console:providers"))
    sandbox = next(one for one in answer.context["providers"] if one.name == "sandbox")
    assert (sandbox.hour.calls, sandbox.hour.failed, sandbox.hour.median, sandbox.hour.slow) == (3, 1, 1.0, 3.0)
    assert (sandbox.day.calls, sandbox.day.failed) == (4, 2)
    page = answer.content.decode()
    assert "It was ill." in page
    assert "sandbox/image" in page


@pytest.mark.parametrize("name", ["queues", "queues_now", "providers"])
def test_only_superusers_look(helper_client: Client, alice_client: Client, client: Client, name: str) -> None:
    assert helper_client.get(reverse(f"console:{name}")).status_code == 403
    for visitor in (alice_client, client):
        assert visitor.get(reverse(f"console:{name}")).status_code == 302


def test_a_plan_is_set_with_a_reason(
    root_client: Client, workspace: Workspace, acts: Any, audited: Any, alice: User
) -> None:
    listed = root_client.get(reverse("admin:workspaces_workspace_changelist"), {"q": "alice@"}).content.decode()
    assert "Mill" in listed
    url = reverse("admin:workspaces_workspace_set_plan", args=[workspace.id])
    assert root_client.get(url).status_code == 200
    assert root_client.post(url, {"plan": "gold", "reason": "x"}).status_code == 422
    assert root_client.post(url, {"plan": "team", "reason": ""}).status_code == 422
    assert root_client.post(url, {"plan": "team", "reason": "A partner"}).status_code == 302
    workspace.refresh_from_db()
    assert workspace.plan == "team"
    assert acts() == ["Plan set to Team: A partner"]
    assert audited() == [("workspace_plan_set", "root@example.org", "A partner")]


def announce(client: Client, **more: Any) -> Any:
    now = timezone.now()
    sent = {"text_en": "We move tonight.", "text_zh_hans": "今晚维护。", "level": "warning"}
    sent |= {"begins_at_0": f"{now:%Y-%m-%d}", "begins_at_1": "00:00:00", "ends_at_0": "", "ends_at_1": ""}
    return client.post(reverse(NEW), {**sent, **more})


def test_an_announcement_is_on_every_page_until_it_is_closed(root_client: Client, alice_client: Client) -> None:
    assert announce(root_client).status_code == 302
    ANNOUNCEMENTS.load()
    row = Announcement.objects.get()
    for page in (reverse("workspaces:home", args=["mill"]), reverse("accounts:profile"), "/"):
        assert "We move tonight." in alice_client.get(page, follow=True).content.decode()
    assert "今晚维护。" in alice_client.get("/profile/", headers={"Accept-Language": "zh-hans"}).content.decode()
    assert "We move tonight." in Client().get(reverse("account_login")).content.decode()
    closed = alice_client.post(reverse("console:announcement_dismiss", args=[row.id]), {"next": "/profile/"})
    assert closed.headers["Location"] == "/profile/"
    assert "We move tonight." not in alice_client.get(reverse("accounts:profile")).content.decode()
    away = alice_client.post(reverse("console:announcement_dismiss", args=[row.id]), {"next": "https://evil.example/"})
    assert away.headers["Location"] == "/"


def test_an_announcement_has_its_time(root_client: Client, alice_client: Client) -> None:
    later = timezone.now() + timedelta(days=1)
    announce(root_client, begins_at_0=f"{later:%Y-%m-%d}")
    ANNOUNCEMENTS.load()
    assert "We move tonight." not in alice_client.get(reverse("accounts:profile")).content.decode()


@pytest.mark.parametrize(
    "change", [{"text_en": " "}, {"ends_at_0": "2020-01-01", "ends_at_1": "00:00:00"}, {"level": "loud"}]
)
def test_an_announcement_without_sense_is_refused(root_client: Client, change: dict[str, str]) -> None:
    assert announce(root_client, **change).status_code == 200
    assert not Announcement.objects.exists()


def test_only_superusers_announce(helper_client: Client) -> None:
    assert announce(helper_client).status_code == 403
    assert not Announcement.objects.exists()
