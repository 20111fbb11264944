"""How heavy pages are: `page`, `island`; and how fast the stack comes up: `up`."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from typing import Any

from bench.report import Figure, median, percentile
from bench.runs import session_cookie
from bench.site import ROOT, Site, stack

GENERATIONS = 10_000


def bench_page(site: Site) -> list[Figure]:
    """The project page and the tape it shows, with 10,000 generations in the workspace."""
    project = site.post("/api/v1/projects", {"name": "Full"})["id"]
    _fill(project)
    cookie = session_cookie()
    figures = []
    for what, path in (
        ("project page", f"/w/demo/projects/{project}/"),
        ("its tape", f"/w/demo/tape/items/?project={project}"),
    ):
        took = []
        for _ in range(61):
            begun = time.perf_counter()
            response = site.client.get(path, headers={"Cookie": cookie, "Authorization": ""})
            took.append((time.perf_counter() - begun) * 1000)
            response.raise_for_status()
        how = "60 requests over loopback, whole answer, after one to warm up"
        figures.append(
            Figure("page", f"{what} at {GENERATIONS:,} generations, p95", percentile(took[1:], 95), 60, "ms", how)
        )
    return figures


def _fill(project: str) -> None:
    from uuid import UUID

    from django.utils import timezone

    from apps.common.ids import uuid7
    from apps.common.tenancy import scope
    from apps.generations.models import Generation
    from apps.workspaces.models import Workspace

    workspace = Workspace.objects.get(slug="demo")
    now = timezone.now()
    with scope(workspace.id):
        missing = GENERATIONS - Generation.objects.count()
        rows = (
            Generation(
                workspace=workspace,
                project_id=UUID(project),
                kind="image",
                provider="sandbox",
                model="sandbox/image",
                prompt=f"bench {number}",
                request_digest=b"0" * 32,
                state="succeeded",
                hold_id=uuid7(),
                price_low=4_000_000,
                price_high=4_000_000,
                cost=4_000_000,
                deadline_at=now,
                settled_at=now,
                latency_ms=100,
            )
            for number in range(max(0, missing))
        )
        Generation.objects.bulk_create(rows, batch_size=2000)
        Generation.objects.filter(prompt__startswith="bench ").update(project_id=UUID(project))


def bench_island(site: Site) -> list[Figure]:
    """JavaScript by the build's manifest, gzip at the level web servers use."""
    dist = ROOT / "static" / "dist"
    manifest: dict[str, Any] = json.loads((dist / "manifest.json").read_text())
    page, island = _scripts(manifest, "static/src/page.ts"), _scripts(manifest, "static/src/island/main.tsx")
    how = "sum of gzip -6 of the entry's files and what they import"
    return [
        Figure("island", "JavaScript of the workflow page", _kb(dist, page | island), 180, "kB", how),
        Figure("island", "JavaScript of other pages", _kb(dist, page), 35, "kB", how),
    ]


def _scripts(manifest: dict[str, Any], entry: str) -> set[str]:
    chunk = manifest[entry]
    found = {chunk["file"]}
    for name in chunk.get("imports", []):
        found |= _scripts(manifest, name)
    return found


def _kb(dist: Path, files: set[str]) -> float:
    return sum(len(gzip.compress((dist / name).read_bytes(), 6)) for name in files) / 1000


def bench_up(site: Site) -> list[Figure]:
    """The whole stack from nothing running until healthy, on a prepared machine."""
    took = []
    for _ in range(3):
        stack("down")
        took.append(stack("up"))
    return [Figure("up", "make up until healthy", median(took), 10, "s", "median of 3 starts of a prepared stack")]
