"""Sound as numbers between -1 and 1, channel by channel, taken in blocks of any length."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.error import BlockingIOError as Unready
from av.error import EOFError as Ended
from av.filter import Graph

from apps.nodes.media.reels.clip import Clip, media_open, start_of

Samples = npt.NDArray[np.float32]
RATE = 48_000
LAYOUTS = {1: "mono", 2: "stereo"}
BLOCK = 1024
# Shorter holes in a recording are its clock's inaccuracy.
_HOLE_S = 0.05


class Tap:
    """Samples from a stream of blocks, as many as one wants; silence when there are no more."""

    def __init__(self, blocks: Iterator[Samples], channels: int, rate: int = RATE) -> None:
        self._blocks, self.channels, self.rate = blocks, channels, rate
        self._left: Samples = np.zeros((channels, 0), np.float32)
        self.dry = False

    def take(self, count: int) -> Samples:
        """The next ``count`` samples."""
        parts, have = [self._left], self._left.shape[1]
        while have < count and not self.dry:
            block = next(self._blocks, None)
            if block is None:
                self.dry = True
                break
            parts.append(block)
            have += block.shape[1]
        if have < count:
            parts.append(np.zeros((self.channels, count - have), np.float32))
        joined = np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]
        self._left = joined[:, count:]
        return joined[:, :count]


def sound_of(clip: Clip, *, rate: int = RATE, channels: int = 2, start: float = 0.0) -> Tap:
    """The sound of a clip from ``start`` on, in step with its pictures: silence where it has none."""
    return Tap(_blocks(clip, rate, channels, start), channels, rate) if clip.has_sound else silence(channels, rate)


def silence(channels: int = 2, rate: int = RATE) -> Tap:
    """Nothing to hear, without end."""
    return Tap(iter(()), channels, rate)


def _blocks(clip: Clip, rate: int, channels: int, start: float) -> Iterator[Samples]:
    at = 0  # where the next sample belongs, counted from `start`
    for time, block in _resampled(clip, rate, channels, start):
        due = round((time - start) * rate)
        if due > at:
            yield np.zeros((channels, due - at), np.float32)
            at = due
        new = block[:, at - due :]
        at += new.shape[1]
        yield new


def _resampled(clip: Clip, rate: int, channels: int, start: float) -> Iterator[tuple[float, Samples]]:
    """Blocks with their times. A small difference to the clock is none."""
    # One channel is played by both as it is; several are joined so that they cannot get too loud.
    doubled = clip.channels == 1 and channels == 2
    layout = LAYOUTS[1 if doubled else channels]
    resampler = AudioResampler(format="fltp", layout=layout, rate=rate, options={"rematrix_maxval": "1"})
    expected: float | None = None
    with media_open(clip.path) as container:
        stream = container.streams.audio[0]
        zero = start_of(container)
        if start > 1:
            container.seek(int((start - 0.5 + zero) * 1_000_000), backward=True)
        for frame in _decoded(container.decode(stream)):
            if frame is not None:
                told = frame.time - zero if frame.time is not None else expected or 0.0
                if expected is None or abs(told - expected) > _HOLE_S:
                    expected = told
            for out in resampler.resample(frame):
                block = out.to_ndarray().astype(np.float32, copy=False)
                assert expected is not None
                yield expected, np.repeat(block, 2, axis=0) if doubled else block
                expected += block.shape[1] / rate


def _decoded(found: Iterator[AudioFrame]) -> Iterator[AudioFrame | None]:
    yield from found
    yield None


def frame_of(samples: Samples, rate: int) -> AudioFrame:
    """Samples as an encoder takes them."""
    clean = np.ascontiguousarray(np.clip(samples, -1.0, 1.0))
    frame = AudioFrame.from_ndarray(clean, format="fltp", layout=LAYOUTS[samples.shape[0]])
    frame.sample_rate = rate
    return frame


def tempo(tap: Tap, factor: float, seconds: float) -> Tap:
    """``seconds`` of the tap, so many times faster, as high as before."""
    return Tap(_faster(tap, factor, round(seconds * tap.rate)), tap.channels, tap.rate)


def tempo_steps(factor: float) -> list[float]:
    """The filter takes 0.5 at least, so what is slower takes several."""
    steps = []
    while factor < 0.5:
        steps.append(0.5)
        factor /= 0.5
    return [*steps, factor]


def _faster(tap: Tap, factor: float, count: int) -> Iterator[Samples]:
    graph = Graph()
    graph.threads = 1
    source = graph.add_abuffer(sample_rate=tap.rate, format="fltp", layout=LAYOUTS[tap.channels])
    steps = [graph.add("atempo", f"{step:.6f}") for step in tempo_steps(factor)]
    shape = graph.add("aformat", f"sample_fmts=fltp:channel_layouts={LAYOUTS[tap.channels]}")
    graph.link_nodes(source, *steps, shape, graph.add("abuffersink")).configure()
    done = 0
    while done < count:
        block = tap.take(min(4096, count - done))
        frame = frame_of(block, tap.rate)
        frame.pts = done
        graph.push(frame)
        done += block.shape[1]
        yield from _pulled(graph)
    graph.push(None)
    yield from _pulled(graph)


def _pulled(graph: Graph) -> Iterator[Samples]:
    with suppress(Unready, Ended):
        while True:
            found = graph.pull()
            assert isinstance(found, AudioFrame)
            yield found.to_ndarray().astype(np.float32, copy=False)
