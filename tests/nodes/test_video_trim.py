from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from PIL import Image

from apps.engine.node_types import NodeFailure
from tests.nodes.clips import (
    asset,
    facts,
    film,
    grey,
    greys_in,
    hertz_of,
    loudness,
    near,
    pictures_in,
    samples_in,
    times_in,
)
from tests.nodes.context import FolderContext

Run = Callable[..., Any]


def test_exact_to_the_frame(run_node: Run, context: FolderContext) -> None:
    video = film(context.folder / "in.mp4", 20, tone=440)
    out = run_node("video.trim", {"video": video}, start=0.5, end=1.2)
    made = context.folder / out["video"]["$asset"]
    assert near(greys_in(made), [grey(number) for number in range(5, 12)])
    assert facts(made)["codec"] == "h264"
    assert facts(made)["pixels"] == "yuv420p"
    assert facts(made)["seconds"] == pytest.approx(0.7, abs=0.03)
    heard = samples_in(made)
    assert hertz_of(heard) == pytest.approx(440, abs=5)
    assert loudness(heard[4800:24000]) == pytest.approx(0.5, abs=0.03)
    assert context.told[-1] == 1.0


def test_length_instead_of_end_and_to_the_end(run_node: Run, context: FolderContext) -> None:
    video = film(context.folder / "in.mp4", 20)
    out = run_node("video.trim", {"video": video}, start=0.3, length=0.2)
    assert near(greys_in(context.folder / out["video"]["$asset"]), [grey(3), grey(4)])
    out = run_node("video.trim", {"video": video}, start=1.8)
    assert near(greys_in(context.folder / out["video"]["$asset"]), [grey(18), grey(19)])


def test_the_same_bytes_each_time(run_node: Run, context: FolderContext) -> None:
    video = film(context.folder / "in.mp4", 20, tone=440)
    bytes_made = []
    for _time in range(2):
        out = run_node("video.trim", {"video": video}, start=0.2)
        bytes_made.append((context.folder / out["video"]["$asset"]).read_bytes())
    assert bytes_made[0] == bytes_made[1]
    assert b"Lavf" not in bytes_made[0]
    assert bytes_made[0].index(b"moov") < bytes_made[0].index(b"mdat"), "plays before it is loaded"


def test_uneven_times_become_even(run_node: Run, context: FolderContext) -> None:
    times = [0, 10, 15, 20, 50, 60, 70, 80, 90, 100]
    video = film(context.folder / "in.mp4", 10, times=times)
    out = run_node("video.trim", {"video": video}, start=0.2, end=0.7)
    made = context.folder / out["video"]["$asset"]
    steps = [b - a for a, b in zip(times_in(made), times_in(made)[1:], strict=False)]
    assert max(steps) - min(steps) < 0.002
    assert facts(made)["seconds"] == pytest.approx(0.5, abs=0.06)
    shown = greys_in(made)
    assert abs(shown[0] - grey(3)) <= 3
    assert shown[round(0.2 / steps[0])] == pytest.approx(grey(3), abs=3), "held until the next one"
    assert shown[-1] == pytest.approx(grey(5), abs=3)


@pytest.mark.parametrize("method", ["exact", "copy"])
def test_turned_video_is_seen_upright(run_node: Run, context: FolderContext, method: str) -> None:
    lying = Image.new("RGB", (64, 48), "blue")
    lying.paste("red", (0, 0, 32, 48))
    video = film(context.folder / "in.mp4", 10, picture=lambda number: lying, turn=90)
    out = run_node("video.trim", {"video": video}, end=0.5, method=method)
    made = context.folder / out["video"]["$asset"]
    if method == "copy":
        import av

        with av.open(str(made)) as container:
            assert abs(next(container.decode(video=0)).rotation) == 90
        return
    shown = pictures_in(made)[0]
    assert shown.shape == (64, 48, 3)
    assert shown[60, 24][0] > 200, "turned against the clock the left side is below"
    assert shown[4, 24][2] > 200


def test_full_range_stays(run_node: Run, context: FolderContext) -> None:
    video = film(context.folder / "in.mp4", 5, picture=lambda number: Image.new("RGB", (64, 48)), full_range=True)
    out = run_node("video.trim", {"video": video})
    made = context.folder / out["video"]["$asset"]
    assert facts(made)["range"] == 2
    import av

    with av.open(str(made)) as container:
        frame = next(container.decode(video=0))
        assert int(frame.to_ndarray()[10, 10]) <= 2, "black is 0, not 16"


def test_odd_sizes_become_even(run_node: Run, context: FolderContext) -> None:
    video = film(context.folder / "in.mkv", 5, size=(65, 49), pix_fmt="bgr0")
    out = run_node("video.trim", {"video": video})
    made = context.folder / out["video"]["$asset"]
    assert facts(made)["size"] == (64, 48)
    assert near(greys_in(made), [grey(number) for number in range(5)])


def test_a_recording_that_tells_no_length(run_node: Run, context: FolderContext) -> None:
    """As browsers record: the file was written while it was filmed, and begins where its clock stood."""
    import av

    with av.open(str(context.folder / "live.webm"), "w", format="webm", options={"live": "1"}) as container:
        stream = container.add_stream("libvpx", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), grey(number), np.uint8))
            frame.pts, frame.time_base = number + 50, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(str(context.folder / "live.webm")) as container:
        assert not container.duration
    out = run_node("video.trim", {"video": asset("live.webm")}, start=0.3, end=0.6)
    assert near(greys_in(context.folder / out["video"]["$asset"]), [grey(number) for number in range(3, 6)], by=6)


def test_copy_begins_at_a_key_frame(run_node: Run, context: FolderContext) -> None:
    video = film(context.folder / "in.mp4", 20, tone=440)
    out = run_node("video.trim", {"video": video}, start=0.5, end=1.0, method="copy")
    made = context.folder / out["video"]["$asset"]
    assert abs(greys_in(made)[0] - grey(0)) <= 3, "the only key frame is the first"
    assert 10 <= len(greys_in(made)) <= 13
    assert "key frame at 0.000 s" in context.lines[-1]


@pytest.mark.parametrize(
    ("params", "words"),
    [({"start": 5}, "lies behind the end of the video, which is 2.00 s long")],
)
def test_a_wrong_span_is_a_sentence(run_node: Run, context: FolderContext, params: Any, words: str) -> None:
    video = film(context.folder / "in.mp4", 20)
    with pytest.raises(NodeFailure, match=words):
        run_node("video.trim", {"video": video}, **params)


def test_end_before_start_is_refused_before_the_run() -> None:
    from apps.nodes.registry import node_type_get

    node = node_type_get("video.trim")
    assert node
    assert node.params_problems({"start": 3, "end": 2}) == [("end", "The end must come after the start.")]
    assert node.params_problems({"start": {"$variable": "x"}, "end": 2}) == []


def test_what_is_no_video_is_a_sentence(run_node: Run, context: FolderContext) -> None:
    from tests.nodes.clips import sound

    (context.folder / "in.mp4").write_bytes(b"not a film" * 100)
    with pytest.raises(NodeFailure, match="could not be read"):
        run_node("video.trim", {"video": {"$asset": "in.mp4", "kind": "video"}})
    with pytest.raises(NodeFailure, match="no video in it"):
        run_node("video.trim", {"video": sound(context.folder / "in.wav")})


def test_a_playlist_in_disguise_reaches_nothing(run_node: Run, context: FolderContext) -> None:
    (context.folder / "in.mp4").write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n")
    with pytest.raises(NodeFailure, match="could not be read"):
        run_node("video.trim", {"video": {"$asset": "in.mp4", "kind": "video"}})
