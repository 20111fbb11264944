"""One picture as a PNG that says what it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from apps.sandbox.art.finish import Finish
from apps.sandbox.art.scene import Scene
from apps.sandbox.art.styles import composition_for

SOURCE = "procedural art by the Millrace sandbox"


def draw_png(
    to: Path, *, prompt: str, seed: int, width: int, height: int, style: str = "auto",
    progress: Callable[[float], None] = lambda part: None,
) -> None:  # fmt: skip
    """Write the picture. Sizes in pixels; `style` is one of `style_names.STYLES`; `progress` is told 0..1."""
    progress(0.05)
    scene = Scene(prompt, seed, width, height)
    composition = composition_for(scene, style)
    progress(0.3)
    drawn = composition.frame(0.0)
    progress(0.6)
    picture = Finish(scene).apply(drawn)
    progress(0.8)
    notes = PngInfo()
    notes.add_text("Software", SOURCE)
    notes.add_text("Description", f"{SOURCE}: seed {seed}")
    notes.add_itxt("Prompt", prompt)
    Image.fromarray(picture).save(to, "PNG", pnginfo=notes, compress_level=4)
