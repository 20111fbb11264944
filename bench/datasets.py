"""Datasets: `export` (100,000 records to Parquet, time and memory) and `motion` (a clip of 10 s at 1080p)."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.report import Figure, median
from bench.search import unwatched
from bench.site import ROOT, Site

RECORDS = 100_000
# So many in one INSERT.
BATCH = 5000
DAYS = 20
CLIP_S = 10
CLIP = (1920, 1080, 25)
TIMES = 3

# In a process of its own, so that its peak is its own: VmHWM, because getrusage() also counts what the process was
# before it became this one.
_EXPORT = """
import json, re, sys, time
from pathlib import Path
import django; django.setup()
from uuid import UUID
from apps.datasets.execution.exporting import export_make
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
ids = {"workspace_id": UUID(sys.argv[1]), "export_id": UUID(sys.argv[2])}
before, begun, worked = peak(), time.perf_counter(), time.process_time()
while export_make(**ids):
    pass
print(json.dumps([time.perf_counter() - begun, time.process_time() - worked, before, peak()]))
"""
_MOTION = """
import json, sys, time
import django; django.setup()
from pathlib import Path
from apps.datasets.execution.measuring import clip_measure
path, meta = Path(sys.argv[1]), json.loads(sys.argv[2])
took = []
for _ in range(int(sys.argv[3])):
    begun = time.perf_counter()
    found = clip_measure(path, "mov", meta)
    took.append(time.perf_counter() - begun)
