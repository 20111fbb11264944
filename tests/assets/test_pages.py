"""The gallery and the trash as people see them, and the API's list."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from django.test import Client
from django.urls import reverse

from apps.assets import services
from apps.assets.filters import assets_filtered
from apps.assets.models import Asset
from apps.assets.usage import Usage, usage_providers
from apps.common.ids import uuid7
from apps.workspaces.models import Workspace
from tests.assets import files

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def _store(workspace: Workspace, tmp_path: Path, name: str, seed: int = 0, source: str = "upload") -> Asset:
    path = tmp_path / name
    path.write_bytes(b"a,b\n%d,2\n" % seed if name.endswith("csv") else files.picture(seed=seed))
    return services.asset_store(workspace_id=workspace.id, path=path, filename=name, source=source)


def _page(name: str, *args: Any, slug: str = "mill") -> str:
    return reverse(f"assets:{name}", args=[slug, *args])


def test_gallery_filters(alice_client: Client, workspace: Workspace, tmp_path: Path) -> None:
    _store(workspace, tmp_path, "harbour.png", 1, source="generation")
    _store(workspace, tmp_path, "sales.csv")
    kites = _store(workspace, tmp_path, "kites.png", 2)
    services.asset_publish(workspace_id=workspace.id, asset_id=kites.id, title="Evening kites")
    names = ["harbour.png", "sales.csv", "Evening kites"]

    def shown(query: str) -> list[str]:
        page = alice_client.get(f"{_page('gallery')}?{query}").content.decode()
        return [name for name in names if f"“{name}”" in page]

    assert shown("") == names
    assert shown("kind=table") == ["sales.csv"]
    assert shown("source=generation") == ["harbour.png"]
    assert shown("published=1") == ["Evening kites"]
    assert shown("q=kites+evening") == ["Evening kites"]
    assert shown(f"project={uuid7()}") == []
    assert shown("kind=nonsense&source=&project=x") == names


def test_gallery_shows_the_next_page(alice_client: Client, workspace: Workspace, tmp_path: Path) -> None:
    for index in range(50):
        _store(workspace, tmp_path, f"t{index}.csv", index)
    first = alice_client.get(_page("gallery"))
    assert first.content.decode().count("<article") == 48
    cursor = first.context["cursor"]
    following = alice_client.get(f"{_page('gallery')}?cursor={cursor}", headers=HTMX).content.decode()
    assert (following.count("<article"), "<html" in following) == (2, False)


def test_gallery_asks_for_what_is_newer_within_its_filters(
    alice_client: Client, workspace: Workspace, tmp_path: Path
) -> None:
    """Nothing newer leaves the page as it is; what came is sent with the moment to ask from next."""
    page = alice_client.get(f"{_page('gallery')}?kind=image")
    assert "kind=image&amp;since=" in page.content.decode()
    since = urlencode({"kind": "image", "since": page.context["since"]})
    assert alice_client.get(f"{_page('gallery')}?{since}", headers=HTMX).status_code == 204
    _store(workspace, tmp_path, "kites.png", 2)
    _store(workspace, tmp_path, "sales.csv")
    news = alice_client.get(f"{_page('gallery')}?{since}", headers=HTMX).content.decode()
    assert (news.count("<article"), 'id="gallery-news" hx-swap-oob="true"' in news) == (1, True)
    assert ("kites.png" in news, "sales.csv" in news) == (True, False)
    for odd in ("yesterday", "2026-01-01T00:00:00", "9" * 80, "2026-99-99T00:00:00+00:00"):
        assert alice_client.get(_page("gallery"), {"since": odd}, headers=HTMX).status_code == 404


def test_pages_need_the_same_queries_at_any_length(
    alice_client: Client, alice_api: Client, workspace: Workspace, tmp_path: Path, django_assert_max_num_queries: Any
) -> None:
    alice_api.get("/api/v1/assets")  # notes when the token was last used
    counts = []
    for index in range(12):
        _store(workspace, tmp_path, f"p{index}.png", index)
        if index in {1, 11}:
            with django_assert_max_num_queries(12) as page:
                alice_client.get(_page("gallery"))
            with django_assert_max_num_queries(8) as api:
                alice_api.get("/api/v1/assets")
            counts.append((len(page), len(api)))
    assert counts[0] == counts[1]


def test_trash_and_undo(alice_client: Client, workspace: Workspace, tmp_path: Path) -> None:
    asset = _store(workspace, tmp_path, "harbour.png")
    answer = alice_client.post(_page("asset_trash", asset.id), headers=HTMX)
    assert "Undo" in answer.content.decode()
    assert "harbour.png" not in alice_client.get(_page("gallery")).content.decode()
    assert "30 days left" in alice_client.get(_page("trash")).content.decode()
    restored = alice_client.post(_page("asset_restore", asset.id), headers=HTMX)
    assert f'id="asset-{asset.id}"' in restored.content.decode()
    assert "harbour.png" in alice_client.get(_page("gallery")).content.decode()
    # Without a script the same forms work.
    assert alice_client.post(_page("asset_trash", asset.id)).status_code == 302
    assert alice_client.post(_page("asset_restore", asset.id)).status_code == 302


def test_a_cell_still_being_drawn_opens_inside_the_dialog(
    alice_client: Client, workspace: Workspace, tmp_path: Path
) -> None:
    """The cell replaces itself when its preview is there; its link must not inherit that, or the dialog is replaced."""
    asset = _store(workspace, tmp_path, "harbour.png")
    cell = alice_client.get(_page("asset_cell", asset.id)).content.decode()
    assert "load delay:1000ms" in cell
    assert 'hx-target="#asset-view" hx-swap="innerHTML"' in cell
    assert "load delay:2000ms" in alice_client.get(f"{_page('asset_cell', asset.id)}?waited=1000").content.decode()


def test_large_view_and_title(alice_client: Client, workspace: Workspace, tmp_path: Path) -> None:
    asset = _store(workspace, tmp_path, "harbour.png")

    def provider(_workspace: Any, ids: Any) -> dict[Any, list[Usage]]:
        return {one: [Usage(kind="workflow", id="1", title="Postcard", url="/w/mill/workflows/1/")] for one in ids}

    usage_providers.append(provider)
    try:
        fragment = alice_client.get(_page("asset_detail", asset.id), headers=HTMX).content.decode()
    finally:
        usage_providers.remove(provider)
    assert ("Postcard" in fragment, "<html" in fragment, "96 × 64" in fragment) == (True, False, True)
    assert "<html" in alice_client.get(_page("asset_detail", asset.id)).content.decode()
    renamed = alice_client.post(_page("asset_rename", asset.id), {"title": "<b>Harbour</b>"}).content.decode()
    assert "&lt;b&gt;Harbour&lt;/b&gt;" in renamed


def test_lasting_addresses_lead_to_links(alice_client: Client, workspace: Workspace, tmp_path: Path) -> None:
    asset = _store(workspace, tmp_path, "harbour.png")
    content = alice_client.get(_page("asset_content", asset.id))
    assert (content.status_code, content["Cache-Control"]) == (302, "private, max-age=900")
    assert httpx.get(content["Location"]).status_code == 200
    # No preview yet: the picture itself.
    assert httpx.get(alice_client.get(_page("asset_preview", asset.id, 512))["Location"]).status_code == 200
    table = _store(workspace, tmp_path, "sales.csv")
    assert alice_client.get(_page("asset_preview", table.id, 512)).status_code == 404


def test_odd_input_is_no_accident(
    alice_client: Client, alice_api: Client, workspace: Workspace, tmp_path: Path
) -> None:
    asset = _store(workspace, tmp_path, "harbour.png")
    junk = base64.urlsafe_b64encode(b'["x", "y"]').decode().rstrip("=")
    for page in ("gallery", "trash"):
        assert alice_client.get(f"{_page(page)}?cursor=x").status_code == 404
        assert alice_client.get(f"{_page(page)}?cursor={junk}").status_code == 404
    assert alice_client.get(f"{_page('gallery')}?q=%00a&kind=%00").status_code == 200
    assert alice_api.get(f"/api/v1/assets?cursor={junk}").status_code == 422
    assert alice_api.get("/api/v1/assets?q=%00").status_code == 200
    body = {"title": "\0 Kites\n"}
    renamed = alice_api.patch(f"/api/v1/assets/{asset.id}", body, content_type="application/json")
    assert renamed.json()["title"] == "Kites"


READS = ["asset_detail", "asset_cell", "asset_content"]
WRITES = ["asset_trash", "asset_restore", "asset_rename"]


def test_strangers_find_nothing(
    alice_client: Client, victor_client: Client, charlie_client: Client, workspace: Workspace, tmp_path: Path
) -> None:
    asset = _store(workspace, tmp_path, "harbour.png")
    for name in ("gallery", "trash"):
        assert charlie_client.get(_page(name)).status_code == 404
        assert victor_client.get(_page(name)).status_code == 200
        assert Client().get(_page(name)).status_code == 302
    for name in READS:
        assert charlie_client.get(_page(name, asset.id)).status_code == 404
        assert charlie_client.get(_page(name, asset.id, slug="elsewhere")).status_code == 404
        assert victor_client.get(_page(name, asset.id)).status_code in {200, 302}
    for name in WRITES:
        assert charlie_client.post(_page(name, asset.id, slug="elsewhere")).status_code == 404
        assert victor_client.post(_page(name, asset.id)).status_code == 403
        assert alice_client.get(_page(name, asset.id)).status_code == 405


def test_api_list(alice_api: Client, workspace: Workspace, tmp_path: Path) -> None:
    first = _store(workspace, tmp_path, "harbour.png", 1)
    second = _store(workspace, tmp_path, "sales.csv")
    page = alice_api.get("/api/v1/assets?limit=1").json()
    assert [item["id"] for item in page["items"]] == [str(second.id)]
    page = alice_api.get(f"/api/v1/assets?limit=1&cursor={page['next']}").json()
    assert ([item["id"] for item in page["items"]], page["next"]) == ([str(first.id)], None)
    assert [item["kind"] for item in alice_api.get("/api/v1/assets?kind=table").json()["items"]] == ["table"]
    only = alice_api.get(f"/api/v1/assets?ids={first.id}").json()["items"]
    assert [item["filename"] for item in only] == ["harbour.png"]
    for bad in ("kind=x", "limit=0", "cursor=x", "ids=x", "project=x"):
        answer = alice_api.get(f"/api/v1/assets?{bad}")
        assert (answer.status_code, answer["content-type"]) == (422, "application/problem+json"), bad


def test_api_trash(alice_api: Client, workspace: Workspace, tmp_path: Path) -> None:
    asset = _store(workspace, tmp_path, "harbour.png")
    assert alice_api.delete(f"/api/v1/assets/{asset.id}").status_code == 204
    assert alice_api.get("/api/v1/assets").json()["items"] == []
    assert len(alice_api.get("/api/v1/assets?trashed=true").json()["items"]) == 1
    assert alice_api.get(f"/api/v1/assets/{asset.id}").json()["trashed_at"] is not None
    assert alice_api.post(f"/api/v1/assets/{asset.id}/restore").json()["trashed_at"] is None


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("STRASSE", ["strasse.png"]),
        ("ärger", ["ÄRGER"]),
        ("100%", ["100%_done"]),
        ("%", ["100%_done"]),
        ("0_d", []),
        ("%_done", ["100%_done"]),
        ("a\\b", ["a\\b.png"]),
        ("nd in", ["Abend in der Straße"]),
        ("der abend", ["Abend in der Straße"]),
        ("数据", ["训练数据集"]),
        ("ß", ["Abend in der Straße"]),
    ],
)
def test_names_are_found_by_any_part(asked: str, found: list[str], workspace: Workspace, tmp_path: Path) -> None:
    titles = ("Abend in der Straße", "ÄRGER", "100%_done", "", "训练数据集", "")
    for number, (title, name) in enumerate(
        zip(titles, ["a.png", "b.png", "c.png", "strasse.png", "e.png", "a\\b.png"], strict=True)
    ):
        path = tmp_path / f"{number}.png"
        path.write_bytes(files.picture(seed=number))
        asset = services.asset_store(workspace_id=workspace.id, path=path, filename=name, source="upload")
        Asset.objects.for_workspace(workspace.id).filter(id=asset.id).update(title=title, filename=name)
    rows = assets_filtered(workspace.id, q=asked).order_by("title", "filename")
    assert sorted(row.title or row.filename for row in rows) == sorted(found)
