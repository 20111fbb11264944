"""Uploads from the announcement to the verified asset, through the real store."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from django.test import Client
from django.utils import timezone

from apps.assets import housekeeping, services, storage
from apps.assets.intake import settle
from apps.assets.models import Asset, AssetState, Blob
from apps.common.ids import uuid7
from apps.common.tenancy import scope
from apps.projects.services import project_create
from apps.workspaces.models import Workspace
from tests.assets import files

pytestmark = pytest.mark.django_db


def _call(client: Client, method: str, path: str, body: Any = None) -> Any:
    return client.generic(
        method,
        f"/api/v1{path}",
        json.dumps(body) if body is not None else "",
        content_type="application/json",
    )


def _begin(client: Client, data: bytes, filename: str, content_type: str = "", **more: Any) -> Any:
    body = {"filename": filename, "size": len(data), "content_type": content_type, **more}
    return _call(client, "POST", "/assets/uploads", body)


def _send(form: dict[str, Any], data: bytes) -> httpx.Response:
    return httpx.post(form["url"], data=form["fields"], files={"file": ("name", data)})


def _upload(client: Client, data: bytes, filename: str, content_type: str = "", **more: Any) -> Any:
    begun = _begin(client, data, filename, content_type, **more)
    assert begun.status_code == 201, begun.content
    form = begun.json()
    assert _send(form, data).status_code == 204
    return _call(client, "POST", f"/assets/{form['asset']}/complete")


def test_an_upload_becomes_ready(alice_api: Client, workspace: Workspace) -> None:
    data = files.picture()
    answer = _upload(alice_api, data, "Abend am Fluß.png", "image/png")
    assert answer.status_code == 200, answer.content
    asset = answer.json()
    assert (asset["state"], asset["kind"], asset["size"]) == ("ready", "image", len(data))
    assert asset["sha256"] == hashlib.sha256(data).hexdigest()
    assert (asset["meta"]["width"], asset["meta"]["height"]) == (96, 64)
    served = httpx.get(asset["url"])
    assert served.content == data
    assert served.headers["content-type"] == "image/png"
    assert served.headers["content-disposition"].startswith("inline")
    # Completing again changes nothing.
    again = _call(alice_api, "POST", f"/assets/{asset['id']}/complete")
    assert (again.status_code, again.json()["sha256"]) == (200, asset["sha256"])


def test_quarantine_is_emptied_on_commit(
    alice_api: Client, workspace: Workspace, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        asset = _upload(alice_api, files.picture(), "a.png").json()
    assert storage.object_head(storage.incoming_key(workspace.id, UUID(asset["id"]))) is None
    assert storage.object_head(storage.blob_key(workspace.id, asset["sha256"])) is not None


@pytest.mark.parametrize("frames", [1, 24])
def test_video_is_measured_and_gets_a_poster(
    alice_api: Client, workspace: Workspace, tmp_path: Path, frames: int
) -> None:
    data = files.video(tmp_path / "a.mp4", frames=frames).read_bytes()
    asset = _upload(alice_api, data, "a.mp4", "video/mp4").json()
    assert asset["meta"]["codec"] == "h264"
    assert (asset["thumbnail"], asset["preview_state"]) == (None, "pending")
    _draw(workspace, asset)
    asset = _call(alice_api, "GET", f"/assets/{asset['id']}").json()
    assert asset["preview_state"] == "ready"
    assert httpx.get(asset["thumbnail"]).headers["content-type"] == "image/webp"


def _draw(workspace: Workspace, asset: dict[str, Any]) -> None:
    from apps.assets.previews import preview_draw

    with scope(workspace.id):
        blob = Blob.objects.get(sha256=asset["sha256"])
    preview_draw(workspace_id=workspace.id, blob_id=blob.id)


@pytest.mark.parametrize(
    ("data", "filename", "content_type", "code", "words"),
    [
        (files.picture(kind="JPEG"), "a.png", "image/png", "type_mismatch", "not PNG but JPEG"),
        (files.SVG, "a.png", "image/png", "active_content", "SVG can carry scripts"),
        (files.png_header_only(50_000, 50_000), "a.png", "image/png", "too_many_pixels", "50000 × 50000"),
        (files.picture()[:1000], "a.png", "image/png", "damaged", "cut short"),
        (b"#!/bin/sh\nrm -rf /\n", "a.mp4", "video/mp4", "type_mismatch", "not MP4"),
    ],
)
def test_what_lies_is_refused_with_a_sentence(
    alice_api: Client, workspace: Workspace, data: bytes, filename: str, content_type: str, code: str, words: str
) -> None:
    answer = _upload(alice_api, data, filename, content_type)
    problem = answer.json()
    assert (answer.status_code, answer["content-type"]) == (422, "application/problem+json")
    assert (problem["code"], words in problem["detail"]) == (code, True), problem
    asset = _call(alice_api, "GET", f"/assets/{problem['asset']}").json()
    assert (asset["state"], asset["url"], asset["refusal"]["code"]) == ("refused", None, code)
    assert _call(alice_api, "POST", f"/assets/{problem['asset']}/complete").status_code == 422
    with scope(workspace.id):
        assert not Blob.objects.exists()


@pytest.mark.parametrize(
    ("filename", "content_type", "size", "status", "words"),
    [
        ("a.svg", "image/svg+xml", 10, 415, "SVG can carry scripts"),
        ("a.png.svg", "", 10, 415, "SVG"),
        ("a.html", "text/html", 10, 415, "HTML"),
        ("a.exe", "application/x-msdownload", 10, 415, "not taken"),
        ("a", "", 10, 415, "not taken"),
        ("a.png", "image/png", 101 * 1024**2, 413, "At most 100.0"),
        ("a.mp4", "video/mp4", 5 * 1024**4, 413, "At most"),
        ("a.png", "image/png", 0, 422, "empty"),
        ("a.png", "image/png", -1, 422, "size"),
        ("", "image/png", 1, 422, "filename"),
    ],
)
def test_what_is_not_taken_is_refused_before_the_upload(
    alice_api: Client, filename: str, content_type: str, size: int, status: int, words: str
) -> None:
    body = {"filename": filename, "size": size, "content_type": content_type}
    answer = _call(alice_api, "POST", "/assets/uploads", body)
    assert answer.status_code == status, answer.content
    assert words in answer.json()["detail"].replace("\xa0", " ")


def test_the_store_holds_the_policy(alice_api: Client) -> None:
    data = files.picture()
    form = _begin(alice_api, data, "a.png").json()
    assert _send(form, data + b"x").status_code in {400, 403}
    assert _send(form, data[:-1]).status_code in {400, 403}
    elsewhere = {**form, "fields": {**form["fields"], "key": "ws/elsewhere/blobs/aa/aa"}}
    assert _send(elsewhere, data).status_code == 403
    other_type = {**form, "fields": {**form["fields"], "Content-Type": "text/html"}}
    assert _send(other_type, data).status_code == 403
    answer = _call(alice_api, "POST", f"/assets/{form['asset']}/complete")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/not-arrived")
    # The same upload still goes through.
    assert _send(form, data).status_code == 204
    assert _call(alice_api, "POST", f"/assets/{form['asset']}/complete").status_code == 200


def test_uploads_that_wait_are_counted(alice_api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "PENDING_MAX", 2)
    answers = [_begin(alice_api, b"abc", "a.txt") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert answers[2]["Retry-After"] == "600"
    assert answers[2]["RateLimit"] == '"uploads";r=0;t=600'


def test_a_store_that_is_away_costs_only_time(alice_api: Client, settings: Any) -> None:
    data = files.picture()
    form = _begin(alice_api, data, "a.png").json()
    assert _send(form, data).status_code == 204
    endpoint, settings.S3_ENDPOINT_URL = settings.S3_ENDPOINT_URL, "http://127.0.0.1:1"
    answer = _call(alice_api, "POST", f"/assets/{form['asset']}/complete")
    assert (answer.status_code, answer.json()["type"], answer["Retry-After"]) == (503, "/problems/storage-down", "5")
    settings.S3_ENDPOINT_URL = endpoint
    assert _call(alice_api, "POST", f"/assets/{form['asset']}/complete").status_code == 200


def test_an_expired_form_is_refused(workspace: Workspace) -> None:
    form = storage.upload_form(key="ws/x/incoming/y", content_type="image/png", size=3, seconds=-5)
    assert _send(form, b"abc").status_code == 403


def test_known_bytes_are_not_uploaded_again(alice_api: Client, workspace: Workspace) -> None:
    data = files.picture()
    first = _upload(alice_api, data, "a.png").json()
    known = _begin(alice_api, data, "b.png", sha256=first["sha256"].upper())
    assert known.status_code == 200
    assert known.json() == {"asset": first["id"], "state": "ready", "url": None, "fields": {}}
    # For another project: another asset, still no upload.
    elsewhere = _begin(alice_api, data, "c.png", sha256=first["sha256"], project=_project(workspace)).json()
    assert (elsewhere["state"], elsewhere["url"]) == ("ready", None)
    assert elsewhere["asset"] != first["id"]
    # As another type: the bytes must show that they are it.
    assert _begin(alice_api, data, "d.jpg", sha256=first["sha256"]).json()["state"] == "pending"
    # Uploaded all the same: another asset, one blob.
    second = _upload(alice_api, data, "b.png").json()
    assert second["id"] != first["id"]
    with scope(workspace.id):
        assert (Blob.objects.count(), Asset.objects.filter(state=AssetState.READY).count()) == (1, 3)


def test_known_bytes_of_another_workspace_stay_unknown(
    alice_api: Client, charlie_api: Client, workspace: Workspace
) -> None:
    data = files.picture()
    sha256 = _upload(alice_api, data, "a.png").json()["sha256"]
    body = {"filename": "a.png", "size": len(data), "content_type": "image/png", "sha256": sha256}
    answer = _call(charlie_api, "POST", "/assets/uploads", body)
    assert (answer.status_code, answer.json()["state"]) == (201, "pending")


def test_bytes_other_than_announced_are_refused(alice_api: Client) -> None:
    answer = _upload(alice_api, files.picture(), "a.png", sha256="0" * 64)
    assert (answer.status_code, answer.json()["code"]) == (422, "hash_mismatch")


def test_large_files_are_verified_by_a_task(
    alice_api: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "INLINE_BYTES", 10)
    answer = _upload(alice_api, files.picture(), "a.png")
    assert (answer.status_code, answer.json()["state"]) == (202, "verifying")
    settled = settle(workspace_id=workspace.id, asset_id=UUID(answer.json()["id"]))
    assert settled.state == AssetState.READY


def test_heavy_pictures_are_verified_by_a_task(
    alice_api: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "INLINE_PIXELS", 10)
    answer = _upload(alice_api, files.picture(), "a.png")
    assert (answer.status_code, answer.json()["state"]) == (202, "verifying")
    assert settle(workspace_id=workspace.id, asset_id=UUID(answer.json()["id"])).state == AssetState.READY


def test_bytes_swapped_after_verification_are_not_copied(alice_api: Client, workspace: Workspace) -> None:
    """The form is still valid while we verify; only the version that was verified may be copied."""
    data = files.picture()
    form = _begin(alice_api, data, "a.png").json()
    _send(form, data)
    held = storage.object_head(storage.incoming_key(workspace.id, UUID(form["asset"])))
    assert held is not None
    _send(form, b"\0" * len(data))
    with pytest.raises(storage.StorageDown):
        key = storage.incoming_key(workspace.id, UUID(form["asset"]))
        storage.object_copy(key, f"{key}-copy", etag=held.etag, content_type="image/png")


def test_foreign_and_unknown_assets_answer_alike(alice_api: Client, charlie_api: Client) -> None:
    asset = _upload(alice_api, files.picture(), "a.png").json()["id"]
    for method, path in [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/complete"),
        ("POST", "/restore"),
    ]:
        foreign = _call(charlie_api, method, f"/assets/{asset}{path}")
        unknown = _call(charlie_api, method, f"/assets/{uuid7()}{path}")
        assert (foreign.status_code, foreign.content) == (404, unknown.content), path
    assert _call(charlie_api, "GET", "/assets").json() == {"items": [], "next": None}


def test_viewers_read_and_do_not_write(alice_api: Client, victor_api: Client) -> None:
    asset = _upload(alice_api, files.picture(), "a.png").json()["id"]
    assert _call(victor_api, "GET", f"/assets/{asset}").status_code == 200
    assert _begin(victor_api, b"abc", "a.txt").status_code == 403
    assert _call(victor_api, "DELETE", f"/assets/{asset}").status_code == 403


def _project(workspace: Workspace) -> str:
    with scope(workspace.id):
        return str(project_create(workspace_id=workspace.id, name="P", actor_id=None).id)


def test_a_project_must_be_known(alice_api: Client, workspace: Workspace, foreign_workspace: Workspace) -> None:
    for stranger in (str(uuid7()), _project(foreign_workspace)):
        assert _begin(alice_api, b"abc", "a.txt", project=stranger).status_code == 404
    assert _begin(alice_api, b"abc", "a.txt", project=_project(workspace)).status_code == 201


def test_unclaimed_uploads_are_swept_after_a_day(alice_api: Client, workspace: Workspace) -> None:
    data = files.picture()
    form = _begin(alice_api, data, "a.png").json()
    _send(form, data)
    key = storage.incoming_key(workspace.id, UUID(form["asset"]))
    now = timezone.now()
    assert housekeeping.uploads_sweep(now) == 0
    assert housekeeping.uploads_sweep(now + housekeeping.UNCLAIMED_AFTER) == 1
    assert storage.object_head(key) is None
    assert _call(alice_api, "GET", f"/assets/{form['asset']}").status_code == 404


def test_lost_verifications_are_found_once(alice_api: Client, workspace: Workspace) -> None:
    form = _begin(alice_api, b"abc", "a.txt").json()
    with scope(workspace.id):
        Asset.objects.update(state=AssetState.VERIFYING, checked_at=timezone.now())
    later = timezone.now() + housekeeping.VERIFY_AGAIN_AFTER * 2
    assert housekeeping.verifications_lost(timezone.now()) == []
    assert housekeeping.verifications_lost(later) == [(workspace.id, UUID(form["asset"]))]
    assert housekeeping.verifications_lost(later) == []