print(json.dumps([took, time.process_time() / len(took), found["motion"], found["camera"]]))
"""


def bench_export(site: Site) -> list[Figure]:
    """Freeze 100,000 generations and export them, all of it through the code that the `work` lane runs."""
    from apps.common.tenancy import scope
    from apps.datasets import services
    from apps.datasets.execution.freezing import version_fix
    from apps.datasets.models import Export
    from apps.datasets.selection import Selection
    from apps.workspaces.models import Workspace

    workspace = Workspace.objects.get(slug="demo")
    with scope(workspace.id):
        _generations_make(workspace.id)
        dataset = services.dataset_create(workspace_id=workspace.id, name="Bench")
        chosen = Selection(models=("bench/image",))
        version = services.version_freeze(workspace_id=workspace.id, dataset_id=dataset.id, selection=chosen)
        frozen, _none = _took(lambda: version_fix(workspace_id=workspace.id, version_id=version.id))
        version.refresh_from_db()
        if version.kept != RECORDS:
            raise AssertionError(f"{version.kept} rows of {RECORDS}")
        # Not by the service: its message would have a worker make it meanwhile.
        export = Export.objects.create(workspace_id=workspace.id, version=version, format="parquet", total=RECORDS)
        seconds, worked, before, peak = _process(_EXPORT, str(workspace.id), str(export.id))
        export.refresh_from_db()
        if (export.state, sum(file["rows"] for file in export.files)) != ("ready", RECORDS):
            raise AssertionError(f"{export.state} with {export.files}")
    files, size = len(export.files) - 1, export.size / 2**20
    how = f"{RECORDS:,} records, {files} files by day, {size:.0f} MB; {worked:.1f} s of its own processor time"
    return [
        Figure("export", "records to Parquet", seconds, 20, "s", how),
        Figure("export", "peak of the process", peak, 400, "MB", f"resident; {before:.0f} MB before it began"),
        Figure("export", "freezing them", frozen, None, "s", "one snapshot, and the look for withdrawn ones"),
    ]


def bench_motion(site: Site) -> list[Figure]:
    """Measure a clip of 10 s at 1080p that pans."""
    width, height, rate = CLIP
    with tempfile.TemporaryDirectory(dir=ROOT / "var") as folder:
        path = Path(folder) / "clip.mp4"
        _clip_make(path)
        meta = json.dumps({"duration": CLIP_S, "frames": CLIP_S * rate, "width": width, "height": height})
        took, worked, motion, camera = _process(_MOTION, str(path), meta, str(TIMES))
        found = f"found {camera}, {motion} %/s (true: pan, 10)"
        how = f"{CLIP_S} s, {width}x{height}, {rate} fps; median of {TIMES}; {worked:.1f} s of processor time; {found}"
    return [Figure("motion", "motion score of a clip", median(took), 2, "s", how)]


def _process(code: str, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def _took(work: Any) -> tuple[float, Any]:
    import time

    begun = time.perf_counter()
    found = work()
    return time.perf_counter() - begun, found


def _generations_make(workspace_id: UUID) -> None:
    """Generations with one picture each, as a settlement leaves them; assets and blobs are rows without bytes."""
    from django.db import connection, transaction

    from apps.assets.models import Asset, Blob
    from apps.generations.models import Generation, GenerationOutput

    # A batch is written whole or not at all, so a bench that was interrupted goes on where it was. Nobody searches for
    # these, so they get no words and colours: those would be most of the time.
    there = Generation.objects.filter(model="bench/image").count()
    if there == RECORDS:
        return
    with connection.cursor() as cursor, unwatched(cursor):
        for begin in range(there, RECORDS, BATCH):
            rows = list(_rows(workspace_id, range(begin, begin + BATCH)))
            with transaction.atomic():
                for model, column in ((Blob, 0), (Asset, 1), (Generation, 2), (GenerationOutput, 3)):
                    model.objects.bulk_create([row[column] for row in rows])


def _rows(workspace_id: UUID, numbers: range) -> Iterator[tuple[Any, Any, Any, Any]]:
    from django.utils import timezone

    from apps.assets.models import Asset, Blob
    from apps.assets.services import asset_ref
    from apps.common.ids import uuid7
    from apps.generations.models import Generation, GenerationOutput

    now = timezone.now()
    for number in numbers:
        sha256 = f"{number:064x}"
        told = {"workspace_id": workspace_id, "kind": "image", "content_type": "image/png", "size": 400_000}
        meta = {"width": 1024, "height": 1024}
        blob = Blob(**told, sha256=sha256, key=f"bench/{sha256}", meta=meta, preview_state="ready")
        asset = Asset(**told, blob=blob, filename=f"{number}.png", source="generation", state="ready")
        at = now - timedelta(days=DAYS * (1 - number / RECORDS))
        prompt = (
            f"A lighthouse number {number} above a sea of glass at dusk, soft light, 35 mm, in the manner of an etching"
        )
        generation = Generation(
            id=uuid7(), workspace_id=workspace_id, kind="image", provider="bench", model="bench/image", prompt=prompt,
            params={"prompt": prompt, "seed": number, "width": 1024, "height": 1024, "steps": 28, "guidance": 3.5},
            seed=number, state="succeeded", hold_id=uuid7(), price_low=1, price_high=1, cost=1, latency_ms=4200,
            request_digest=b"", deadline_at=at, created_at=at, settled_at=at, outputs=[asset_ref(asset)],
            rating=number % 5 + 1, tags=["bench", "dusk"], consent=True,
        )  # fmt: skip
        output = GenerationOutput(workspace_id=workspace_id, generation=generation, asset=asset, position=0)
        yield blob, asset, generation, output


def _clip_make(path: Path) -> None:
    import av
    import numpy as np
    from PIL import Image

    width, height, rate = CLIP
    # Octaves of noise, as strong as they are large: what pictures of the world are like.
    rng, size, scene = np.random.default_rng(1), (width * 2, height), np.zeros((height, width * 2))
    for octave in range(2, 9):
        blots = Image.fromarray(rng.random((9 * 2**octave // 4, 32 * 2**octave // 4)).astype(np.float32))
        scene += np.asarray(blots.resize(size, Image.Resampling.BICUBIC)) / 2**octave
    scene = 255 * (scene - scene.min()) / (scene.max() - scene.min())
    wide = np.repeat(scene.astype(np.uint8)[:, :, None], 3, axis=2)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=rate, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(CLIP_S * rate):
            left = round(number * width * 0.1 / rate)
            picture = np.ascontiguousarray(wide[:, left : left + width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
