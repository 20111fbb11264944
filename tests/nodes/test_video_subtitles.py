from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from apps.engine.node_types import NodeFailure
from apps.nodes.media.reels.captions import Cue, cues_of
from apps.nodes.registry import node_type_get
from tests.nodes.clips import film, loudness, pictures_in, samples_in
from tests.nodes.context import FolderContext

Run = Callable[..., Any]
SRT = "1\n00:00:00,300 --> 00:00:00,600\nHello\n\n2\n00:00:00,800 --> 00:00:02,000\n<i>World</i>\nsecond line\n"
VTT = "WEBVTT - a title\n\nNOTE\nnothing\n\nintro\n00:00.300 --> 00:00.600 align:start\nHello &amp; <v Bob>you\n"
ASS = (
    "[Script Info]\nTitle: x\n\n[Events]\nFormat: Layer, Start, End, Style, Text\n"
    "Comment: 0,0:00:00.00,0:00:09.00,Default,not shown\n"
    "Dialogue: 0,0:00:00.30,0:00:00.60,Default,{\\b1}Hello,{\\b0} you\\Nthere\n"
)


def black(number: int) -> Image.Image:
    return Image.new("RGB", (160, 120))


def lit(frame: Any) -> tuple[int, int] | None:
    """First and last row with something light in them."""
    rows = np.flatnonzero((frame.min(axis=2) > 150).any(axis=1))
    return (int(rows[0]), int(rows[-1])) if len(rows) else None


@pytest.fixture
def video(context: FolderContext) -> dict[str, Any]:
    return film(context.folder / "in.mp4", 10, size=(160, 120), picture=black, tone=300)


def test_text_is_seen_while_it_should(run_node: Run, context: FolderContext, video: dict[str, Any]) -> None:
    out = run_node("video.subtitles", {"video": video}, subtitles=SRT, size=10)
    made = context.folder / out["video"]["$asset"]
    rows = [lit(frame) for frame in pictures_in(made)]
    assert [row is not None for row in rows] == [3 <= n < 6 or n >= 8 for n in range(10)]
    one, two = rows[4], rows[9]
    assert one and two
    assert one[0] > 90, "one line, below"
    assert two[0] < one[0], "two lines reach higher"
    assert loudness(samples_in(made)[4800:40_000]) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(("position", "low", "high"), [("top", 0, 40), ("middle", 40, 80), ("bottom", 80, 120)])
def test_position(
    run_node: Run, context: FolderContext, video: dict[str, Any], position: str, low: int, high: int
) -> None:
    out = run_node("video.subtitles", {"video": video, "text": SRT}, position=position)
    rows = lit(pictures_in(context.folder / out["video"]["$asset"])[4])
    assert rows
    assert low <= rows[0] <= rows[1] < high


def test_colours_and_a_file(run_node: Run, context: FolderContext, video: dict[str, Any]) -> None:
    (context.folder / "a.vtt").write_text("\ufeff" + VTT)
    file = {"$asset": "a.vtt", "kind": "file"}
    settings = {"colour": "#ff0000", "outline": "#0000ff", "size": 20}
    out = run_node("video.subtitles", {"video": video, "file": file}, **settings)
    frame = pictures_in(context.folder / out["video"]["$asset"])[4].astype(int)
    assert ((frame[:, :, 0] > 150) & (frame[:, :, 2] < 100)).sum() > 20
    assert ((frame[:, :, 2] > 150) & (frame[:, :, 0] < 100)).sum() > 20


def test_chinese_is_drawn(run_node: Run, context: FolderContext, video: dict[str, Any]) -> None:
    out = run_node("video.subtitles", {"video": video, "text": SRT.replace("Hello", "中文字幕")}, size=15)
    frame = pictures_in(context.folder / out["video"]["$asset"])[4]
    assert (frame.min(axis=2) > 150).sum() > 200


def test_a_sign_that_no_font_has_is_a_sentence(run_node: Run, video: dict[str, Any]) -> None:
    with pytest.raises(NodeFailure, match="This font has no"):
        run_node("video.subtitles", {"video": video, "text": SRT.replace("Hello", "\U0001f9ff")})


def test_three_ways_of_writing() -> None:
    assert cues_of(SRT) == [Cue(0.3, 0.6, "Hello"), Cue(0.8, 2.0, "World\nsecond line")]
    assert cues_of(VTT) == [Cue(0.3, 0.6, "Hello & you")]
    assert cues_of(ASS) == [Cue(0.3, 0.6, "Hello, you\nthere")]
    assert cues_of("01:00:00,5 --> 01:00:01,25\r\nLate\r\n") == [Cue(3600.5, 3601.25, "Late")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1\n00:00:01,000 -> 00:00:02,000\nx", "line 2: here should be times"),
        ("1\n00:00:01,000 --> 00:00:02,000\nx\n\n2\n00:00:xx --> 1\ny", "line 6: here should be times"),
        ("1\n00:00:03,000 --> 00:00:02,000\nx", "line 2: it ends before it begins"),
        ("no subtitles", "line 2: here should be times"),
        ("", "nothing to show"),
        ("WEBVTT\n\n", "nothing to show"),
        ("[Events]\nDialogue: 0,0:00:00.30,0:00:00.60,x", "line 2: before it there should be a line “Format:”"),
        ("[Events]\nFormat: Start, End, Text\nDialogue: 0:00:00.30,0:00", "line 3: it has fewer parts"),
        ("[Events]\nFormat: Start, End, Text\nDialogue: soon,0:00:01.00,x", "line 3: here should be times"),
    ],
)
def test_a_mistake_names_its_line(text: str, words: str) -> None:
    with pytest.raises(NodeFailure, match=words):
        cues_of(text)


def test_typed_mistakes_are_seen_before_the_run() -> None:
    node = node_type_get("video.subtitles")
    assert node
    assert "line 2" in node.params_problems({"subtitles": "1\nsoon\nx"})[0][1]


def test_bytes_that_are_no_text(run_node: Run, context: FolderContext, video: dict[str, Any]) -> None:
    (context.folder / "a.srt").write_bytes(b"\xff\xfe1\x00")
    with pytest.raises(NodeFailure, match="no text in UTF-8"):
        run_node("video.subtitles", {"video": video, "file": {"$asset": "a.srt", "kind": "file"}})
