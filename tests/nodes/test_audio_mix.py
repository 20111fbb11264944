from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from apps.assets.measures import detect, measure
from apps.engine.node_types import NodeFailure
from apps.nodes.registry import node_type_get
from tests.nodes.clips import asset, facts, film, hertz_of, loudness, samples_in, sound
from tests.nodes.context import FolderContext

Run = Callable[..., Any]


@pytest.mark.parametrize("kind", ["m4a", "wav", "flac"])
def test_starts_and_gains(run_node: Run, context: FolderContext, kind: str) -> None:
    sounds = [sound(context.folder / "a.wav", 2, 300, 0.4), sound(context.folder / "b.wav", 1, 2000, 0.4)]
    out = run_node("audio.mix", {"sounds": sounds}, starts="0, 1.5", gains="0, -6.02", normalise=False, format=kind)
    heard = samples_in(context.folder / out["audio"]["$asset"])
    assert len(heard) / 48_000 == pytest.approx(2.5, abs=0.03)
    assert hertz_of(heard[:48_000]) == pytest.approx(300, abs=4)
    assert loudness(heard[4800:48_000]) == pytest.approx(0.4, abs=0.02)
    assert hertz_of(heard[100_000:118_000]) == pytest.approx(2000, abs=6)
    assert loudness(heard[100_000:118_000]) == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize("kind", ["m4a", "wav", "flac"])
def test_a_single_sample_is_a_sound_that_can_be_read(run_node: Run, context: FolderContext, kind: str) -> None:
    out = run_node("audio.mix", {"sounds": [sound(context.folder / "click.wav", 1 / 48_000)]}, format=kind)
    path = context.folder / out["audio"]["$asset"]
    assert len(samples_in(path)) >= 1
    measure(path, detect(path, path.name))


def test_normalised_to_just_below_the_most(run_node: Run, context: FolderContext) -> None:
    sounds = [sound(context.folder / "a.wav", 1, 300, 0.05), sound(context.folder / "b.wav", 1, 300, 0.05)]
    out = run_node("audio.mix", {"sounds": sounds}, format="wav")
    assert float(np.abs(samples_in(context.folder / out["audio"]["$asset"])).max()) == pytest.approx(0.891, abs=0.005)


@pytest.mark.parametrize(("length", "wanted"), [("longest", 3), ("shortest", 1), ("first", 2)])
def test_where_it_ends(run_node: Run, context: FolderContext, length: str, wanted: float) -> None:
    sounds = [sound(context.folder / f"{seconds}.wav", seconds) for seconds in (2, 1, 3)]
    out = run_node("audio.mix", {"sounds": sounds}, length=length, format="wav")
    assert facts(context.folder / out["audio"]["$asset"])["seconds"] == wanted


def test_the_sound_of_a_video_and_the_same_bytes(run_node: Run, context: FolderContext) -> None:
    sounds = [film(context.folder / "in.mp4", 10, tone=700), sound(context.folder / "a.wav", 1, 300, 0.01)]
    made = []
    for _time in range(2):
        out = run_node("audio.mix", {"sounds": sounds})
        made.append((context.folder / out["audio"]["$asset"]).read_bytes())
    assert hertz_of(samples_in(context.folder / "mix.m4a")) == pytest.approx(700, abs=4)
    assert made[0] == made[1]


def test_refusals(run_node: Run, context: FolderContext) -> None:
    with pytest.raises(NodeFailure, match="no sound in the list"):
        run_node("audio.mix", {"sounds": []})
    with pytest.raises(NodeFailure, match="There are 33 sounds; at most 32"):
        run_node("audio.mix", {"sounds": [asset("a.wav", "audio")] * 33})
    with pytest.raises(NodeFailure, match="File 1 has no sound in it"):
        run_node("audio.mix", {"sounds": [film(context.folder / "mute.mp4", 2)]})
    (context.folder / "bad.wav").write_bytes(b"RIFF")
    with pytest.raises(NodeFailure, match="could not be read"):
        run_node("audio.mix", {"sounds": [asset("bad.wav", "audio")]})


def test_what_is_no_number_is_seen_before_the_run() -> None:
    node = node_type_get("audio.mix")
    assert node
    assert node.params_problems({"starts": "0, soon"})[0][0] == "starts"
    assert node.params_problems({"starts": "-1"}) == [("starts", "Each number must be at least 0.")]
    assert node.params_problems({"gains": "-6; 3"}) == []
