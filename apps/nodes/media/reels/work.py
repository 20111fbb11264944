"""A node at work on media: its files, its folder, what it tells, and libav's errors as sentences."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from av.error import FFmpegError
from PIL import Image

from apps.engine.node_types import NodeContext, NodeFailure
from apps.nodes.media.pictures import FORMATS
from apps.nodes.media.reels.clip import Clip, clip_open
from apps.wording import gettext as _

# So often a person wants to hear of it.
_TELL_S = 0.4


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder for results. What libav cannot read or write becomes one sentence."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            yield Path(folder)
        except FFmpegError as error:
            if isinstance(error, MemoryError):
                raise
            message = _("The media could not be worked on: %(reason)s.", reason=error.strerror or str(error))
            raise NodeFailure(message, code="bad-media") from error


@contextmanager
def clip_of(context: NodeContext, ref: Mapping[str, Any], *, picture: bool = False) -> Iterator[Clip]:
    """The clip behind a reference; with ``picture`` it must have one."""
    with context.asset_open(ref) as path:
        try:
            clip = clip_open(path)
        except FFmpegError as error:
            if isinstance(error, MemoryError):
                raise
            reason = error.strerror or str(error)
            raise NodeFailure(_("The file could not be read: %(reason)s.", reason=reason), code="bad-media") from error
        if picture and not clip.has_picture:
            raise NodeFailure(_("The file has no video in it."), code="no-video")
        yield clip


def image_is(path: Path) -> bool:
    """Whether a file is an image."""
    try:
        with Image.open(path, formats=FORMATS):
            return True
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False


def teller(context: NodeContext, first: float = 0.0, last: float = 1.0) -> Callable[[float], None]:
    """Something to tell how far a part of the work is; passed on now and then, and at the end."""
    due = 0.0

    def tell(part: float) -> None:
        nonlocal due
        now = time.monotonic()
        if now >= due or part >= 1:
            due = now + _TELL_S
            context.progress(min(1.0, first + (last - first) * part))

    return tell
