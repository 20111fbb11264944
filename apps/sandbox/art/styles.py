"""Which composition a prompt gets, and the list of all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from apps.sandbox.art.compositions.aurora import Aurora
from apps.sandbox.art.compositions.bloom import Bloom
from apps.sandbox.art.compositions.dunes import Dunes
from apps.sandbox.art.compositions.marble import Marble
from apps.sandbox.art.compositions.nebula import Nebula
from apps.sandbox.art.compositions.ridges import Ridges
from apps.sandbox.art.compositions.sea import Sea
from apps.sandbox.art.compositions.skyline import Skyline
from apps.sandbox.art.compositions.strands import Strands
from apps.sandbox.art.palette import Plane
from apps.sandbox.art.scene import Scene


class Composition(Protocol):
    """A picture that can be asked for at any moment `t` (seconds); moments near each other look alike."""

    def frame(self, t: float) -> Plane: ...


COMPOSITIONS: dict[str, Callable[[Scene], Composition]] = {
    "ridges": Ridges, "sea": Sea, "dunes": Dunes, "aurora": Aurora, "nebula": Nebula, "skyline": Skyline,
    "bloom": Bloom, "strands": Strands, "marble": Marble,
}  # fmt: skip

# The first row whose words occur wins: "northern lights over the sea" is an aurora before it is a sea.
SUBJECTS: tuple[tuple[str, str], ...] = (
    ("aurora", "aurora northern borealis polar"),
    ("nebula", "nebula galaxy space cosmos cosmic universe planet starfield supernova interstellar"),
    ("skyline", "city skyline tokyo street downtown cyberpunk skyscraper tower building metropolis york urban"),
    ("dunes", "dune desert sahara sand mars canyon caravan oasis"),
    (
        "ridges",
        (
            "mountain hill forest pine alps valley lake landscape peak wood tree ridge fjord volcano "
            "cabin misty fog river wolf deer castle dragon village"
        ),
    ),
    (
        "sea",
        (
            "sea ocean wave beach coast lighthouse harbour harbor boat ship sail island horizon whale "
            "sunset sunrise summer"
        ),
    ),
    (
        "bloom",
        "flower bloom blossom rose peony petal garden dahlia lotus spring sakura mandala bouquet tulip orchid poppy",
    ),
    (
        "strands",
        "wind flow hair thread line motion river current energy music rhythm fur feather grass data network speed",
    ),
    ("marble", "liquid marble silk gold ink smoke abstract fluid honey chrome satin paint oil glass dream lava"),
    ("ridges", "moon night dawn dusk morning evening winter snow autumn sun sky cloud"),
)
ANYTHING = ("strands", "marble", "bloom", "nebula")


def style_for(scene: Scene) -> str:
    """The composition that the words suggest, or one by luck."""
    for style, words in SUBJECTS:
        if scene.says(*words.split()):
            return style
    return str(scene.generator("style").choice(ANYTHING))


def composition_for(scene: Scene, style: str) -> Composition:
    """The composition of a style name; "auto" lets the words decide."""
    return COMPOSITIONS[style_for(scene) if style == "auto" else style](scene)
