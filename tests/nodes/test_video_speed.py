from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.engine.node_types import NodeFailure
from tests.nodes.clips import facts, film, grey, greys_in, hertz_of, near, samples_in
from tests.nodes.context import FolderContext

Run = Callable[..., Any]


def test_twice_as_fast_takes_every_second_frame(run_node: Run, context: FolderContext) -> None:
    out = run_node("video.speed", {"video": film(context.folder / "in.mp4", 20, tone=440)}, factor=2)
    made = context.folder / out["video"]["$asset"]
    assert near(greys_in(made), [grey(number) for number in range(0, 20, 2)])
    assert facts(made)["seconds"] == pytest.approx(1, abs=0.05)
    assert hertz_of(samples_in(made)) == pytest.approx(440, abs=6), "the pitch stays"
    assert len(samples_in(made)) / 48_000 == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("factor", [0.5, 0.1])
def test_slower_holds_frames(run_node: Run, context: FolderContext, factor: float) -> None:
    out = run_node("video.speed", {"video": film(context.folder / "in.mp4", 8, tone=440)}, factor=factor)
    made = context.folder / out["video"]["$asset"]
    times = round(1 / factor)
    assert near(greys_in(made), [grey(number) for number in range(8) for _time in range(times)])
    assert hertz_of(samples_in(made)[9600:]) == pytest.approx(440, abs=8)


def test_sound_may_go_and_may_not_be_there(run_node: Run, context: FolderContext) -> None:
    out = run_node("video.speed", {"video": film(context.folder / "in.mp4", 10, tone=440)}, sound="drop")
    assert facts(context.folder / out["video"]["$asset"])["sound"] is False
    out = run_node("video.speed", {"video": film(context.folder / "mute.mp4", 10)}, factor=10)
    assert greys_in(context.folder / out["video"]["$asset"]) == pytest.approx([grey(0)], abs=3)


def test_longer_than_allowed_is_a_sentence(run_node: Run, context: FolderContext) -> None:
    film(context.folder / "in.mp4", 200, fps=1)
    with pytest.raises(NodeFailure, match="would last 33:20; at most 30:00"):
        run_node("video.speed", {"video": {"$asset": "in.mp4", "kind": "video"}}, factor=0.1)
