from __future__ import annotations

from collections.abc import Callable
from typing import Any

import av
import numpy as np
import pytest

from apps.engine.node_types import NodeFailure
from tests.nodes.clips import facts, film, grey, greys_in, hertz_of, loudness, near, samples_in, sound
from tests.nodes.context import FolderContext

Run = Callable[..., Any]


def pictures_packed(path: Any) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def test_replaced_without_touching_the_pictures(run_node: Run, context: FolderContext) -> None:
    video = film(context.folder / "in.mp4", 20, tone=300)
    out = run_node("audio.mux", {"video": video, "audio": sound(context.folder / "a.wav", 3, 900)})
    made = context.folder / out["video"]["$asset"]
    assert pictures_packed(made) == pictures_packed(context.folder / "in.mp4")
    assert near(greys_in(made), [grey(number) for number in range(20)])
    assert facts(made)["seconds"] == pytest.approx(2, abs=0.05)
    heard = samples_in(made)
    assert hertz_of(heard) == pytest.approx(900, abs=4)
    assert len(heard) / 48_000 == pytest.approx(2, abs=0.05)


def test_mixed_with_volumes(run_node: Run, context: FolderContext) -> None:
    video = film(context.folder / "in.mp4", 20, tone=300)
    other = sound(context.folder / "a.wav", 1, 3000, 0.4)
    out = run_node("audio.mux", {"video": video, "audio": other}, sound="mix", own_volume=50, volume=0, start=0.5)
    heard = samples_in(context.folder / out["video"]["$asset"])
    assert hertz_of(heard) == pytest.approx(300, abs=4)
    assert loudness(heard[4800:80_000]) == pytest.approx(0.25, abs=0.02)
    out = run_node("audio.mux", {"video": video, "audio": other}, sound="mix", own_volume=0, start=0.5)
    heard = samples_in(context.folder / out["video"]["$asset"])
    assert np.abs(heard[2000:22_000]).max() < 0.02
    assert loudness(heard[30_000:60_000]) == pytest.approx(0.4, abs=0.03)
    assert np.abs(heard[76_000:90_000]).max() < 0.02


def test_shorter_sound_cuts_or_repeats(run_node: Run, context: FolderContext) -> None:
    video = film(context.folder / "in.mp4", 20)
    short = sound(context.folder / "a.wav", 0.5, 900, 0.4)
    out = run_node("audio.mux", {"video": video, "audio": short}, length="shortest")
    made = context.folder / out["video"]["$asset"]
    assert near(greys_in(made), [grey(number) for number in range(5)])
    assert facts(made)["seconds"] == pytest.approx(0.5, abs=0.05)
    out = run_node("audio.mux", {"video": video, "audio": short}, length="loop")
    heard = samples_in(context.folder / out["video"]["$asset"])
    assert loudness(heard[80_000:94_000]) == pytest.approx(0.4, abs=0.03)
    out = run_node("audio.mux", {"video": video, "audio": short}, length="video")
    heard = samples_in(context.folder / out["video"]["$asset"])
    assert np.abs(heard[30_000:90_000]).max() < 0.02


def test_what_cannot_be_copied_is_encoded(run_node: Run, context: FolderContext) -> None:
    video = film(context.folder / "in.mkv", 5, pix_fmt="bgr0")
    out = run_node("audio.mux", {"video": video, "audio": sound(context.folder / "a.wav", 1)})
    made = context.folder / out["video"]["$asset"]
    assert facts(made)["codec"] == "h264"
    assert near(greys_in(made), [grey(number) for number in range(5)])


def test_no_sound_is_a_sentence(run_node: Run, context: FolderContext) -> None:
    mute = film(context.folder / "in.mp4", 5)
    with pytest.raises(NodeFailure, match="no sound in it"):
        run_node("audio.mux", {"video": mute, "audio": mute})
