"""How much memory a long video takes: `media_memory`. Each node in a child process, as a worker runs it."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from bench.report import Figure
from bench.site import Site

GOAL_MB = 500
SECONDS, FPS, SIZE = 600, 6, (1920, 1080)
NODES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("video.trim", {"start": 0.05}),
    ("video.speed", {"factor": 0.9}),
    ("video.overlay", {"scale": 30}),
)


class Folder:
    """The ports of a node, backed by a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variables: Mapping[str, Any] = {}
        self.now = datetime.now(UTC)
        self.attempt = 1
        self.told = 0

    def asset_get(self, asset_id: str) -> Mapping[str, Any]:
        """A file by its name."""
        return {"$asset": asset_id}

    @contextmanager
    def asset_open(self, ref: Mapping[str, Any]) -> Iterator[Path]:
        """A name of its own for the file, as each opening of an asset is a copy of its own."""
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            path = Path(place) / "opened"
            path.hardlink_to(self.folder / str(ref["$asset"]))
            yield path

    def asset_save(self, path: Path, filename: str) -> Mapping[str, Any]:
        """Keep a file beside the others."""
        shutil.move(path, self.folder / filename)
        return {"$asset": filename}

    def asset_publish(self, ref: Mapping[str, Any], title: str) -> None:
        """Nobody looks."""

    def progress(self, fraction: float, message: str = "") -> None:
        """Count how often it tells."""
        self.told += 1

    def log(self, message: str) -> None:
        """Nobody reads."""

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def bench_media_memory(site: Site) -> list[Figure]:
    """Cut, slow down and overlay ten minutes of 1080p with sound; the most that each child had resident."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _clip(folder / "long.mp4")
        figures = []
        for node, params in NODES:
            print(f"  {node} …", file=sys.stderr, flush=True)
            figures += _measured(folder, node, params)
        return figures


def _measured(folder: Path, name: str, params: Mapping[str, Any]) -> list[Figure]:
    from apps.nodes.registry import node_type_get
    from apps.runs.child import Child

    node = node_type_get(name)
    assert node
    inputs = {"video": {"$asset": "long.mp4"}, "over": {"$asset": "long.mp4"}}
    context, filled = Folder(folder), node.with_defaults(params)
    begun = time.perf_counter()
    child = Child(lambda confined: node.outputs_in(node.run(confined, inputs, filled)), context, node.limits)
    peak = _Peak(child.pid)
    ended = child.follow()
    peak.stop()
    took = time.perf_counter() - begun
    assert ended.outputs, ended.error
    speed = SECONDS * FPS / took
    how = (
        f"10 min of 1080p, {FPS} frames/s and AAC, low detail; largest resident size of the child; {speed:.0f} frames/s"
    )
    return [
        Figure("media_memory", name, peak.mb, GOAL_MB, "MB", f"{how}, told {context.told} times"),
        Figure("media_memory", f"{name}, time", took, node.limits.time_s, "s", "of which its limit is the goal"),
    ]


class _Peak:
    """The kernel's own high-water mark of a process, read until it ends."""

    def __init__(self, pid: int) -> None:
        self.mb = 0.0
        self._status, self._over = Path(f"/proc/{pid}/status"), threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            try:
                found = re.search(r"VmHWM:\s+(\d+) kB", self._status.read_text())
            except OSError:
                return
            self.mb = max(self.mb, int(found[1]) * 1024 / 1e6 if found else 0)

    def stop(self) -> None:
        """The process has ended."""
        self._over.set()
        self._thread.join()


def _clip(path: Path) -> None:
    """A bar that moves over a slope, and a tone: little detail, so that it is made and encoded fast."""
    import av
    import numpy as np

    slope = np.tile(np.linspace(40, 200, SIZE[0], dtype=np.uint8), (SIZE[1] * 3 // 2, 1))
    slope[SIZE[1] :] = 128
    tone = (np.sin(np.arange(48_000) * 2 * np.pi * 440 / 48_000) * 0.3).astype(np.float32)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "28"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        sound: Any = container.add_stream("aac", rate=48_000, layout="mono")
        for number in range(SECONDS * FPS):
            picture = slope.copy()
            picture[400:600, number * 4 % 1800 :][:, :100] = 235
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
            if number % FPS == 0:
                heard = av.AudioFrame.from_ndarray(tone[None], format="fltp", layout="mono")
                heard.sample_rate, heard.pts, heard.time_base = 48_000, number // FPS * 48_000, Fraction(1, 48_000)
                container.mux(sound.encode(heard))
        container.mux(stream.encode(None))
        container.mux(sound.encode(None))
